"""A format that is known: patterns of ours, whose groups become typed fields, for a whole chunk at a stroke.

Lines are matched together, then looked at column by column. A line that does not match is a message with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import FieldSpec, RowFormatter
from sidecar.parse.time.format_times import FormatTimes


class LogFormat(msgspec.Struct, frozen=True):
    """What a program writes: `patterns` that are tried in order, and the fields that their groups become.

    Patterns say `.` for what may go on over the lines of an event, and exclude line ends everywhere else. The groups
    `time`, `fraction`, `zone` and `year` are the event's time. `shape` makes ISO 8601 without a zone of the text of
    `time`, given the year or "" and the present; "" if it is none.
    """

    name: str
    patterns: Sequence[str]
    leaves: Sequence[FieldSpec]
    shape: Callable[[str, str, float], str]


Row = Sequence[str]


class FormatParser:
    """The parser of one format. `written` reads its times."""

    def __init__(self, form: LogFormat, written: FormatTimes) -> None:
        self._members = RowFormatter(form.leaves)
        self._many = [re.compile(f"^(?:{pattern})$", re.MULTILINE | re.ASCII) for pattern in form.patterns]
        self._one = [re.compile(pattern, re.DOTALL | re.ASCII) for pattern in form.patterns]
        self._error = f"the line is not in the format of {form.name}"
        self._written = written

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line, at a stroke if all are of one pattern."""
        if lines.is_uniform:
            for pattern in self._many:
                rows = pattern.findall(lines.text)
                if len(rows) == lines.count:
                    return self._records(lines, pattern, rows)
        return self._line_by_line(lines)

    def _records(self, lines: LineBatch, pattern: re.Pattern[str], rows: Sequence[Row]) -> RecordBatch:
        columns = _columns(pattern, rows)
        members, closes = self._members.of(columns, len(rows))
        return RecordBatch(
            lines,
            lines.starts,
            members,
            self._written.all(columns, len(rows)),
            self._members.names,
            ends_with_log_object=closes,
        )

    def _line_by_line(self, lines: LineBatch) -> RecordBatch:
        rows: dict[int, list[tuple[int, Row]]] = {}
        errors: dict[int, str] = {}
        for index, line in enumerate(lines.texts):
            for which, pattern in enumerate(self._one):
                if match := pattern.fullmatch(line):
                    rows.setdefault(which, []).append((index, match.groups("")))
                    break
            else:
                errors[index] = self._error
        failed = [lines.texts[index] for index in errors]
        members, times = [""] * lines.count, [""] * lines.count
        all_close = not errors
        for which, found in rows.items():
            columns = _columns(self._one[which], [row for _, row in found])
            made, closes = self._members.of(columns, len(found))
            all_close = all_close and closes
            for (index, _), member, time in zip(found, made, self._written.all(columns, len(found)), strict=True):
                members[index], times[index] = member, time
        for index, message in zip(errors, message_bodies(failed), strict=True):
            members[index] = message
        names = self._members.names | {"message"} if errors else self._members.names
        return RecordBatch(lines, lines.starts, members, times, names, errors=errors, ends_with_log_object=all_close)


def _columns(pattern: re.Pattern[str], rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    """What each named group found in each row."""
    by_place = list(zip(*rows, strict=True))
    return {name: by_place[place - 1] for name, place in pattern.groupindex.items()}
