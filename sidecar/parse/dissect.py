"""Dissect: a line taken apart by the text between its fields, as Elasticsearch's processor of that name documents it.

`%{a} - %{b}` is two fields; `%{}` and `%{?name}` are none; `%{+a}` is appended to `a`, `%{+a/2}` in this order;
`%{a->}` also takes the text behind it as often as it is repeated; `%{*k}` is the name of the field that `%{&k}` is
the value of. A field goes on to the first place at which the text behind it stands, so a pattern takes time in
proportion to the line and no more. Lines of a chunk are taken apart together.
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
_ERROR = "the line is not of the form of the pattern"


class DissectKey(msgspec.Struct, frozen=True):
    """One field of a pattern, and the text that ends it ("" for the end of the line)."""

    kind: str
    path: str
    order: int
    is_padded: bool
    ended_by: str


class Dissection(msgspec.Struct, frozen=True):
    """A pattern in its parts. Raises `ValueError` with what is wrong."""

    before: str
    keys: Sequence[DissectKey]

    @classmethod
    def of(cls, pattern: str) -> Dissection:
        """The parts of a pattern."""
        before, *rest = _KEY.split(pattern)
        keys = [_parse_key(inner, after) for inner, after in zip(rest[::2], rest[1::2], strict=True)]
        if any(not key.ended_by for key in keys[:-1]):
            raise ValueError("two fields need some text between them, by which the first one ends")
        _consistent(keys)
        return cls(before, keys)

    def expression(self, *, of_many_lines: bool) -> str:
        """A pattern of `re`, one group for each field that is wanted, for lines side by side or for one event."""
        any_one, no_line_end = (r"[^\n]", r"\n") if of_many_lines else (r"[\s\S]", "")
        text = re.escape(self.before)
        for key in self.keys:
            if not key.ended_by:
                body, end = f"{any_one}*+", ""
            elif len(key.ended_by) == 1:
                body, end = f"[^{re.escape(key.ended_by)}{no_line_end}]*+", re.escape(key.ended_by)
            else:
                end = re.escape(key.ended_by)
                body = f"(?:(?!{end}){any_one})*+"
            text += f"({body})" if _is_wanted(key) else f"(?:{body})"
            text += f"(?:{end})++" if key.is_padded and end else end
        return text


class DissectParser:
    """The fields of one pattern, which has to take the whole line. A field that is empty is none."""

    def __init__(self, dissection: Dissection, separator: str, declared: TypedFields) -> None:
        self._keys = [key for key in dissection.keys if _is_wanted(key)]
        self._many = re.compile(f"^{dissection.expression(of_many_lines=True)}$", re.MULTILINE)
        self._one = re.compile(dissection.expression(of_many_lines=False))
        self._separator, self._declared = separator, declared
        places = enumerate(self._keys)
        self._fields: dict[str, list[tuple[int, int]]] = {}
        for place, key in places:
            if key.kind in ("", "+"):
                self._fields.setdefault(key.path, []).append((key.order, place))
        self._pairs = [
            (place, other) for place, key in enumerate(self._keys) if key.kind == "*"
            for other, value in enumerate(self._keys) if value.kind == "&" and value.path == key.path
        ]  # fmt: skip
        self._members = declared.members(list(self._fields))

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line, at a stroke if all are of the form."""
        if lines.is_uniform and "\n" not in self._one.pattern:
            found = self._many.findall(lines.text)
            if len(found) == lines.count:
                return self._records(lines, [row if isinstance(row, tuple) else (row,) for row in found], {})
        matches = [self._one.fullmatch(text) for text in lines.texts]
        errors = {index: _ERROR for index, match in enumerate(matches) if match is None}
        return self._records(lines, [match.groups() for match in matches if match], errors)

    def _records(self, lines: LineBatch, rows: Sequence[tuple[str, ...]], errors: dict[int, str]) -> RecordBatch:
        by_place = list(zip(*rows, strict=True)) or [()] * len(self._keys)
        columns = {path: self._column(by_place, places) for path, places in self._fields.items()}
        records = self._declared.records(lines, self._members, columns, errors)
        return self._with_pairs(records, columns, by_place) if self._pairs else records

    def _column(self, by_place: Sequence[Sequence[str]], places: list[tuple[int, int]]) -> Sequence[str]:
        if len(places) == 1:
            return by_place[places[0][1]]
        columns = [by_place[place] for _, place in sorted(places)]
        return list(map(self._separator.join, zip(*columns, strict=True)))

    def _with_pairs(self, records: RecordBatch, columns: Columns, by_place: Sequence[Sequence[str]]) -> RecordBatch:
        """The same records with the fields whose names stand in the line."""
        rows = iter(range(records.lines.count))
        members = list(records.bodies)
        for index in range(records.lines.count):
            if index in records.errors:
                continue
            row = next(rows)
            said = {path: column[row] for path, column in columns.items()}
            said |= {by_place[name][row]: by_place[value][row] for name, value in self._pairs}
            leaves = {path: self._declared.value(path, text) for path, text in said.items() if path and text}
            members[index] = render_members(nest(leaves))
        return msgspec.structs.replace(records, bodies=members, root_names=None)


def _parse_key(inner: str, after: str) -> DissectKey:
    parts = _PARTS.fullmatch(inner)
    if parts is None or (parts[3] and parts[1] != "+") or (not parts[2] and parts[1] in ("+", "*", "&")):
        raise ValueError(f"%{{{inner}}} is no field; write %{{a}}, %{{+a/2}}, %{{?a}}, %{{*a}}, %{{&a}} or %{{a->}}")
    kind, path, order, padded = parts.groups()
    if kind in ("", "+") and path and not all(path.split(".")):
        raise ValueError(f"{path!r} is not the path of a field; write for instance url.path")
    return DissectKey(kind, path, int(order or 0), bool(padded), after)


def _is_wanted(key: DissectKey) -> bool:
    return bool(key.path) and key.kind != "?"


def _consistent(keys: Sequence[DissectKey]) -> None:
    plain = [key.path for key in keys if _is_wanted(key) and not key.kind]
    names, values = ([key.path for key in keys if key.kind == kind] for kind in "*&")
    for path in plain:
        if plain.count(path) > 1:
            raise ValueError(f"there are two fields {path}; write %{{+{path}}} for what is appended to it")
    if sorted(names) != sorted(set(values)) or len(values) != len(names):
        raise ValueError("each %{*name} needs one %{&name}, and the other way round")
    if not any(_is_wanted(key) for key in keys):
        raise ValueError("the pattern has no field such as %{name}, so it would make none")
