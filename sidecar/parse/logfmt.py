"""Parses pairs of keys and values, as in Heroku's logfmt: `level=info msg="it is up" n=3`.

There is no standard; this parser reads the output of the libraries of Go and Ruby. A quoted value has the escapes of
JSON. The value of a key without `=` is true; the first key needs a value, so that ordinary text is not logfmt. The
values of a repeated key become a list.

The fast path encodes the lines that need no decision, such as one about a repeated key. The general path parses the
other lines; those with the same keys in the same order share a layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from operator import add
from typing import cast

import msgspec

from sidecar.lib import native
from sidecar.lib.jsontext.columns import MAX_NAMES
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import retry_failed
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import FieldSpec, escape_json, row_template
from sidecar.parse.typed_fields import TypedFields

_ERROR = "the line is not logfmt"
# The application chooses the keys of its lines, so the memory for them is limited.
_MAX_LAYOUTS, _MAX_KEYS, _MAX_KEY_CHARACTERS = 256, 128, 2048

_TEXT = msgspec.json.Decoder(str)


def _value_regex(line_end: str, any_character: str) -> str:
    """Return a regex for a value, with two groups: the bare value, and the quoted value."""
    return rf'(?:([^\s"]++)|"((?:[^"\\{line_end}]++|\\{any_character})*+)"|)'


def _split_pairs(blank: str, end: str, line_end: str, any_character: str) -> re.Pattern[str]:
    """Return a regex that finds each pair. If a text is not a pair, it finds the rest of the line, with empty groups.

    Groups: the key, with `=` if it has a value; the bare value; the quoted value; the spaces or line end after it.
    """
    name, value = r'([^\s="]++(?:=|(?=\s|\Z)))', _value_regex(line_end, any_character)
    return re.compile(rf"{blank}*+{name}{value}( (?!\s)|{blank}*+{end}|{blank}++)|{any_character}++{end}", re.ASCII)


_CHUNK_PAIRS, _EVENT_PAIRS = (
    _split_pairs(r"[ \t\v\f]", r"\n", r"\n", r"[^\n]"),
    _split_pairs(r"\s", r"\Z", "", r"[\s\S]"),
)

Keys = tuple[str, ...]
"""The keys of a line, in order, each with `=` if it has a value; "" for text that is not a pair."""

Row = tuple[str, str, str, str]

Span = tuple[int, int]
"""Index of the first pair of a line, and the index after its last pair."""


class _KeyLayout(msgspec.Struct, frozen=True, eq=False):
    """Formats lines with the same keys as JSON bodies."""

    names: frozenset[str]
    template: str
    """`%` template of the JSON body."""

    pick: Callable[[Sequence[str]], tuple[str, ...]]
    """Puts the values into the order of the template."""

    relevant: Sequence[tuple[str, int]]
    """Path and position of each value that may be a timestamp or has a configured type."""

    repeated: Sequence[Sequence[int]]
    """Positions of the values of each key; empty if no key is repeated."""

    are_text: Sequence[bool]
    """For each value: whether it is text, to be quoted in JSON."""

    def format_line(self, values: Sequence[str]) -> str:
        if not self.repeated:
            return self.template % self.pick(values)
        return self.template % self.pick([self._as_list(values, positions) for positions in self.repeated])

    def _as_list(self, values: Sequence[str], positions: Sequence[int]) -> str:
        if len(positions) == 1:
            return values[positions[0]]
        items = [f'"{values[position]}"' if self.are_text[position] else values[position] for position in positions]
        return f"[{','.join(items)}]"


class LogfmtParser:
    """Parses one field from each key=value pair."""

    def __init__(self, typed_fields: TypedFields) -> None:
        self._typed_fields = typed_fields
        self._layouts: dict[Keys, _KeyLayout | None] = {}
        self._relevant = tuple(sorted(typed_fields.relevant_paths))

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        records = self._parse_chunk(lines)
        if records is None:
            return self._parse_lines(lines)
        return retry_failed(records, self._parse_lines, lines) if records.errors else records

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Lines that need the general path fail. Return None if all of them do."""
        text = lines.text if lines.is_uniform else "\n".join([*lines.texts, ""])
        if len(self._relevant) > MAX_NAMES or not (lines.is_uniform or text.count("\n") == lines.count):
            return None
        try:
            encoded, names, columns = native.encode_pairs(text, self._relevant)
        except UnicodeEncodeError:
            return None
        failed = [index for index, body in enumerate(encoded) if body is None] if None in encoded else []
        if len(failed) == lines.count:
            return None
        texts = {path: column for path, column in zip(self._relevant, columns, strict=True) if column is not None}
        if typed := self._typed_fields.types & texts.keys():
            values = [
                self._typed_fields.values(path, texts[path]) if path in typed else None for path in self._relevant
            ]
            encoded, _, _ = native.encode_pairs(text, self._relevant, values)
        by_path = {path: [column] for path, column in texts.items()}
        return RecordBatch(
            lines, lines.starts, [body or "" for body in encoded] if failed else cast("list[str]", encoded),
            self._typed_fields.times(by_path, lines.count), frozenset(names),
            errors=dict.fromkeys(failed, _ERROR), annotations=self._typed_fields.annotations(by_path),
        )  # fmt: skip

    def _parse_lines(self, lines: LineBatch) -> RecordBatch:
        if not lines.is_uniform:
            pairs = [_EVENT_PAIRS.findall(text) for text in lines.texts]
            return self._records(lines, [row for rows in pairs for row in rows], list(accumulate(map(len, pairs))))
        rows = _CHUNK_PAIRS.findall(lines.text)
        ends = [index for index, row in enumerate(rows, 1) if (end := row[3]) != " " and (not end or end[-1] == "\n")]
        return self._records(lines, rows, ends)

    def _records(self, lines: LineBatch, rows: Sequence[Row], ends: Sequence[int]) -> RecordBatch:
        """Return one record for each line. `ends`: index after the last row of each line."""
        keys, bare, quoted, _ = zip(*rows, strict=True) if rows else ((), (), (), ())
        values = _values(bare, quoted)
        encoded = self._encode(keys, values)
        spans = list(pairwise((0, *ends)))
        layouts = [self._layout_of(keys[begin:end]) for begin, end in spans]
        bodies = [layout.format_line(encoded[begin:end]) if layout else ""
                   for layout, (begin, end) in zip(layouts, spans, strict=True)]  # fmt: skip
        errors = {index: _ERROR for index, layout in enumerate(layouts) if layout is None}
        for index, message in zip(errors, message_bodies([lines.texts[index] for index in errors]), strict=True):
            bodies[index] = message
        distinct = set(layouts)
        columns = _relevant_columns(layouts, spans, values)
        times, annotations = self._typed_fields.times(columns, lines.count), self._typed_fields.annotations(columns)
        names = frozenset(name for layout in distinct for name in (layout.names if layout else ("message",)))
        return RecordBatch(lines, lines.starts, bodies, times, names, errors=errors, annotations=annotations)

    def _encode(self, keys: Keys, values: Sequence[str]) -> Sequence[str]:
        """Return each value as JSON, with the quotes of strings removed."""
        escaped = escape_json(values)
        converted = {key for key in set(keys) if not self._is_text(key)}
        if not converted:
            return escaped
        rows = zip(keys, values, escaped, strict=True)
        return [self._encode_value(key, value) if key in converted else text for key, value, text in rows]

    def _is_text(self, key: str) -> bool:
        return key.endswith("=") and key[:-1] not in self._typed_fields.types

    def _encode_value(self, key: str, value: str) -> str:
        return self._typed_fields.value(key[:-1], value) if key.endswith("=") else "true"

    def _layout_of(self, keys: Keys) -> _KeyLayout | None:
        """Return the layout for lines with these keys, or None if such lines are not logfmt."""
        if keys in self._layouts:
            return self._layouts[keys]
        layout = self._make_layout(keys) if keys and keys[0].endswith("=") and "" not in keys else None
        if _may_be_cached(keys):
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[keys] = layout
        return layout

    def _make_layout(self, keys: Keys) -> _KeyLayout:
        positions: dict[str, list[int]] = {}
        for position, key in enumerate(keys):
            positions.setdefault(key.removesuffix("="), []).append(position)
        are_text = [self._is_text(key) for key in keys]
        leaves = [
            FieldSpec(name, name, is_text=len(of_name) == 1 and are_text[of_name[0]])
            for name, of_name in positions.items()
        ]
        template, pick = row_template(leaves)
        last_position = {name: of_name[-1] for name, of_name in positions.items() if keys[of_name[-1]].endswith("=")}
        relevant = [(name, last_position[name]) for name in last_position.keys() & self._typed_fields.relevant_paths]
        repeated = list(positions.values()) if len(positions) < len(keys) else []
        return _KeyLayout(
            frozenset(name.partition(".")[0] for name in positions), template, pick, relevant, repeated, are_text
        )


def _may_be_cached(keys: Keys) -> bool:
    return len(keys) <= _MAX_KEYS and len("".join(keys)) <= _MAX_KEY_CHARACTERS


def _values(bare: Sequence[str], quoted: Sequence[str]) -> tuple[str, ...]:
    """Return each value, bare or quoted, with its escapes decoded. A value with an invalid escape stays unchanged."""
    return tuple(map(add, bare, [_decode(text) if "\\" in text else text for text in quoted]))


def _decode(text: str) -> str:
    try:
        return _TEXT.decode(f'"{text}"')
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def _relevant_columns(
    layouts: Sequence[_KeyLayout | None], spans: Sequence[Span], values: Sequence[str]
) -> dict[str, list[list[str]]]:
    """Return the values that may be timestamps or have a type, as columns by path; "" if a line has no such value."""
    columns: dict[str, list[list[str]]] = {}
    for index, (layout, (begin, _)) in enumerate(zip(layouts, spans, strict=True)):
        for path, position in layout.relevant if layout else ():
            if path not in columns:
                columns[path] = [[""] * len(spans)]
            columns[path][0][index] = values[begin + position]
    return columns
