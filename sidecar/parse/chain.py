"""Tries several parsers in order for each line: JSON mixed with text, or two formats in one file."""

from __future__ import annotations

from collections.abc import Sequence
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
                records = _retry_failed(records, parser, lines)
        return records


def _retry_failed(records: RecordBatch, parser: Parser, lines: LineBatch) -> RecordBatch:
    """Parse the failed lines again with `parser`. Return all records, with the new results of these lines."""
    failed = sorted(records.errors)
    texts, starts = lines.texts, records.starts
    failed_lines = replace(
        lines,
        count=len(failed),
        is_uniform=False,
        texts=[texts[i] for i in failed],
        starts=[starts[i] for i in failed],
        skipped=(),
        annotations={},
        invalid=frozenset(),
    )
    retried = parser.parse(failed_lines)
    bodies, times = list(records.bodies), list(records.times)
    for position, index in enumerate(failed):
        bodies[index], times[index] = retried.bodies[position], retried.times[position]
    errors = {failed[position]: reason for position, reason in retried.errors.items()}
    names = (
        records.root_names | retried.root_names
        if records.root_names is not None and retried.root_names is not None
        else None
    )
    notes = {
        **records.annotations,
        **{failed[position]: annotation for position, annotation in retried.annotations.items()},
    }
    timeouts = records.timeouts + retried.timeouts
    return RecordBatch(lines, starts, bodies, times, names, errors=errors, annotations=notes, timeouts=timeouts)
