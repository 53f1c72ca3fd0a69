"""Ranges of bytes that are being delivered, or that have to be read and delivered again later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter


class ParkedRange(msgspec.Struct, frozen=True):
    """Records that are not settled although the position is after them. They are read from their file again."""

    start: int
    end: int
    lines: int
    target: str
    """Index or collection that takes no documents; "" if the reason is not about a target."""


def join_ranges(ranges: Iterable[ParkedRange]) -> list[ParkedRange]:
    """Return the ranges in order, as few as possible."""
    joined: list[ParkedRange] = []
    for item in sorted(ranges, key=lambda each: each.start):
        last = joined[-1] if joined else None
        if last and last.end == item.start and last.target == item.target:
            joined[-1] = ParkedRange(last.start, item.end, last.lines + item.lines, last.target)
        else:
            joined.append(item)
    return joined


def cut_ranges(ranges: Iterable[ParkedRange], cuts: Iterable[tuple[int, int]]) -> list[ParkedRange]:
    """Return the ranges, which are in order, without the bytes of `cuts`. The lines of a rest are estimated."""
    rest: list[ParkedRange] = []
    waiting = deque(sorted(cuts))
    for item in ranges:
        begin = item.start
        while waiting and waiting[0][0] < item.end:
            start, end = waiting[0]
            if begin < start:
                rest.append(_shorten(item, begin, start))
            begin = max(begin, end)
            if end > item.end:
                break
            waiting.popleft()
        if begin < item.end:
            rest.append(_shorten(item, begin, item.end))
    return rest


def _shorten(item: ParkedRange, start: int, end: int) -> ParkedRange:
    if (start, end) == (item.start, item.end):
        return item
    lines = max(1, item.lines * (end - start) // (item.end - item.start))
    return ParkedRange(start, end, lines, item.target)


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
    parked: list[ParkedRange] = []
    """Records of a settled span that have to be read and delivered again later."""

    parked_for: str | None = None
    """The target for which the span was parked, if it is read again; None if it is read for the first time."""
