"""Defines ranges of bytes that are being delivered, or that must be read and delivered again later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter


class ParkedRange(msgspec.Struct, frozen=True):
    """Consecutive records that are not settled although reading has continued. They are read again later."""

    start: int
    end: int
    lines: int
    target: str
    """Index or collection that accepts no documents; "" if the cause is not a target."""


def join_ranges(ranges: Iterable[ParkedRange]) -> list[ParkedRange]:
    """Return the ranges in order. Join adjacent ranges of the same target."""
    joined: list[ParkedRange] = []
    for item in sorted(ranges, key=lambda each: each.start):
        last = joined[-1] if joined else None
        if last and last.end == item.start and last.target == item.target:
            joined[-1] = ParkedRange(last.start, item.end, last.lines + item.lines, last.target)
        else:
            joined.append(item)
    return joined


def cut_ranges(ranges: Iterable[ParkedRange], cuts: Iterable[tuple[int, int]]) -> list[ParkedRange]:
    """Return the ranges without the bytes of `cuts`. If a part of a range remains, estimate its number of lines.

    The ranges must be in order.
    """
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
    """The range of one chunk in the file, and the outcome of its delivery."""

    start: int
    end: int
    overlap: bytes
    """The last bytes before `end`, at most `OVERLAP_BYTES`."""

    crc: int | None = None
    """Checksum of everything before `end`; None if it is unknown."""

    marks: Sequence[tuple[int, int]] = ()
    """Line ends near the end of the chunk, as in `Checkpoint.marks`."""

    first_time: float | None = None
    """Timestamp of the first record that has one, in seconds since the epoch."""

    settled: bool = False
    amounts: ByteCounts = msgspec.field(default_factory=ByteCounts)
    dead_letters: list[DeadLetter] = []
    parked: list[ParkedRange] = []
    """Ranges of the span that were set aside, to be read and delivered again later. The span counts as settled."""

    parked_for: str | None = None
    """If the span was parked before, the target (index or collection) that accepted no documents, or ""; None if the
    span is read for the first time."""
