"""Values with commas, or another character, between them (RFC 4180), under names that the user declares.

The names cannot be taken from the first line of the file: reading begins anywhere in it. The lines of a chunk go
through the reader of the standard library together, which is written in C. A quoted value may hold line ends where
`multiline` joins them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.typed_fields import TypedFields


class CsvParser:
    """One row an event, with as many values as there are columns. A value that is empty makes no field."""

    def __init__(self, columns: Sequence[str], delimiter: str, declared: TypedFields) -> None:
        self._columns, self._delimiter = columns, delimiter
        self._declared, self._members = declared, declared.members(columns)

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each event, all of them at a stroke if every one is a row."""
        rows = self._rows(lines.texts) if lines.count else []
        width = len(self._columns)
        if len(rows) == lines.count and list(map(len, rows)).count(width) == lines.count:
            return self._records(lines, rows, {})
        alone = [self._rows([text]) for text in lines.texts]
        errors = {index: _error(found, width) for index, found in enumerate(alone)
                  if len(found) != 1 or len(found[0]) != width}  # fmt: skip
        return self._records(lines, [found[0] for i, found in enumerate(alone) if i not in errors], errors)

    def _records(self, lines: LineBatch, rows: Sequence[Sequence[str]], errors: dict[int, str]) -> RecordBatch:
        by_place = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        columns = dict(zip(self._columns, by_place, strict=True))
        return self._declared.records(lines, self._members, columns, errors)

    def _rows(self, texts: Sequence[str]) -> list[list[str]]:
        try:
            return list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return []


def _error(rows: Sequence[Sequence[str]], width: int) -> str:
    if len(rows) != 1:
        return "the line is not one row of CSV"
    return f"the line does not have {width} values, as there are columns, but {len(rows[0])}"
