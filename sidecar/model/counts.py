"""Bytes and lines by outcome."""

from __future__ import annotations

import msgspec

MAX_COUNT = (1 << 63) - 1
"""The largest number in the state. Sums of bytes stop there, because each sparse file may claim that much."""


class ByteCounts(msgspec.Struct):
    """Bytes and lines by outcome: `stored`, `dead_letter`, `skipped:empty`, `lost:truncated` …"""

    bytes_: dict[str, int] = {}
    lines: dict[str, int] = {}

    def add(self, what: str, size: int, lines: int) -> None:
        """Add `size` bytes, up to `MAX_COUNT` in total, and `lines` lines to the outcome `what`."""
        self.bytes_[what] = min(MAX_COUNT, self.bytes_.get(what, 0) + size)
        self.lines[what] = self.lines.get(what, 0) + lines

    def merge(self, other: ByteCounts) -> None:
        """Add all counts of `other`."""
        for what, size in other.bytes_.items():
            self.add(what, size, other.lines[what])
