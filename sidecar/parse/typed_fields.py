"""Fields whose names and types the user declares, and the time among them.

What does not convert stays the text that it is, and the record says so in `error.message`; it is parsed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

from sidecar.lib.conversions import Conversion, Kind, converter_for
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.json import TIME_FIELDS
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import Column, Columns, FieldSpec, RowFormatter, all_match, json_field, text_field
from sidecar.parse.time.timestamps import Timestamps

_REMEMBERED = 4096
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PLAIN: dict[Kind, re.Pattern[str]] = {
    "integer": re.compile(r"(?:(?:0|[1-9]\d{0,17}+)\n)*+", re.ASCII),
    "float": re.compile(r"(?:-?(?:0|[1-9]\d{0,17}+)(?:\.\d{1,30}+)?+\n)*+", re.ASCII),
    "ip": re.compile(rf"(?:(?:{_BYTE}\.){{3}}{_BYTE}\n)*+", re.ASCII),
}
"""Columns of numbers that are written as JSON writes them, and of IPv4 addresses: nothing is to be said of these."""

_STAY_TEXT: frozenset[Kind] = frozenset(("ip", "string"))
"""Kinds whose values are the text, converted or not."""

Said = Mapping[str, Sequence[Column]]
"""The texts of each path: columns, of which more than one where it stands several times."""


class TypedFields:
    """What a pipeline says of fields: their types by path, and the field of the time."""

    def __init__(self, kinds: Mapping[str, Kind], timestamps: Timestamps, field: str | None = None) -> None:
        self._kinds = dict(kinds)
        self.types = frozenset(kinds)
        self._conversions = {path: converter_for(kind, timestamps.read) for path, kind in kinds.items()}
        self._known: dict[tuple[str, str], str | None] = {}
        self._timestamps = timestamps
        self._candidates = (field,) if field else TIME_FIELDS
        self.judged = self.types | set(self._candidates)

    def members(self, paths: Sequence[str], *, keeps_empty: bool = False, made: Collection[str] = ()) -> RowFormatter:
        """What makes members of columns that are named after these paths. The columns of `made` are JSON already.

        A text that is empty makes no field; with `keeps_empty` it does, and None is what makes none.
        """
        leaves = [FieldSpec(path, path, is_text=False) if path in made else self._leaf(path) for path in paths]
        return RowFormatter(leaves, keeps_empty=keeps_empty)

    def _leaf(self, path: str) -> FieldSpec:
        kind = self._kinds.get(path)
        if kind is None or kind in _STAY_TEXT:
            return text_field(path, path)
        return json_field(path, path, self._maker(path), _PLAIN.get(kind))

    def records(
        self,
        lines: LineBatch,
        made_by: RowFormatter,
        columns: Columns,
        errors: dict[int, str],
        lists: Said | None = None,
    ) -> RecordBatch:
        """One record for each line: a row of the columns, or a message for those with errors, which have no row.

        `lists` are the columns of text that a column of JSON was made of.
        """
        count = lines.count - len(errors)
        members, closes = made_by.of(columns, count)
        said = {path: [column] for path, column in columns.items()} | dict(lists or {})
        times, notes, names = self.times(said, count), self.notes(said), made_by.names
        if errors:
            places = [index for index in range(lines.count) if index not in errors]
            failed = zip(errors, message_bodies([lines.texts[index] for index in errors]), strict=True)
            rows = dict(zip(places, zip(members, times, strict=True), strict=True))
            rows |= {index: (message, "") for index, message in failed}
            members, times = [rows[i][0] for i in range(lines.count)], [rows[i][1] for i in range(lines.count)]
            notes, names = {places[place]: said for place, said in notes.items()}, names | {"message"}
        return RecordBatch(
            lines, lines.starts, members, times, names,
            errors=errors, annotations=notes, ends_with_log_object=closes and not errors,
        )  # fmt: skip

    def value(self, path: str, text: str) -> str:
        """The value of a field as JSON: converted, or the text."""
        found = self._converted(path, text) if path in self._kinds else None
        return json_string(text) if found is None else found

    def notes(self, said: Said) -> dict[int, dict[str, str]]:
        """What is to be said of rows in which something does not convert."""
        complaints: dict[int, set[str]] = {}
        for path in self._kinds.keys() & said.keys():
            kind = self._kinds[path]
            for column in said[path]:
                if all_match(_PLAIN.get(kind), column):
                    continue
                failed = {found for found in set(column) if found and self._converted(path, found) is None}
                for index in [place for place, found in enumerate(column) if found in failed] if failed else ():
                    complaints.setdefault(index, set()).add(f"{path} cannot be read as {kind}")
        return {index: {"error.message": json_string("; ".join(sorted(told)))} for index, told in complaints.items()}

    def times(self, said: Said, count: int) -> list[str]:
        """The time of each row, from the first of the time's fields that has one; "" for none."""
        found = [""] * count
        for column in [column for path in self._candidates for column in said.get(path, ())]:
            read = self._read(column)
            found = [before or now for before, now in zip(found, read, strict=True)] if any(found) else read
            if "" not in found:
                break
        return found

    def _read(self, column: Column) -> list[str]:
        return self._timestamps.all([text or "" for text in column] if None in column else cast("list[str]", column))

    def _maker(self, path: str) -> Callable[[str], str]:
        return lambda text: self.value(path, text)

    def _converted(self, path: str, text: str) -> str | None:
        key = (path, text)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            convert: Conversion = self._conversions[path]
            self._known[key] = convert(json_string(text))
        return self._known[key]
