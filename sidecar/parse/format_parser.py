"""Parses built-in formats: the groups of a regex become typed fields.

A line fails if no regex matches it, or if a value is not valid for its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.alternatives import join_alternatives
from sidecar.parse.plain import json_strings, message_bodies
from sidecar.parse.row_templates import FieldSpec, RowFormatter
from sidecar.parse.time.date_shapes import local_time
from sidecar.parse.time.format_times import FormatTimes

UNKNOWN_ZONE = "log.unknown_zone"
"""Field for the name of an unknown time zone. The time of such a line is read as UTC."""


class LogFormat(msgspec.Struct, frozen=True):
    """The log format of a program.

    In patterns, `.` may match the line ends of a multiline event; no other part may. The timestamp is built from the
    groups `time`, `fraction`, `zone` and `year`.
    """

    name: str
    patterns: Sequence[str]
    """Regexes, tried in order: the first one that matches is used."""

    fields: Sequence[FieldSpec]
    """Fields that are built from the groups."""

    examples: Sequence[str] = ()
    """Lines for tests and documentation, one for each pattern."""

    to_iso: Callable[[str, str, float], str] = local_time
    """Converts a time to ISO 8601 without a zone, or to "" if the text is not a time. Arguments: the groups `time`
    and `year` ("" if absent), and the current time, which supplies a missing year or date."""


Row = Sequence[str]


class FormatParser:
    """Parses lines of one format."""

    def __init__(self, log_format: LogFormat, times: FormatTimes) -> None:
        self._formatter = RowFormatter(log_format.fields)
        self._fits = {field.group: field.fits for field in log_format.fields if field.fits}
        self._patterns = log_format.patterns
        self._chunk_patterns: dict[int, re.Pattern[str]] = {}
        self._line_patterns: dict[int, re.Pattern[str]] = {}
        self._error = f"the line is not in the format of {log_format.name}"
        self._times = times

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if the first matching pattern is not the same for all lines."""
        number, _ = self._match(lines.texts[0]) if lines.is_uniform and lines.count else (None, ())
        if number is None:
            return None
        pattern = self._chunk_pattern(number)
        rows = pattern.findall(lines.text)
        if len(rows) != lines.count:
            return None
        columns = _columns(pattern, rows)
        for group, fits in self._fits.items():
            if not all(map(fits, set(columns.get(group, ())) - {""})):
                return None
        return self._records(lines, columns)

    def _chunk_pattern(self, number: int) -> re.Pattern[str]:
        """Return a regex for the lines that pattern `number` matches and no earlier pattern does."""
        if number not in self._chunk_patterns:
            earlier = join_alternatives(self._patterns[:number])
            text = (f"(?!{earlier}$)" if earlier else "") + f"(?:{self._patterns[number]})$"
            self._chunk_patterns[number] = re.compile(f"^{text}", re.MULTILINE | re.ASCII)
        return self._chunk_patterns[number]

    def _line_pattern(self, number: int) -> re.Pattern[str]:
        """Return pattern `number` for one line. It is compiled when a line reaches it."""
        if number not in self._line_patterns:
            self._line_patterns[number] = re.compile(self._patterns[number], re.DOTALL | re.ASCII)
        return self._line_patterns[number]

    def _match(self, line: str) -> tuple[int | None, Row]:
        """Return the number of the first pattern that matches with valid values, and the captures of its groups."""
        for number in range(len(self._patterns)):
            pattern = self._line_pattern(number)
            match = pattern.fullmatch(line)
            if match and all(
                not match[group] or fits(match[group])
                for group, fits in self._fits.items()
                if group in pattern.groupindex
            ):
                return number, match.groups("")
        return None, ()

    def _records(self, lines: LineBatch, columns: Mapping[str, Sequence[str]]) -> RecordBatch:
        bodies, names, ends_with_log = self._formatter.format_rows(columns, lines.count)
        return RecordBatch(
            lines, lines.starts, bodies, self._times.convert_all(columns, lines.count), names,
            ends_with_log_object=ends_with_log, annotations=self._notes(columns),
        )  # fmt: skip

    def _notes(self, columns: Mapping[str, Sequence[str]]) -> dict[int, dict[str, str]]:
        unknown = self._times.unknown_zones(columns)
        return dict(
            zip(unknown, ({UNKNOWN_ZONE: name} for name in json_strings(list(unknown.values()))), strict=True)
        )

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        rows: dict[int, list[tuple[int, Row]]] = {}
        failed: list[int] = []
        for index, line in enumerate(lines.texts):
            number, row = self._match(line)
            if number is None:
                failed.append(index)
            else:
                rows.setdefault(number, []).append((index, row))
        bodies, times = [""] * lines.count, [""] * lines.count
        notes: dict[int, dict[str, str]] = {}
        names = frozenset({"message"} if failed else ())
        all_end_with_log = not failed
        for number, matches in rows.items():
            columns = _columns(self._line_pattern(number), [row for _, row in matches])
            formatted, roots, ends_with_log = self._formatter.format_rows(columns, len(matches))
            names |= roots
            all_end_with_log = all_end_with_log and ends_with_log
            notes.update({matches[row][0]: note for row, note in self._notes(columns).items()})
            converted = self._times.convert_all(columns, len(matches))
            for (index, _), body, time in zip(matches, formatted, converted, strict=True):
                bodies[index], times[index] = body, time
        for index, message in zip(failed, message_bodies([lines.texts[index] for index in failed]), strict=True):
            bodies[index] = message
        return RecordBatch(
            lines, lines.starts, bodies, times, names, errors=dict.fromkeys(failed, self._error),
            annotations=notes, ends_with_log_object=all_end_with_log,
        )  # fmt: skip


def _columns(pattern: re.Pattern[str], rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    """Return the captures of each named group, one for each row."""
    by_position = list(zip(*rows, strict=True))
    return {name: by_position[position - 1] for name, position in pattern.groupindex.items()}
