"""Dissect: splits a line at the text between its fields, like the `dissect` processor of Elasticsearch.

`%{a} - %{b}` has two fields. The values of `%{}` and `%{?name}` are skipped. `%{+a}` is appended to `a`; in `%{+a/2}`
the number gives the order. `%{a->}` also skips repetitions of the text after it. `%{*k}` is the name of the field
whose value is `%{&k}`.

A field ends at the first occurrence of the text after it, so the time for a line is proportional to its length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from sidecar.lib.jsontext.nested import nest, render_members
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.row_templates import Columns
from sidecar.parse.typed_fields import TypedFields

_KEY = re.compile(r"%\{([^{}]*)\}")
_PARTS = re.compile(r"([+?*&]?)([^+?*&/>\s]*?)(?:/(\d{1,4}))?(->)?")
_ERROR = "the line does not match the pattern"


class DissectKey(msgspec.Struct, frozen=True):
    """One field of a pattern."""

    kind: str
    path: str
    order: int
    is_padded: bool
    terminator: str
    """Text that ends the field; "" for the end of the line."""


class Dissection(msgspec.Struct, frozen=True):
    """A parsed pattern."""

    prefix: str
    keys: Sequence[DissectKey]

    @classmethod
    def from_pattern(cls, pattern: str) -> Dissection:
        """Parse a pattern. Raise `ValueError` with the reason if it is not valid."""
        prefix, *rest = _KEY.split(pattern)
        keys = [_parse_key(inner, after) for inner, after in zip(rest[::2], rest[1::2], strict=True)]
        if any(not key.terminator for key in keys[:-1]):
            raise ValueError("two fields have no text between them; put a separator there")
        _check_keys(keys)
        return cls(prefix, keys)

    def regex(self, *, is_chunk: bool) -> str:
        """Return a regex that matches one event, or each line of a text if `is_chunk`. It has one group for each
        field that is not skipped.
        """
        any_character, no_line_end = (r"[^\n]", r"\n") if is_chunk else (r"[\s\S]", "")
        text = re.escape(self.prefix)
        for key in self.keys:
            if not key.terminator:
                body, end = f"{any_character}*+", ""
            elif len(key.terminator) == 1:
                body, end = f"[^{re.escape(key.terminator)}{no_line_end}]*+", re.escape(key.terminator)
            else:
                end = re.escape(key.terminator)
                body = f"(?:(?!{end}){any_character})*+"
            text += f"({body})" if _is_wanted(key) else f"(?:{body})"
            text += f"(?:{end})++" if key.is_padded and end else end
        return text


class DissectParser:
    """Parses lines with one pattern, which must match the whole line. Empty values are omitted."""

    def __init__(self, dissection: Dissection, separator: str, typed_fields: TypedFields) -> None:
        self._keys = [key for key in dissection.keys if _is_wanted(key)]
        self._chunk_pattern = re.compile(f"^{dissection.regex(is_chunk=True)}$", re.MULTILINE)
        self._line_pattern = re.compile(dissection.regex(is_chunk=False))
        self._separator, self._typed_fields = separator, typed_fields
        self._fields: dict[str, list[tuple[int, int]]] = {}
        for position, key in enumerate(self._keys):
            if key.kind in ("", "+"):
                self._fields.setdefault(key.path, []).append((key.order, position))
        self._pairs = [
            (position, value_position) for position, key in enumerate(self._keys) if key.kind == "*"
            for value_position, value in enumerate(self._keys) if value.kind == "&" and value.path == key.path
        ]  # fmt: skip
        self._formatter = typed_fields.formatter_for(list(self._fields))

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if one does not match the pattern."""
        if not lines.is_uniform or "\n" in self._line_pattern.pattern:
            return None
        rows = self._chunk_pattern.findall(lines.text)
        if len(rows) != lines.count:
            return None
        return self._records(lines, [row if isinstance(row, tuple) else (row,) for row in rows], {})

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        matches = [self._line_pattern.fullmatch(text) for text in lines.texts]
        errors = {index: _ERROR for index, match in enumerate(matches) if match is None}
        return self._records(lines, [match.groups() for match in matches if match], errors)

    def _records(self, lines: LineBatch, rows: Sequence[tuple[str, ...]], errors: dict[int, str]) -> RecordBatch:
        by_position = list(zip(*rows, strict=True)) or [()] * len(self._keys)
        columns = {path: self._column(by_position, positions) for path, positions in self._fields.items()}
        records = self._typed_fields.records(lines, self._formatter, columns, errors)
        return self._add_named_fields(records, columns, by_position) if self._pairs else records

    def _column(self, by_position: Sequence[Sequence[str]], positions: list[tuple[int, int]]) -> Sequence[str]:
        if len(positions) == 1:
            return by_position[positions[0][1]]
        columns = [by_position[position] for _, position in sorted(positions)]
        return list(map(self._separator.join, zip(*columns, strict=True)))

    def _add_named_fields(
        self, records: RecordBatch, columns: Columns, by_position: Sequence[Sequence[str]]
    ) -> RecordBatch:
        """Return the records with the fields whose names are in the line (`%{*k}`) and their values (`%{&k}`)."""
        row_numbers = iter(range(records.lines.count))
        bodies = list(records.bodies)
        for index in range(records.lines.count):
            if index in records.errors:
                continue
            row = next(row_numbers)
            texts = {path: column[row] for path, column in columns.items()}
            texts |= {by_position[name][row]: by_position[value][row] for name, value in self._pairs}
            leaves = {path: self._typed_fields.value(path, text) for path, text in texts.items() if path and text}
            bodies[index] = render_members(nest(leaves))
        return msgspec.structs.replace(records, bodies=bodies, root_names=None)


def _parse_key(inner: str, after: str) -> DissectKey:
    parts = _PARTS.fullmatch(inner)
    if parts is None or (parts[3] and parts[1] != "+") or (not parts[2] and parts[1] in ("+", "*", "&")):
        raise ValueError(
            f"%{{{inner}}} is not a field; write %{{a}}, %{{+a/2}}, %{{?a}}, %{{*a}}, %{{&a}} or %{{a->}}"
        )
    kind, path, order, padded = parts.groups()
    if kind in ("", "+") and path and not all(path.split(".")):
        raise ValueError(f"{path!r} is not a field path; write for example url.path")
    return DissectKey(kind, path, int(order or 0), bool(padded), after)


def _is_wanted(key: DissectKey) -> bool:
    return bool(key.path) and key.kind != "?"


def _check_keys(keys: Sequence[DissectKey]) -> None:
    plain = [key.path for key in keys if _is_wanted(key) and not key.kind]
    names, values = ([key.path for key in keys if key.kind == kind] for kind in "*&")
    for path in plain:
        if plain.count(path) > 1:
            raise ValueError(f"the field {path} occurs twice; write %{{+{path}}} for a value that is appended to it")
    if sorted(names) != sorted(set(values)) or len(values) != len(names):
        raise ValueError("each %{*name} needs exactly one %{&name}, and vice versa")
    if not any(_is_wanted(key) for key in keys):
        raise ValueError("the pattern has no field; add at least one, such as %{name}")
