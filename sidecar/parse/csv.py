"""Parses values that are separated by a comma or another character (RFC 4180). The user configures their names.

The first line is not used as a header, because reading may start anywhere in a file. All lines of a chunk go through
the `csv` reader of the standard library, which is written in C. A quoted value may contain line ends if `multiline`
joins the lines.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.typed_fields import TypedFields


class CsvParser:
    """Parses one row from each event. A row must have one value for each column. Empty values are omitted."""

    def __init__(self, columns: Sequence[str], delimiter: str, typed_fields: TypedFields) -> None:
        self._columns, self._delimiter = columns, delimiter
        self._typed_fields, self._formatter = typed_fields, typed_fields.formatter_for(columns)

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each event."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Read all events in one pass. Return None if one is not exactly one row with a value for each column."""
        rows = self._read_rows(lines.texts) if lines.count else []
        if len(rows) != lines.count or list(map(len, rows)).count(len(self._columns)) != lines.count:
            return None
        return self._records(lines, rows, {})

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        width = len(self._columns)
        results = [self._read_rows([text]) for text in lines.texts]
        errors = {
            index: _error(rows, width)
            for index, rows in enumerate(results)
            if len(rows) != 1 or len(rows[0]) != width
        }
        return self._records(lines, [rows[0] for i, rows in enumerate(results) if i not in errors], errors)

    def _records(self, lines: LineBatch, rows: Sequence[Sequence[str]], errors: dict[int, str]) -> RecordBatch:
        by_column = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        columns = dict(zip(self._columns, by_column, strict=True))
        return self._typed_fields.records(lines, self._formatter, columns, errors)

    def _read_rows(self, texts: Sequence[str]) -> list[list[str]]:
        try:
            return list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return []


def _error(rows: Sequence[Sequence[str]], width: int) -> str:
    if len(rows) != 1:
        return "the line is not one row of CSV"
    return f"the line has {len(rows[0])} values instead of {width}, one for each column"
