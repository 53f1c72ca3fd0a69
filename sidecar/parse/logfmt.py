"""Parses pairs of keys and values, as in Heroku's logfmt: `level=info msg="it is up" n=3`.

There is no standard; this parser reads the output of the libraries of Go and Ruby. A quoted value has the escapes of
JSON. The value of a key without `=` is true; the first key needs a value, so that ordinary text is not logfmt. The
values of a repeated key become a list.

The fast path searches for the same keys as in the previous chunk. The general path searches for any pairs; lines with
the same keys in the same order share a layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate, compress, pairwise
from operator import add

import msgspec

from sidecar.lib.jsontext.nested import json_string
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.plain import message_bodies
from sidecar.parse.row_templates import FieldSpec, RowFormatter, escape_json, row_template
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
        self._last_keys: tuple[Keys, re.Pattern[str], RowFormatter] | None = None

    def parse(self, lines: LineBatch) -> RecordBatch:
        """Return one record for each line."""
        return self._parse_chunk(lines) or self._parse_lines(lines)

    def _parse_chunk(self, lines: LineBatch) -> RecordBatch | None:
        """Parse all lines in one pass. Return None if they do not have the keys of an earlier chunk.

        A search for known keys is much faster than a search for any key.
        """
        if self._last_keys is None or not lines.is_uniform:
            return None
        names, pattern, formatter = self._last_keys
        rows = pattern.findall(lines.text)
        if len(rows) != lines.count:
            self._last_keys = None
            return None
        by_position = list(zip(*rows, strict=True))
        have_escapes = "\\" in lines.text
        columns = [
            _values(bare, quoted, have_escapes=have_escapes)
            for bare, quoted in zip(by_position[::2], by_position[1::2], strict=True)
        ]
        return self._typed_fields.records(lines, formatter, dict(zip(names, columns, strict=True)), {})

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
        have_escapes = "\\" in lines.text if lines.is_uniform else any("\\" in text for text in lines.texts)
        values = _values(bare, quoted, have_escapes=have_escapes)
        encoded = self._encode(keys, values)
        spans = list(pairwise((0, *ends)))
        return self._format_pairs(lines, keys, values, encoded, spans) or self._format_layouts(
            lines, keys, values, encoded, spans
        )

    def _format_pairs(
        self, lines: LineBatch, keys: Keys, values: Sequence[str], encoded: Sequence[str], spans: Sequence[Span]
    ) -> RecordBatch | None:
        """Format pair by pair. Return None if a key has a dot or is repeated in its line, or a line is not logfmt."""
        distinct = set(keys)
        if "" in distinct or "." in "".join(distinct):
            return None
        if not all(begin < end and keys[begin][-1] == "=" for begin, end in spans):
            return None
        if any(len(set(keys[begin:end])) < end - begin for begin, end in spans):
            return None
        names = {key: key.removesuffix("=") for key in distinct}
        # A name with a value and the same name without one are two keys.
        if len(set(names.values())) < len(names):
            return None
        quotes = {key: '"' if self._is_text(key) else "" for key in distinct}
        opening = {key: f"{json_string(name)}:{quotes[key]}" for key, name in names.items()}
        pairs = list(map(add, map(opening.__getitem__, keys), encoded))
        separator, suffix = '",', '"'
        if "" in quotes.values():
            pairs, separator, suffix = list(map(add, pairs, map(quotes.__getitem__, keys))), ",", ""
        bodies = [separator.join(pairs[begin:end]) + suffix for begin, end in spans]
        if lines.is_uniform and keys == keys[: spans[0][1]] * len(spans):
            self._remember_keys(keys[: spans[0][1]])
        columns = {name: [self._column(key, keys, values, spans)] for key, name in names.items()
                if name in self._typed_fields.relevant_paths and key != name}  # fmt: skip
        times, annotations = self._typed_fields.times(columns, lines.count), self._typed_fields.annotations(columns)
        return RecordBatch(lines, lines.starts, bodies, times, frozenset(names.values()), annotations=annotations)

    def _column(self, key: str, keys: Keys, values: Sequence[str], spans: Sequence[Span]) -> Sequence[str]:
        """Return the value of this key in each line; "" if a line does not have the key. No line may repeat it."""
        present = list(compress(values, map(key.__eq__, keys)))
        if len(present) == len(spans):
            return present
        texts = iter(present)
        return [next(texts) if key in keys[begin:end] else "" for begin, end in spans]

    def _format_layouts(
        self, lines: LineBatch, keys: Keys, values: Sequence[str], encoded: Sequence[str], spans: Sequence[Span]
    ) -> RecordBatch:
        """Format each line by its layout."""
        layouts = [self._layout_of(keys[begin:end]) for begin, end in spans]
        bodies = [layout.format_line(encoded[begin:end]) if layout else ""
                   for layout, (begin, end) in zip(layouts, spans, strict=True)]  # fmt: skip
        errors = {index: _ERROR for index, layout in enumerate(layouts) if layout is None}
        for index, message in zip(errors, message_bodies([lines.texts[index] for index in errors]), strict=True):
            bodies[index] = message
        distinct = set(layouts)
        if len(distinct) == 1 and lines.is_uniform:
            self._remember_keys(keys[: spans[0][1]])
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

    def _remember_keys(self, keys: Keys) -> None:
        """Prepare `_parse_chunk` for lines with these keys, if every key has a value and occurs once."""
        names = tuple(key.removesuffix("=") for key in keys)
        if all(key.endswith("=") for key in keys) and len(set(names)) == len(names) and _may_be_cached(keys):
            value = _value_regex(r"\n", r"[^\n]")
            pattern = re.compile(f"^{' '.join(re.escape(key) + value for key in keys)}$", re.MULTILINE | re.ASCII)
            self._last_keys = (names, pattern, self._typed_fields.formatter_for(names, keeps_empty=True))


def _may_be_cached(keys: Keys) -> bool:
    return len(keys) <= _MAX_KEYS and len("".join(keys)) <= _MAX_KEY_CHARACTERS


def _values(bare: Sequence[str], quoted: Sequence[str], *, have_escapes: bool) -> tuple[str, ...]:
    """Return each value, bare or quoted, with its escapes decoded. A value with an invalid escape stays unchanged."""
    if have_escapes:
        quoted = [_decode(text) if "\\" in text else text for text in quoted]
    return tuple(map(add, bare, quoted))


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
