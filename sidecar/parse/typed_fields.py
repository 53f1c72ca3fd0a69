"""Converts fields to the configured types, and finds the timestamp among them.

A value that cannot be converted stays text, and `error.message` of the record names the field. The line still counts
as parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

from sidecar.lib import native
from sidecar.lib.conversions import Conversion, FieldType, converter_for
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.json import TIME_FIELDS
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import Column, Columns, FieldSpec, RowFormatter, all_match, json_field, text_field
from sidecar.parse.time.timestamps import Timestamps

_MAX_CACHED_VALUES = 4096
_UNCHANGED: dict[FieldType, re.Pattern[str]] = {
    "integer": re.compile(r"(?:(?:0|[1-9]\d{0,17}+)\n)*+", re.ASCII),
    "float": re.compile(r"(?:-?(?:0|[1-9]\d{0,17}+)(?:\.\d{1,30}+)?+\n)*+", re.ASCII),
}
"""By type: matches a column, one text per line, whose texts are JSON numbers and need no conversion."""

_STAY_TEXT: frozenset[FieldType] = frozenset(("ip", "string"))
"""Types whose values are JSON strings, whether they are valid or not."""

_DATE, _CLOCK, _ZONES = "date", "time", ("tz", "timezone")
"""Fields with the parts of a timestamp, as firewalls write them: `date=2026-11-23 time=01:00:00 tz="+0100"`."""

TextColumns = Mapping[str, Sequence[Column]]
"""The texts of each field path, in several columns if the path occurs several times in a line."""


class TypedFields:
    """The types of fields by path, and the timestamp field, of one pipeline."""

    def __init__(self, kinds: Mapping[str, FieldType], timestamps: Timestamps, field: str | None = None) -> None:
        self._kinds = dict(kinds)
        self.types = frozenset(kinds)
        self._conversions = {path: converter_for(kind, timestamps.read) for path, kind in kinds.items()}
        self._cached: dict[tuple[str, str], str | None] = {}
        self._timestamps = timestamps
        self._candidates = (field,) if field else TIME_FIELDS
        self._parts = frozenset(() if field else (_DATE, *_ZONES))
        self.relevant_paths = self.types | {*self._candidates, *self._parts}

    def formatter_for(
        self, paths: Sequence[str], *, keeps_empty: bool = False, json_columns: Collection[str] = ()
    ) -> RowFormatter:
        """Return a formatter for rows with these fields. Columns listed in `json_columns` are already JSON.

        An empty text is omitted. With `keeps_empty`, an empty text is kept, and None is omitted.
        """
        fields = [
            FieldSpec(path, path, is_text=False) if path in json_columns else self._field_spec(path) for path in paths
        ]
        return RowFormatter(fields, keeps_empty=keeps_empty)

    def _field_spec(self, path: str) -> FieldSpec:
        kind = self._kinds.get(path)
        if kind is None or kind in _STAY_TEXT:
            return text_field(path, path)
        return json_field(path, path, self._converter(path), _UNCHANGED.get(kind))

    def records(
        self,
        lines: LineBatch,
        formatter: RowFormatter,
        columns: Columns,
        errors: dict[int, str],
        lists: TextColumns | None = None,
    ) -> RecordBatch:
        """Return one record for each line: a row of the columns, or its text as `message` if it has an error.

        Lines with errors have no row. `lists`: field path → the text columns that were joined into one JSON column.
        """
        count = lines.count - len(errors)
        bodies, names, ends_with_log = formatter.format_rows(columns, count)
        texts = {path: [column] for path, column in columns.items()} | dict(lists or {})
        times, annotations = self.times(texts, count), self.annotations(texts)
        if errors:
            indexes = [index for index in range(lines.count) if index not in errors]
            failed = zip(errors, message_bodies([lines.texts[index] for index in errors]), strict=True)
            rows = dict(zip(indexes, zip(bodies, times, strict=True), strict=True))
            rows |= {index: (message, "") for index, message in failed}
            bodies, times = [rows[i][0] for i in range(lines.count)], [rows[i][1] for i in range(lines.count)]
            annotations = {indexes[row]: annotation for row, annotation in annotations.items()}
            names = names | {"message"}
        return RecordBatch(
            lines, lines.starts, bodies, times, names,
            errors=errors, annotations=annotations, ends_with_log_object=ends_with_log and not errors,
        )  # fmt: skip

    def value(self, path: str, text: str) -> str:
        """Return the value of a field as JSON: converted to its type, or else as text."""
        converted = self._convert(path, text) if path in self._kinds else None
        return json_string(text) if converted is None else converted

    def values(self, path: str, texts: Sequence[str]) -> list[str]:
        """Return the value of a field in each row as JSON (see `value`). Each distinct text is converted once."""
        converted = {text: self.value(path, text) for text in set(texts)}
        return [converted[text] for text in texts]

    def annotations(self, texts: TextColumns) -> dict[int, dict[str, str]]:
        """Return `error.message` for each row with a value that cannot be converted."""
        reasons: dict[int, set[str]] = {}
        for path in self._kinds.keys() & texts.keys():
            kind = self._kinds[path]
            for column in texts[path]:
                if _are_valid(kind, column):
                    continue
                failed = {text for text in set(column) if text and self._convert(path, text) is None}
                for row in [row for row, text in enumerate(column) if text in failed] if failed else ():
                    reasons.setdefault(row, set()).add(f"{path} cannot be read as {kind}")
        return {row: {"error.message": json_string("; ".join(sorted(of_row)))} for row, of_row in reasons.items()}

    def times(self, texts: TextColumns, count: int) -> list[str]:
        """Return the timestamp of each row, from its first field that is a timestamp; "" if it has no timestamp."""
        times = [""] * count
        for column in [column for path in self._candidates for column in texts.get(path, ())]:
            read = self._read(column)
            times = [earlier or new for earlier, new in zip(times, read, strict=True)] if any(times) else read
            if "" not in times:
                break
        if "" in times and self._parts and _DATE in texts and _CLOCK in texts:
            joined = self._read(_join_parts(texts))
            times = [earlier or new for earlier, new in zip(times, joined, strict=True)]
        return times

    def _read(self, column: Column) -> list[str]:
        return self._timestamps.convert_all(
            [text or "" for text in column] if None in column else cast("list[str]", column)
        )

    def _converter(self, path: str) -> Callable[[str], str]:
        return lambda text: self.value(path, text)

    def _convert(self, path: str, text: str) -> str | None:
        key = (path, text)
        if key not in self._cached:
            if len(self._cached) >= _MAX_CACHED_VALUES:
                self._cached.clear()
            convert: Conversion = self._conversions[path]
            self._cached[key] = convert(json_string(text))
        return self._cached[key]


def _join_parts(texts: TextColumns) -> list[str]:
    """Return for each row the timestamp of which date, time and zone are separate fields, or "" if there is none."""
    parts = [texts[_DATE][0], texts[_CLOCK][0], *(texts[name][0] for name in _ZONES if name in texts)]
    return [" ".join(part for part in row if part) if row[0] and row[1] else "" for row in zip(*parts, strict=True)]


def _are_valid(kind: FieldType, column: Column) -> bool:
    """Return whether a quick check of the whole column shows that all texts are of this type."""
    if kind == "ip":
        return None not in column and native.are_ipv4(list(cast("Sequence[str]", column)))
    return all_match(_UNCHANGED.get(kind), column)
