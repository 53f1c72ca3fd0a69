"""The nouns that travel through the rooms, in batches: Generation, Chunk, Lines, Records, Documents, Batch, Verdict.

No noun here stands for one line. A chunk of some hundred lines is decoded, parsed, transformed and rendered as
columns, because an object or a call for each line would cost more than everything else together.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from sidecar.model.file import Generation

Value = TypeVar("Value")


class Chunk(msgspec.Struct, frozen=True):
    """Bytes of whole lines from one position of one generation.

    `data` begins at byte `offset` of the file. `end` is the offset of the byte after it, larger than
    `offset + len(data)` where a line's tail was too long to be kept (`cut_bytes`) or a hole was skipped.
    `closed`: the last line has no newline and is to be taken as it is. `continuation`: the first line is the
    rest of one whose beginning was shipped before. `events`: where in `data` each event of one or several lines
    begins, None if each line is one; `split` are the indexes of events that a limit has closed. `encoding`: what the
    reader found the file to be in, "" if it did not look.
    """

    generation: Generation
    offset: int
    data: bytes
    end: int
    is_unterminated: bool = False
    continuation: bool = False
    truncated_bytes: int = 0
    event_starts: Sequence[int] | None = None
    split_events: frozenset[int] = frozenset()
    encoding: str = ""


class SkippedRange(msgspec.Struct, frozen=True):
    """Bytes of the file that no document holds, by rule: an empty line, a hole of NUL bytes, a record that the user
    does not want."""

    start: int
    end: int
    reason: str


class RecordRanges(msgspec.Struct, frozen=True):
    """Where the records of a chunk begin, by offset in the file, what lies between them, and where the chunk ends."""

    starts: Sequence[int]
    skipped: Sequence[SkippedRange]
    end: int

    def end_of(self, start: int) -> int:
        """The offset behind the bytes of the record that begins at `start`: there the next one begins, or a gap."""
        return self.ends_of([start])[0]

    def ends_of(self, starts: Iterable[int]) -> list[int]:
        """The same for several of them."""
        begins = sorted({*self.starts, *(gap.start for gap in self.skipped), self.end})
        return [begins[bisect_right(begins, start)] for start in starts]


class LineBatch(msgspec.Struct, frozen=True):
    """The lines of a chunk without their line ends, and the byte offset in the file at which each begins.

    Whole means that each line of the chunk is one record as it stands: valid UTF-8, no empty line, no NUL,
    no carriage return, nothing to note. Only then may a parser treat the chunk at a stroke, and only then there is
    `text`, all of it with its line ends.
    `notes` holds what is to be said of single lines in their documents: index → (path, JSON text) pairs.
    `undecodable` holds the indexes of lines that the strict policy refuses.
    """

    chunk: Chunk
    count: int
    texts: Sequence[str] = ()
    starts: Sequence[int] = ()
    text: str = ""
    is_uniform: bool = True
    skipped: Sequence[SkippedRange] = ()
    annotations: dict[int, dict[str, str]] = {}
    invalid: frozenset[int] = frozenset()
    replacement_count: int = 0

    def layout(self) -> RecordRanges:
        """Where everything is, without the text."""
        return RecordRanges(self.starts, self.skipped, self.chunk.end)

    def select(self, indexes: Sequence[int]) -> LineBatch:
        """The lines with these indexes, renumbered from 0. What is skipped stays."""
        places = {index: place for place, index in enumerate(indexes)}
        return msgspec.structs.replace(
            self,
            count=len(indexes),
            texts=[self.texts[i] for i in indexes],
            starts=[self.starts[i] for i in indexes],
            text="",
            is_uniform=False,
            annotations=renumber_annotations(self.annotations, places),
            invalid=frozenset(places[i] for i in self.invalid if i in places),
        )


def renumber_annotations(noted: Mapping[int, Value], places: Mapping[int, int]) -> dict[int, Value]:
    return {places[index]: value for index, value in noted.items() if index in places}
