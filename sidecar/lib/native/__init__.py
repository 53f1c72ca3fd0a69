"""Provides the compiled inner loops: split bytes into lines, join columns into request bytes, search chunks and JSON.

`_native.c` is used if a C compiler was available at installation, else `fallback.py`. Both return the same results to
the byte. This package does not know what lines mean.
"""

try:
    from sidecar.lib.native._native import (
        are_ipv4,
        contains,
        contains_any,
        count_byte,
        encode_pairs,
        join_columns,
        locate_members,
        mask_email,
        mask_ipv4,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )
except ImportError:
    from sidecar.lib.native.fallback import (
        are_ipv4,
        contains,
        contains_any,
        count_byte,
        encode_pairs,
        join_columns,
        locate_members,
        mask_email,
        mask_ipv4,
        needs_no_escaping,
        split_lines,
        strip_braces,
    )

__all__ = [
    "are_ipv4",
    "contains",
    "contains_any",
    "count_byte",
    "encode_pairs",
    "join_columns",
    "locate_members",
    "mask_email",
    "mask_ipv4",
    "needs_no_escaping",
    "split_lines",
    "strip_braces",
]
