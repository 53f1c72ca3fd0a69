"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz import encoding, framing, parsing

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "framing": framing.check,
    "parsing": parsing.check,
    "encoding": encoding.check,
}
"""Each takes any bytes, and raises if something is not as it has to be."""
