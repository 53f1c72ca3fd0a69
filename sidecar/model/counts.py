"""Bytes and lines by outcome."""

from __future__ import annotations

import msgspec

MAX_COUNT = (1 << 63) - 1
"""The largest number that the state holds. Sums of bytes stop there: sparse files may claim as much each."""


class ByteCounts(msgspec.Struct):
    """Bytes and lines by what became of them: `stored`, `dead_letter`, `skipped:empty`, `lost:truncated` …"""

    bytes_: dict[str, int] = {}
    lines: dict[str, int] = {}

    def add(self, what: str, size: int, lines: int) -> None:
        """Count `size` bytes, up to `MAX_COUNT` in all, and `lines` lines more under `what`."""
        self.bytes_[what] = min(MAX_COUNT, self.bytes_.get(what, 0) + size)
        self.lines[what] = self.lines.get(what, 0) + lines

    def merge(self, other: ByteCounts) -> None:
        """Count all of `other` too."""
        for what, size in other.bytes_.items():
            self.add(what, size, other.lines[what])
