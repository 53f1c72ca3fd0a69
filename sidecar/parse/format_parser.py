"""Parser for built-in formats: regex groups become typed fields, one pass per chunk.

A line that does not match becomes a message with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import FieldSpec, RowFormatter
from sidecar.parse.time.format_times import FormatTimes


class LogFormat(msgspec.Struct, frozen=True):
    """What a program writes.

    In patterns `.` may match line ends of an event; everything else excludes them. The groups `time`, `fraction`,
    `zone` and `year` make the timestamp.
    """

    name: str
    patterns: Sequence[str]
    """Regexes, tried in order."""

    fields: Sequence[FieldSpec]
    """Fields that the groups become."""

    to_iso: Callable[[str, str, float], str]
    """Converts the groups `time` and `year` ("" if absent), and the current time, to ISO 8601 without a zone. Returns
    "" for text that is not a time."""


Row = Sequence[str]


class FormatParser:
    """Parses lines of one format."""

    def __init__(self, log_format: LogFormat, times: FormatTimes) -> None:
        self._formatter = RowFormatter(log_format.fields)
        self._chunk_patterns = [
            re.compile(f"^(?:{pattern})$", re.MULTILINE | re.ASCII) for pattern in log_format.patterns
        ]
        self._line_patterns = [re.compile(pattern, re.DOTALL | re.ASCII) for pattern in log_format.patterns]
        self._error = f"the line is not in the format of {log_format.name}"
        self._times = times

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass, if they match the same pattern."""
        if lines.is_uniform:
            for pattern in self._chunk_patterns:
                rows = pattern.findall(lines.text)
                if len(rows) == lines.count:
                    return self._records(lines, _columns(pattern, rows))
        return None

    def _records(self, lines: LineBatch, columns: Mapping[str, Sequence[str]]) -> RecordBatch:
        bodies, ends_with_log = self._formatter.format_rows(columns, lines.count)
        times, names = self._times.convert_all(columns, lines.count), self._formatter.names
        return RecordBatch(lines, lines.starts, bodies, times, names, ends_with_log_object=ends_with_log)

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        rows: dict[int, list[tuple[int, Row]]] = {}
        errors: dict[int, str] = {}
        for index, line in enumerate(lines.texts):
            for number, pattern in enumerate(self._line_patterns):
                if match := pattern.fullmatch(line):
                    rows.setdefault(number, []).append((index, match.groups("")))
                    break
            else:
                errors[index] = self._error
        failed = [lines.texts[index] for index in errors]
        bodies, times = [""] * lines.count, [""] * lines.count
        all_end_with_log = not errors
        for number, matches in rows.items():
            columns = _columns(self._line_patterns[number], [row for _, row in matches])
            formatted, ends_with_log = self._formatter.format_rows(columns, len(matches))
            all_end_with_log = all_end_with_log and ends_with_log
            for (index, _), body, time in zip(
                matches, formatted, self._times.convert_all(columns, len(matches)), strict=True
            ):
                bodies[index], times[index] = body, time
        for index, message in zip(errors, message_bodies(failed), strict=True):
            bodies[index] = message
        names = self._formatter.names | {"message"} if errors else self._formatter.names
        return RecordBatch(
            lines, lines.starts, bodies, times, names, errors=errors, ends_with_log_object=all_end_with_log
        )


def _columns(pattern: re.Pattern[str], rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    """Return the captures of each named group, row by row."""
    by_position = list(zip(*rows, strict=True))
    return {name: by_position[position - 1] for name, position in pattern.groupindex.items()}
