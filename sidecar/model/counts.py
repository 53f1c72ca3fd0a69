"""Counts bytes and lines by outcome."""

from __future__ import annotations

import msgspec

MAX_COUNT = (1 << 63) - 1
"""The largest number that the state can store. Sums of bytes stop there; a single sparse file may be that large."""


class ByteCounts(msgspec.Struct):
    """Numbers of bytes and lines by outcome, such as `stored`, `dead_letter`, `skipped:empty` or `lost:truncated`."""

    bytes_: dict[str, int] = {}
    lines: dict[str, int] = {}

    def add(self, outcome: str, size: int, lines: int) -> None:
        """Add bytes and lines to an outcome. The sum of bytes stops at `MAX_COUNT`."""
        self.bytes_[outcome] = min(MAX_COUNT, self.bytes_.get(outcome, 0) + size)
        self.lines[outcome] = self.lines.get(outcome, 0) + lines

    def merge(self, other: ByteCounts) -> None:
        """Add all counts of `other`."""
        for outcome, size in other.bytes_.items():
            self.add(outcome, size, other.lines[outcome])
