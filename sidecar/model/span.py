"""A range of bytes that is on its way to a sink."""

from __future__ import annotations

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter


class PendingSpan(msgspec.Struct):
    """The bytes of one chunk on their way: from `start` to `end` of the file, and what became of them."""

    start: int
    end: int
    before: bytes
    """The last bytes of the chunk, at most `OVERLAP`: they stand before `end`."""

    settled: bool = False
    amounts: ByteCounts = msgspec.field(default_factory=ByteCounts)
    dead_letters: list[DeadLetter] = []
