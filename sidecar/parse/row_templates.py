"""Formats rows of texts as JSON bodies of records: one join per row, or one `%` operation where values are missing.

Each distinct value of a column is escaped and converted once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import is_not, itemgetter
from typing import NamedTuple, cast

import msgspec

from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH, nest, render_members
from sidecar.parse.plain import json_strings

_MAX_CACHED_LITERALS = 1024
_VALUE = "\0"
"""Placeholder for a value. JSON text does not contain it."""
_INTEGERS = re.compile(r"(?:(?:0|[1-9]\d*+)\n)*+", re.ASCII)
_DECIMALS = re.compile(r"(?:(?:0|[1-9]\d*+)(?:\.\d++)?+\n)*+", re.ASCII)
"""Match a column, one text per line, whose texts are JSON numbers."""

_LOG_FIELDS = re.compile(r"log(?:\.file|\.offset|)(?:\.|$)(?<!log\.)")
"""Paths that conflict with fields that the sidecar adds to `log`, or with the object `log` itself."""


class FieldSpec(msgspec.Struct, frozen=True):
    """One field of a record."""

    path: str
    """Dotted path."""

    group: str
    """Name of the regex group that captures the text. `RowFormatter` defines when an empty text is omitted."""

    convert: Callable[[str], str] | None = None
    """Converts the text; None: the text stays unchanged."""

    is_text: bool = True
    """Whether the value is written as a string; otherwise it is JSON already."""

    unchanged: re.Pattern[str] | None = None
    """Matches the texts of a column, one per line, if none of them needs a conversion."""

    fits: Callable[[str], bool] | None = None
    """Returns whether a text is valid for this field; otherwise the line has another format. None: any text is valid.
    """


def text_field(path: str, group: str, convert: Callable[[str], str] | None = None) -> FieldSpec:
    """Return a field whose value is text."""
    return FieldSpec(path, group, convert)


def number_field(path: str, group: str) -> FieldSpec:
    """Return a field whose value is an integer. The group must limit the number of digits."""
    return FieldSpec(path, group, lambda digits: str(int(digits)), is_text=False, unchanged=_INTEGERS)


def decimal_field(path: str, group: str) -> FieldSpec:
    """Return a field whose value is a number with the digits of the log. The group matches digits and one point."""
    return FieldSpec(path, group, _strip_leading_zeros, is_text=False, unchanged=_DECIMALS)


def _strip_leading_zeros(decimal: str) -> str:
    """Return the number without leading zeros, which JSON does not allow."""
    whole, point, fraction = decimal.partition(".")
    return f"{int(whole)}{point}{fraction}"


def json_field(
    path: str, group: str, convert: Callable[[str], str], unchanged: re.Pattern[str] | None = None
) -> FieldSpec:
    """Return a field whose value is the JSON that `convert` returns."""
    return FieldSpec(path, group, convert, is_text=False, unchanged=unchanged)


Column = Sequence[str | None]
"""Capture of one group in each row."""

Columns = Mapping[str, Column]
"""Capture of each group in each row; "" or None where it is missing (see `RowFormatter`)."""


Cells = Column | str | None
"""The values of a field as JSON: one for each row, or one text for all rows, or None if no row has a value."""


class FormattedRows(NamedTuple):
    """Rows that were formatted as bodies of records."""

    bodies: list[str]
    names: frozenset[str]
    """Root names of the fields that at least one row has."""

    end_with_log: bool
    """Whether every body ends with an object `log`."""


class RowFormatter:
    """Formats the bodies of records with these fields.

    An empty text is omitted. With `keeps_empty`, an empty text is kept, and None is omitted.
    """

    def __init__(self, fields: Sequence[FieldSpec], *, keeps_empty: bool = False) -> None:
        self._fields = _sort_fields(fields)
        self._missing = None if keeps_empty else ""
        self._literals: dict[tuple[bool, ...], list[str]] = {}
        self._roots = [field.path.partition(".")[0] for field in self._fields]
        self._may_end_with_log = not any(_LOG_FIELDS.match(field.path) for field in self._fields)

    def format_rows(self, columns: Columns, count: int) -> FormattedRows:
        """Return the body of each row."""
        if not (self._fields and count):
            return FormattedRows([""] * count, frozenset(), False)
        cells = [_cells(field, columns.get(field.group), self._missing) for field in self._fields]
        present = [_is_in_every_row(column, self._missing) for column in cells]
        names = frozenset(
            root for root, is_present in zip(self._roots, present, strict=True) if is_present is not False
        )
        ends_with_log = self._may_end_with_log and any(
            is_present
            for is_present, field in zip(present, self._fields, strict=True)
            if field.path.startswith("log.")
        )
        if None in present:
            bodies = self._format_groups(cells, present, count)
        else:
            bodies = self._format_alike(tuple(map(bool, present)), cells, count)
        return FormattedRows(bodies, names, ends_with_log)

    def _format_groups(self, cells: Sequence[Cells], present: Sequence[bool | None], count: int) -> list[str]:
        """Return the body of each row. Rows that have the same fields are formatted together."""
        optional = [
            cast("Column", column) for column, is_present in zip(cells, present, strict=True) if is_present is None
        ]
        rows_by_fields: defaultdict[tuple[bool, ...], list[int]] = defaultdict(list)
        for index, found in enumerate(zip(*map(self._find_present_rows, optional), strict=True)):
            rows_by_fields[found].append(index)
        bodies = [""] * count
        for found, indexes in rows_by_fields.items():
            is_found = iter(found)
            fields = tuple(next(is_found) if is_present is None else is_present for is_present in present)
            picked = [_pick_rows(column, indexes) for column in cells]
            for index, body in zip(indexes, self._format_alike(fields, picked, len(indexes)), strict=True):
                bodies[index] = body
        return bodies

    def _format_alike(self, present: tuple[bool, ...], cells: Sequence[Cells], count: int) -> list[str]:
        """Return the bodies of rows in which these fields are present."""
        values = [column for column, is_present in zip(cells, present, strict=True) if is_present]
        return _join_rows(self._literals_around(present), cast("Sequence[Column | str]", values), count)

    def _find_present_rows(self, column: Column) -> Iterator[bool]:
        """Yield for each row whether it has a value."""
        return map(bool, column) if self._missing == "" else map(is_not, column, repeat(None))

    def _literals_around(self, present: tuple[bool, ...]) -> list[str]:
        """Return the texts before, between and after the values of rows in which these fields are present."""
        literals = self._literals.get(present)
        if literals is None:
            if len(self._literals) >= _MAX_CACHED_LITERALS:
                self._literals.clear()
            fields = [field for field, is_present in zip(self._fields, present, strict=True) if is_present]
            members = {field.path: f'"{_VALUE}"' if field.is_text else _VALUE for field in fields}
            literals = self._literals[present] = render_members(nest(members)).split(_VALUE)
        return literals


def _join_rows(literals: Sequence[str], cells: Sequence[Column | str], count: int) -> list[str]:
    """Return the rows of the columns, with the literals before, between and after their values.

    For many columns this takes half the time of `%`.
    """
    parts: list[Iterable[str]] = []
    text = literals[0]
    for column, literal in zip(cells, literals[1:], strict=True):
        if isinstance(column, str):
            text += column + literal
        else:
            parts += (repeat(text), cast("Sequence[str]", column))
            text = literal
    return list(map("".join, zip(*parts, repeat(text, count), strict=False)))


def _pick_rows(cells: Cells, indexes: Sequence[int]) -> Cells:
    """Return the values of these rows. `indexes` must not be empty."""
    if cells is None or isinstance(cells, str):
        return cells
    return [cells[indexes[0]]] if len(indexes) == 1 else itemgetter(*indexes)(cells)


def _cells(field: FieldSpec, column: Column | None, missing: str | None) -> Cells:
    """Return the values of a field (see `Cells`). Many columns of a log have the same value in all rows."""
    if column is None:
        return None
    first = column[0]
    if first == column[-1] == column[len(column) // 2] and column.count(first) == len(column):
        value = missing if first == missing else _values(field, [first], missing)[0]
        return None if value == missing else value
    return _values(field, column, missing)


def _is_in_every_row(cells: Cells, missing: str | None) -> bool | None:
    """Return whether every row has a value; None if only some have."""
    if cells is None or isinstance(cells, str):
        return cells is not None
    missing_count = cells.count(missing)
    return None if 0 < missing_count < len(cells) else not missing_count


def _values(field: FieldSpec, column: Column, missing: str | None) -> Column:
    """Return the value of a field in each row as JSON, with the quotes of strings removed. Keep missing values."""
    if field.convert is None:
        return _escape(column) if field.is_text else column
    if all_match(field.unchanged, column):
        return column
    distinct = [text for text in set(column) if text is not None and text != missing]
    converted = [field.convert(text) for text in distinct]
    if converted == distinct and not field.is_text:
        return column
    values: dict[str | None, str | None] = {missing: missing}
    values.update(zip(distinct, escape_json(converted) if field.is_text else converted, strict=True))
    return [values[text] for text in column]


def all_match(pattern: re.Pattern[str] | None, column: Column) -> bool:
    """Return whether the pattern matches the texts of a column, one per line. False if a text contains a line end."""
    if pattern is None or None in column:
        return False
    joined = "\n".join([*cast("Sequence[str]", column), ""])
    return pattern.fullmatch(joined) is not None and joined.count("\n") == len(column)


def escape_json(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts as JSON strings without quotes. Usually no text needs escaping."""
    joined = "".join(texts)
    if joined.isascii() and len(msgspec.json.encode(joined)) == len(joined) + 2:
        return texts
    return [text[1:-1] for text in json_strings(texts)]


def _escape(column: Column) -> Column:
    """Return the texts of a column as JSON strings without quotes, and None for missing texts."""
    if None not in column:
        return escape_json(cast("Sequence[str]", column))
    texts = iter(escape_json([text for text in column if text is not None]))
    return [None if text is None else next(texts) for text in column]


def _sort_fields(fields: Sequence[FieldSpec]) -> list[FieldSpec]:
    """Sort fields so that members of one object are adjacent and `log` comes last."""
    if not any("." in field.path for field in fields):
        return list(fields)
    order = _sort_keys([field.path for field in fields])
    ordered = sorted(zip(fields, order, strict=True), key=lambda row: (row[0].path.startswith("log."), row[1]))
    return [field for field, _ in ordered]


def _sort_keys(paths: Sequence[str]) -> list[list[int]]:
    """Return a sort key for each path: for each of its prefixes, the position of the first path with this prefix."""
    root = _Branch(0, {})
    keys = []
    for position, path in enumerate(paths):
        branch, key = root, []
        for name in path.split(".", MAX_PATH_DEPTH):
            branch = branch.children.setdefault(name, _Branch(position, {}))
            key.append(branch.first)
        keys.append(key)
    return keys


class _Branch(NamedTuple):
    """A node of the tree of paths: the position of the first path below it (`first`), and its children by name."""

    first: int
    children: dict[str, _Branch]


def row_template(fields: Sequence[FieldSpec]) -> tuple[str, Callable[[Sequence[str]], tuple[str, ...]]]:
    """Return a `%` template for the JSON body of a row, and a function that puts values in the template's order."""
    ordered = _sort_fields(fields)
    template = _template(ordered, [True] * len(ordered))
    if ordered == fields:
        return template, tuple
    return template, itemgetter(*(fields.index(field) for field in ordered))


def _template(fields: Sequence[FieldSpec], present: Sequence[bool]) -> str:
    """Return a template that has a placeholder for the value of each field, and omits values that are not present."""
    skipped = ""
    values: dict[str, str] = {}
    for field, is_present in zip(fields, present, strict=True):
        if is_present:
            values[field.path.replace("%", "%%")] = skipped + ('"%s"' if field.is_text else "%s")
            skipped = ""
        else:
            skipped += "%.0s"
    return render_members(nest(values)) + skipped
