"""Fields whose names and types the user declares, and the time among them.

What does not convert stays the text that it is, and the record says so in `error.message`; it is parsed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sidecar.conversions import Conversion, Kind, of_kind
from sidecar.flow import Lines, Records
from sidecar.nesting import quoted
from sidecar.parse.json import TIME_FIELDS
from sidecar.parse.plain import as_messages
from sidecar.parse.rows import Columns, Leaf, Members, are_plain, text, value
from sidecar.parse.timestamps import Timestamps, all_rfc3339

_REMEMBERED = 4096
_PLAIN: dict[Kind, re.Pattern[str]] = {
    "integer": re.compile(r"(?:(?:0|[1-9]\d{0,17}+)\n)*+", re.ASCII),
    "float": re.compile(r"(?:-?(?:0|[1-9]\d{0,17}+)(?:\.\d{1,30}+)?+\n)*+", re.ASCII),
}
"""Columns of numbers that are written as JSON writes them."""


class Declared:
    """What a pipeline says of fields: their types by path, and the field of the time."""

    def __init__(self, kinds: Mapping[str, Kind], timestamps: Timestamps, field: str | None = None) -> None:
        self._kinds = dict(kinds)
        self.has_types = bool(kinds)
        self._conversions = {path: of_kind(kind, timestamps.read) for path, kind in kinds.items()}
        self._known: dict[tuple[str, str], str | None] = {}
        self._timestamps = timestamps
        self._candidates = (field,) if field else TIME_FIELDS

    def members(self, paths: Sequence[str]) -> Members:
        """What makes members of columns that are named after these paths; "" makes no field."""
        return Members([self._leaf(path) for path in paths])

    def _leaf(self, path: str) -> Leaf:
        kind = self._kinds.get(path)
        return text(path, path) if kind is None else value(path, path, self._maker(path), _PLAIN.get(kind))

    def records(self, lines: Lines, made_by: Members, columns: Columns, errors: dict[int, str]) -> Records:
        """One record for each line: a row of the columns, or a message for those with errors, which have no row."""
        count = lines.count - len(errors)
        (members, _), times = made_by.of(columns, count), self.times(columns, count)
        notes, names = self.notes(columns), made_by.names
        if errors:
            places = [index for index in range(lines.count) if index not in errors]
            failed = zip(errors, as_messages([lines.texts[index] for index in errors]), strict=True)
            rows = dict(zip(places, zip(members, times, strict=True), strict=True))
            rows |= {index: (message, "") for index, message in failed}
            members, times = [rows[i][0] for i in range(lines.count)], [rows[i][1] for i in range(lines.count)]
            notes, names = {places[place]: said for place, said in notes.items()}, names | {"message"}
        return Records(lines, lines.starts, members, times, names, errors=errors, notes=notes)

    def value(self, path: str, text: str) -> str:
        """The value of a field as JSON: converted, or the text."""
        found = self._converted(path, text) if path in self._kinds else None
        return quoted(text) if found is None else found

    def complaint(self, fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """What is to be said of one record, of which some values do not convert."""
        said = [
            f"{path} cannot be read as {self._kinds[path]}"
            for path in sorted(self._kinds.keys() & fields.keys())
            if any(text and self._converted(path, text) is None for text in fields[path])
        ]
        return {"error.message": quoted("; ".join(said))} if said else {}

    def time(self, fields: Mapping[str, Sequence[str]]) -> str:
        """The time of one record, from the first of the time's fields that has one; "" for none."""
        for path in self._candidates:
            if path in fields and (found := self._timestamps.read(fields[path][0])):
                return found
        return ""

    def notes(self, columns: Columns) -> dict[int, dict[str, str]]:
        """What is to be said of rows in which something does not convert."""
        complaints: dict[int, list[str]] = {}
        for path in self._kinds.keys() & columns.keys():
            column, kind = columns[path], self._kinds[path]
            if are_plain(_PLAIN.get(kind), column):
                continue
            failed = {said for said in set(column) if said and self._converted(path, said) is None}
            for index in [place for place, said in enumerate(column) if said in failed] if failed else ():
                complaints.setdefault(index, []).append(f"{path} cannot be read as {kind}")
        return {index: {"error.message": quoted("; ".join(sorted(told)))} for index, told in complaints.items()}

    def times(self, columns: Columns, count: int) -> list[str]:
        """The time of each row, from the first of the time's fields that has one; "" for none."""
        found = [""] * count
        for path in self._candidates:
            if path in columns:
                read = self._read(columns[path])
                found = [before or now for before, now in zip(found, read, strict=True)] if any(found) else read
            if "" not in found:
                break
        return found

    def _read(self, column: Sequence[str]) -> list[str]:
        if self._timestamps.as_written and "" not in column and all_rfc3339(column):
            return list(column)
        return [self._timestamps.read(text) if text else "" for text in column]

    def _maker(self, path: str) -> Callable[[str], str]:
        return lambda text: self.value(path, text)

    def _converted(self, path: str, text: str) -> str | None:
        key = (path, text)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            convert: Conversion = self._conversions[path]
            self._known[key] = convert(quoted(text))
        return self._known[key]
