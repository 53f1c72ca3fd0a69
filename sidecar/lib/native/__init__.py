"""Lines to columns, and columns to the bytes of a request: the loops that a line costs most in.

Compiled where a C compiler was at hand (`_native.c`), in Python (`fallback.py`) otherwise, with the same results
to the byte. Nothing here knows what a line means.
"""

try:
    from sidecar.lib.native._native import counted, holds, is_unescaped, lines, rendered, unwrapped
except ImportError:
    from sidecar.lib.native.fallback import counted, holds, is_unescaped, lines, rendered, unwrapped

__all__ = ["counted", "holds", "is_unescaped", "lines", "rendered", "unwrapped"]
