"""Lines to columns, and columns to the bytes of a request: the loops that a line costs most in.

Compiled where a C compiler was at hand (`_compiled.c`), in Python (`reference.py`) otherwise, with the same results
to the byte. Nothing here knows what a line means.
"""

try:
    from sidecar.columns._compiled import counted, holds, is_unescaped, lines, rendered, unwrapped
except ImportError:
    from sidecar.columns.reference import counted, holds, is_unescaped, lines, rendered, unwrapped

__all__ = ["counted", "holds", "is_unescaped", "lines", "rendered", "unwrapped"]
