"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sidecar.convert.kinds import KINDS as KINDS_OF_CONVERT
from sidecar.parse.settings import BUILT_IN
from sidecar.transform.registry import KINDS
from tests.chaos.fuzz import (
    converting,
    detection,
    encoding,
    framing,
    grouping,
    native,
    parsing,
    redaction,
    reviewing,
    transforms,
)

_COMPILED = (
    "split_lines", "strip_braces", "join_columns", "contains", "contains_any", "are_ipv4", "count_byte",
    "needs_no_escaping", "locate_members", "encode_pairs", "mask_ipv4", "mask_email",
)  # fmt: skip

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    **{f"native-{name}": partial(native.check, name) for name in _COMPILED},
    "native-documents": native.check_documents,
    "framing": framing.check,
    "multiline": grouping.check,
    **{f"parser-{name}": partial(parsing.check, wanted=name) for name in (*BUILT_IN, "chain")},
    **{f"transform-{name}": partial(transforms.check, name) for name in KINDS},
    "redaction": redaction.check,
    "encoding": encoding.check,
    "detection": detection.check,
    "review": reviewing.check_review,
    "manifest": reviewing.check_manifest,
    **{f"convert-{kind}": partial(converting.check, kind) for kind in KINDS_OF_CONVERT},
}
"""Each takes any bytes, and raises if something is not as it has to be."""

NATIVE = frozenset(name for name in TARGETS if name.startswith("native-"))
"""Those of compiled code, which the sanitizers watch."""
