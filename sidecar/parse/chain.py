"""Several parsers, tried in order for each line: JSON mixed with text, two formats in one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch


class Parser(Protocol):
    """Lines to fields."""

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line, in order; a line that does not parse is in `errors`."""
        ...


class ParserChain:
    """Each line is taken by the first parser that can; if none can, it is what the last one made of it."""

    def __init__(self, parsers: Sequence[Parser]) -> None:
        self._parsers = parsers

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line. What the first parser takes whole costs nothing more."""
        found = self._parsers[0].parse(lines)
        for parser in self._parsers[1:]:
            if found.errors:
                found = _retry_failed(found, parser, lines)
        return found


def _retry_failed(found: RecordBatch, parser: Parser, lines: LineBatch) -> RecordBatch:
    """Give the lines that failed to the next parser."""
    failed = sorted(found.errors)
    texts, starts = lines.texts, found.starts
    rest = replace(
        lines,
        count=len(failed),
        is_uniform=False,
        texts=[texts[i] for i in failed],
        starts=[starts[i] for i in failed],
        skipped=(),
        annotations={},
        invalid=frozenset(),
    )
    second = parser.parse(rest)
    members, times = list(found.bodies), list(found.times)
    for place, index in enumerate(failed):
        members[index], times[index] = second.bodies[place], second.times[place]
    errors = {failed[place]: reason for place, reason in second.errors.items()}
    names = (
        found.root_names | second.root_names
        if found.root_names is not None and second.root_names is not None
        else None
    )
    notes = {**found.annotations, **{failed[place]: noted for place, noted in second.annotations.items()}}
    timeouts = found.timeouts + second.timeouts
    return RecordBatch(lines, starts, members, times, names, errors=errors, annotations=notes, timeouts=timeouts)
