"""Defines chunks of bytes, and the lines in them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import msgspec

from sidecar.lib.line_groups import Events
from sidecar.model.file import Generation

Value = TypeVar("Value")


class Chunk(msgspec.Struct, frozen=True):
    """The bytes of consecutive whole lines of one generation."""

    generation: Generation
    offset: int
    """Offset of `data` in the file."""

    data: bytes
    end: int
    """Offset after the chunk. It is more than `offset + len(data)` if a long line was shortened or a hole skipped."""

    is_unterminated: bool = False
    """Whether the last line has no line end but counts as complete."""

    continuation: bool = False
    """Whether the first line continues a line whose beginning was shipped before."""

    truncated_bytes: int = 0
    """Number of bytes that were cut off the last line."""

    event_starts: Sequence[int] | None = None
    """Offset in `data` at which each event begins; None if each line is one event."""

    split_events: frozenset[int] = frozenset()
    """Indexes of events that were ended early, because they reached a limit."""

    continued_events: frozenset[int] = frozenset()
    """Indexes of events that continue an event which was ended early."""

    event_ranges: Mapping[int, Sequence[tuple[int, int]]] = {}
    """Index of an event → the ranges of its lines in `data`, if it does not end where the next event starts."""

    encoding: str = ""
    """Encoding that the reader has detected; "" if it has not."""

    def divide(self, events: Events) -> Chunk:
        """Return the chunk divided into these events."""
        return msgspec.structs.replace(
            self,
            event_starts=events.starts,
            split_events=events.split,
            continued_events=events.continued,
            event_ranges=events.ranges,
        )


class SkippedRange(msgspec.Struct, frozen=True):
    """A range of the file that is in no document, and the reason: an empty line, NUL bytes or a filter."""

    start: int
    end: int
    reason: str


class RecordRanges(msgspec.Struct, frozen=True):
    """The offsets of the records of a chunk, of skipped ranges between them, and of the end of the chunk."""

    starts: Sequence[int]
    skipped: Sequence[SkippedRange]
    end: int
    is_interleaved: bool = False
    """Whether lines of several records alternate. Then the chunk can be read again only as a whole."""

    def end_of(self, start: int) -> int:
        """Return the end of the record that begins at `start`: the start of the next record or skipped range."""
        return self.ends_of([start])[0]

    def compact(self) -> RecordRanges:
        """Return these offsets in a fraction of their memory."""
        return RecordRanges(array("q", self.starts), self.skipped, self.end, self.is_interleaved)

    def ends_of(self, starts: Collection[int]) -> list[int]:
        """Return the end of each of these records."""
        if not starts:  # the usual case: the ends of all records would be sorted for nothing
            return []
        begins = sorted({*self.starts, *(gap.start for gap in self.skipped), self.end})
        return [begins[bisect_right(begins, start)] for start in starts]


class LineBatch(msgspec.Struct, frozen=True):
    """The lines of a chunk without their line ends."""

    chunk: Chunk
    count: int
    texts: Sequence[str] = ()
    starts: Sequence[int] = ()
    """Offset of each line in the file."""

    text: str = ""
    """All lines with their line ends, if `is_uniform`; else ""."""

    is_uniform: bool = True
    """Whether all lines are valid UTF-8 and not empty, have no NUL or CR, and get no additional fields
    (`annotations`). Only then may a parser process the chunk in one pass."""

    skipped: Sequence[SkippedRange] = ()
    annotations: dict[int, dict[str, str]] = {}
    """Index of a line → fields to add to its document, as path → JSON text."""

    invalid: frozenset[int] = frozenset()
    """Indexes of lines with invalid text, if `encoding_errors` is `strict`."""

    replacement_count: int = 0
    """Number of lines in which invalid bytes were replaced."""

    def ranges(self) -> RecordRanges:
        """Return the offsets of all records and skipped ranges."""
        return RecordRanges(self.starts, self.skipped, self.chunk.end, bool(self.chunk.event_ranges))

    def select(self, indexes: Sequence[int]) -> LineBatch:
        """Return a batch of the lines with these indexes, in this order. Keep all skipped ranges."""
        positions = {index: place for place, index in enumerate(indexes)}
        return msgspec.structs.replace(
            self,
            count=len(indexes),
            texts=[self.texts[i] for i in indexes],
            starts=[self.starts[i] for i in indexes],
            text="",
            is_uniform=False,
            annotations=renumber_annotations(self.annotations, positions),
            invalid=frozenset(positions[i] for i in self.invalid if i in positions),
        )


def renumber_annotations(by_index: Mapping[int, Value], positions: Mapping[int, int]) -> dict[int, Value]:
    return {positions[index]: value for index, value in by_index.items() if index in positions}
