"""Runs a chunk through the stages that turn it into documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from sidecar.decode.framing import Framer
from sidecar.document.builder import DocumentBuilder
from sidecar.model.documents import Documents
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch, Transform
from sidecar.parse.chain import Parser
from sidecar.tail.cursor import Cursor
from sidecar.tail.reader import Reader


class StageSelector(Protocol):
    """Selects the stages for each file of a pipeline."""

    def select(self, cursor: Cursor, /) -> Stages | None:
        """Return the stages for a file, or None if its format cannot be detected yet. Then call again at
        `cursor.due`, or when the file has grown.
        """
        ...


class Stages(msgspec.Struct, frozen=True):
    """The stages of one shipper, in the order in which a chunk passes them."""

    reader: Reader
    framing: Framer
    parser: Parser
    steps: Sequence[Transform]
    finisher: DocumentBuilder

    def select(self, _cursor: Cursor) -> Stages:
        """Return these stages, which are the same for every file."""
        return self

    def documents(self, chunk: Chunk) -> tuple[LineBatch, RecordBatch, Documents]:
        """Run a chunk through all stages. Return its lines, records and documents."""
        lines = self.framing.frame(chunk)
        records = self.records(lines)
        return lines, records, self.finisher.build(records)

    def trace(self, chunk: Chunk) -> tuple[RecordBatch, tuple[LineBatch, RecordBatch, Documents]]:
        """Run a chunk through all stages. Return the records of the parser, and the result of `documents`."""
        lines = self.framing.frame(chunk)
        stages = self.stages(lines)
        _, parsed = next(stages)
        records = parsed
        for _, records in stages:  # noqa: B007 - the last ones are needed
            pass
        return parsed, (lines, records, self.finisher.build(records))

    def records(self, lines: LineBatch) -> RecordBatch:
        """Parse lines and apply all transforms."""
        *_, (_, records) = self.stages(lines)
        return records

    def stages(self, lines: LineBatch) -> Iterator[tuple[str, RecordBatch]]:
        """Yield the name of each stage and its records: first the parser, then each transform."""
        records = self.parser.parse(lines)
        yield "parser", records
        for step in self.steps:
            records = step.run(records)
            yield step.name, records
