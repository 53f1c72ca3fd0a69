"""The innermost loops, compiled: split bytes into lines, write columns into the bytes of a request, search a chunk.

In: bytes, texts and numbers. Out: the same types. `_native.c` is used if a C compiler was available at installation,
else `fallback.py`; both return the same results to the byte. Not in here: the meaning of lines.
"""

try:
    from sidecar.lib.native._native import (
        are_ipv4,
        contains,
        count_byte,
        join_columns,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )
except ImportError:
    from sidecar.lib.native.fallback import (
        are_ipv4,
        contains,
        count_byte,
        join_columns,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )

__all__ = ["are_ipv4", "contains", "count_byte", "join_columns", "needs_no_escaping", "split_lines", "strip_braces"]
