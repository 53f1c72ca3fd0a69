"""A range of bytes that is being delivered."""

from __future__ import annotations

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter


class PendingSpan(msgspec.Struct):
    """The bytes of one chunk on their way to a sink, from `start` to `end` of the file, and their outcome."""

    start: int
    end: int
    before: bytes
    """The last bytes of the chunk, at most `OVERLAP_BYTES`, which are before `end`."""

    crc: int | None = None
    """Checksum of everything before `end`, None if it is not known."""

    settled: bool = False
    amounts: ByteCounts = msgspec.field(default_factory=ByteCounts)
    dead_letters: list[DeadLetter] = []
