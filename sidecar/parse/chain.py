"""Tries several parsers in order for each line: JSON mixed with text, or two formats in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch


class Parser(Protocol):
    """Turns lines into records."""

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line, in order. A line that does not parse has an entry in `errors`."""
        ...


class ParserChain:
    """Parses each line with the first parser that accepts it. If none does, the last parser decides the result."""

    def __init__(self, parsers: Sequence[Parser]) -> None:
        self._parsers = parsers

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line. Each parser gets only the lines that all parsers before it rejected."""
        records = self._parsers[0].parse(lines)
        for parser in self._parsers[1:]:
            if records.errors:
                records = retry_failed(records, parser.parse, lines)
        return records


def retry_failed(records: RecordBatch, parse: Callable[[LineBatch], RecordBatch], lines: LineBatch) -> RecordBatch:
    """Parse the failed lines again with `parse`. Return all records, with the new results of these lines."""
    failed = sorted(records.errors)
    starts = records.starts
    retried = parse(_select(lines, failed))
    bodies, times = list(records.bodies), list(records.times)
    for position, index in enumerate(failed):
        bodies[index], times[index] = retried.bodies[position], retried.times[position]
    errors = {failed[position]: reason for position, reason in retried.errors.items()}
    names = None
    if records.root_names is not None and retried.root_names is not None and not retried.has_own_timestamp:
        names = records.root_names | retried.root_names
    notes = {
        **records.annotations,
        **{failed[position]: annotation for position, annotation in retried.annotations.items()},
    }
    timeouts = records.timeouts + retried.timeouts
    return RecordBatch(lines, starts, bodies, times, names, errors=errors, annotations=notes, timeouts=timeouts)


def _select(lines: LineBatch, indexes: Sequence[int]) -> LineBatch:
    """Return a batch of only these lines, without what the batch says about other lines. It stays uniform."""
    texts = [lines.texts[index] for index in indexes]
    text = "\n".join([*texts, ""]) if lines.is_uniform else ""
    return replace(
        lines,
        chunk=replace(lines.chunk, data=text.encode()) if lines.is_uniform else lines.chunk,
        count=len(texts),
        texts=texts,
        text=text,
        starts=[lines.starts[index] for index in indexes],
        skipped=(),
        annotations={},
        invalid=frozenset(),
    )
