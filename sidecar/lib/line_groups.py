"""Defines how lines are divided into events, as offsets in some data."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Events(NamedTuple):
    """The complete events in some data. Events whose lines alternate form one block, which is read as a whole."""

    starts: Sequence[int]
    """Offset of the first line of each event, in ascending order."""

    complete_bytes: int
    """Offset after the last complete block."""

    split: frozenset[int] = frozenset()
    """Indexes of events that were closed by a limit."""

    continued: frozenset[int] = frozenset()
    """Indexes of events that begin with a line which continues an event that was closed early."""

    ranges: Mapping[int, Sequence[tuple[int, int]]] = {}
    """Index of an event → the ranges of its lines, if it does not end where the next event starts."""

    block_starts: Sequence[int] | None = None
    """Indexes of the events that start a block. None: each event is a block."""

    @property
    def first_block_count(self) -> int:
        """Number of events in the first block."""
        if self.block_starts is None or not self.starts:
            return min(1, len(self.starts))
        return self.block_starts[1] if len(self.block_starts) > 1 else len(self.starts)

    def take(self, max_count: int) -> Events:
        """Return the first blocks with at most `max_count` events; the first block if it has more."""
        count = min(max(max_count, self.first_block_count), len(self.starts))
        if self.block_starts is not None and count < len(self.starts):
            count = self.block_starts[bisect_right(self.block_starts, count) - 1]
        if count == len(self.starts):
            return self
        return Events(
            self.starts[:count],
            self.starts[count],
            frozenset(index for index in self.split if index < count),
            frozenset(index for index in self.continued if index < count),
            {index: ranges for index, ranges in self.ranges.items() if index < count},
            None if self.block_starts is None else [index for index in self.block_starts if index < count],
        )

    def append(self, start: int) -> Events:
        """Return these events and one more at the end of the data, which is a block."""
        blocks = None if self.block_starts is None else (*self.block_starts, len(self.starts))
        return self._replace(starts=(*self.starts, start), block_starts=blocks)

    def move(self, new_offset: Callable[[int], int]) -> Events:
        """Return the same events with other offsets. `new_offset` returns the new offset for an old one."""
        return self._replace(
            starts=[new_offset(start) for start in self.starts],
            complete_bytes=new_offset(self.complete_bytes),
            ranges={
                index: [(new_offset(start), new_offset(end)) for start, end in ranges]
                for index, ranges in self.ranges.items()
            },
        )


class LineGrouping(Protocol):
    """Decides which lines form one event. The lines are encoded in UTF-8."""

    def begins_event(self, data: bytes) -> bool: ...
    def split_events(self, data: bytes, *, closed: bool = False) -> Events: ...
