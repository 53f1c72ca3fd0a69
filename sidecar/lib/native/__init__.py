"""The innermost loops, compiled: bytes to lines, columns to the bytes of a request, searches over a whole chunk.

In: bytes, texts and numbers. Out: the same. `_native.c` is used if a C compiler was available at installation,
`fallback.py` otherwise; both return the same results to the byte.

Not in here: anything that knows what a line means.
"""

try:
    from sidecar.lib.native._native import (
        contains,
        count_byte,
        join_columns,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )
except ImportError:
    from sidecar.lib.native.fallback import (
        contains,
        count_byte,
        join_columns,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )

__all__ = ["contains", "count_byte", "join_columns", "needs_no_escaping", "split_lines", "strip_braces"]
