"""Pairs of names and values, as Heroku's logfmt has them: `level=info msg="it is up" n=3`.

There is no standard; this reads what the libraries of Go and Ruby write. A quoted value has the escapes of JSON; a
name without a value is true, and may stand anywhere but at the beginning, so that ordinary words are no logfmt. A
name that stands several times has a list of values. One search goes over a whole chunk: for the names that all of its
lines had before, or for any pairs, where lines with the same names in the same order are made in the same way.
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
_REMEMBERED, _WIDEST, _LONGEST = 256, 128, 2048
"""Shapes that are remembered, and how many names, and characters of them, one has at most: the application decides on
all three."""

_TEXT = msgspec.json.Decoder(str)


def _value(line_end: str, any_one: str) -> str:
    """A value without quotes, or in them, as two groups."""
    return rf'(?:([^\s"]++)|"((?:[^"\\{line_end}]++|\\{any_one})*+)"|)'


def _split_pairs(blank: str, end: str, line_end: str, any_one: str) -> re.Pattern[str]:
    """Finds all pairs, and what is none up to the end of its line.

    Groups: the name, with `=` if it has a value; the value without quotes, or in them; and what is behind it.
    """
    name, value = r'([^\s="]++(?:=|(?=\s|\Z)))', _value(line_end, any_one)
    return re.compile(rf"{blank}*+{name}{value}( (?!\s)|{blank}*+{end}|{blank}++)|{any_one}++{end}", re.ASCII)


_MANY, _ONE = _split_pairs(r"[ \t\v\f]", r"\n", r"\n", r"[^\n]"), _split_pairs(r"\s", r"\Z", "", r"[\s\S]")

Heads = tuple[str, ...]
"""Names in their order, each with `=` if a value follows; "" is what is no pair."""

Row = tuple[str, str, str, str]

Span = tuple[int, int]
"""Where the pairs of a line begin and end."""


class _KeyLayout(msgspec.Struct, frozen=True, eq=False):
    """How lines with the same names become records.

    `template` makes the members of the values that `picked` takes. `texts` are the paths and places of the values
    that say a time, or have a type. `lists` are the places of each name where one stands several times; `are_text`
    says which values are not yet JSON.
    """

    names: frozenset[str]
    template: str
    picked: Callable[[Sequence[str]], tuple[str, ...]]
    texts: Sequence[tuple[str, int]]
    lists: Sequence[Sequence[int]]
    are_text: Sequence[bool]

    def members(self, values: Sequence[str]) -> str:
        """The members of one line."""
        if not self.lists:
            return self.template % self.picked(values)
        return self.template % self.picked([self._listed(values, places) for places in self.lists])

    def _listed(self, values: Sequence[str], places: Sequence[int]) -> str:
        if len(places) == 1:
            return values[places[0]]
        shown = [f'"{values[at]}"' if self.are_text[at] else values[at] for at in places]
        return f"[{','.join(shown)}]"


class LogfmtParser:
    """The pairs of each line as fields."""

    def __init__(self, declared: TypedFields) -> None:
        self._declared = declared
        self._shapes: dict[Heads, _KeyLayout | None] = {}
        self._usual: tuple[Heads, re.Pattern[str], RowFormatter] | None = None

    def parse(self, lines: LineBatch) -> RecordBatch:
        """One record for each line."""
        if not lines.is_uniform:
            found = [_ONE.findall(text) for text in lines.texts]
            return self._records(lines, [row for rows in found for row in rows], list(accumulate(map(len, found))))
        return self._of_usual_names(lines) or self._of_any_names(lines)

    def _of_usual_names(self, lines: LineBatch) -> RecordBatch | None:
        """Lines with the names that all of a chunk had before: to look for these is much quicker than for any."""
        if self._usual is None:
            return None
        names, pattern, members = self._usual
        rows = pattern.findall(lines.text)
        if len(rows) != lines.count:
            self._usual = None
            return None
        by_place = list(zip(*rows, strict=True))
        have_escapes = "\\" in lines.text
        columns = [
            _values(*both, have_escapes=have_escapes) for both in zip(by_place[::2], by_place[1::2], strict=True)
        ]
        return self._declared.records(lines, members, dict(zip(names, columns, strict=True)), {})

    def _of_any_names(self, lines: LineBatch) -> RecordBatch:
        rows = _MANY.findall(lines.text)
        ends = [place for place, row in enumerate(rows, 1) if (end := row[3]) != " " and (not end or end[-1] == "\n")]
        return self._records(lines, rows, ends)

    def _records(self, lines: LineBatch, rows: Sequence[Row], ends: Sequence[int]) -> RecordBatch:
        """The records of lines that end behind these rows."""
        heads, bare, in_quotes, _ = zip(*rows, strict=True) if rows else ((), (), (), ())
        have_escapes = "\\" in lines.text if lines.is_uniform else any("\\" in text for text in lines.texts)
        values = _values(bare, in_quotes, have_escapes=have_escapes)
        written = self._written(heads, values)
        spans = list(pairwise((0, *ends)))
        return self._flat(lines, heads, values, written, spans) or self._shaped(lines, heads, values, written, spans)

    def _flat(
        self, lines: LineBatch, heads: Heads, values: Sequence[str], written: Sequence[str], spans: Sequence[Span]
    ) -> RecordBatch | None:
        """The records, pair by pair, if no name has a dot or stands twice in its line and each line is logfmt."""
        distinct = set(heads)
        if "" in distinct or "." in "".join(distinct):
            return None
        if not all(begin < end and heads[begin][-1] == "=" for begin, end in spans):
            return None
        if any(len(set(heads[begin:end])) < end - begin for begin, end in spans):
            return None
        names = {head: head.removesuffix("=") for head in distinct}
        # With and without a value a name is two heads.
        if len(set(names.values())) < len(names):
            return None
        quotes = {head: '"' if self._is_text(head) else "" for head in distinct}
        opening = {head: f"{json_string(name)}:{quotes[head]}" for head, name in names.items()}
        pairs = list(map(add, map(opening.__getitem__, heads), written))
        between, last = '",', '"'
        if "" in quotes.values():
            pairs, between, last = list(map(add, pairs, map(quotes.__getitem__, heads))), ",", ""
        members = [between.join(pairs[begin:end]) + last for begin, end in spans]
        if lines.is_uniform and heads == heads[: spans[0][1]] * len(spans):
            self._remember(heads[: spans[0][1]])
        said = {name: [self._column(head, heads, values, spans)] for head, name in names.items()
                if name in self._declared.judged and head != name}  # fmt: skip
        times, notes = self._declared.times(said, lines.count), self._declared.notes(said)
        return RecordBatch(lines, lines.starts, members, times, frozenset(names.values()), annotations=notes)

    def _column(self, head: str, heads: Heads, values: Sequence[str], spans: Sequence[Span]) -> Sequence[str]:
        """The value of this name in each line, where it stands once at most; "" where it does not."""
        found = list(compress(values, map(head.__eq__, heads)))
        if len(found) == len(spans):
            return found
        texts = iter(found)
        return [next(texts) if head in heads[begin:end] else "" for begin, end in spans]

    def _shaped(
        self, lines: LineBatch, heads: Heads, values: Sequence[str], written: Sequence[str], spans: Sequence[Span]
    ) -> RecordBatch:
        """The records, each by the shape of its line."""
        shapes = [self._shape(heads[begin:end]) for begin, end in spans]
        members = [shape.members(written[begin:end]) if shape else ""
                   for shape, (begin, end) in zip(shapes, spans, strict=True)]  # fmt: skip
        errors = {index: _ERROR for index, shape in enumerate(shapes) if shape is None}
        for index, message in zip(errors, message_bodies([lines.texts[index] for index in errors]), strict=True):
            members[index] = message
        distinct = set(shapes)
        if len(distinct) == 1 and lines.is_uniform:
            self._remember(heads[: spans[0][1]])
        said = _said(shapes, spans, values)
        times, notes = self._declared.times(said, lines.count), self._declared.notes(said)
        names = frozenset(name for shape in distinct for name in (shape.names if shape else ("message",)))
        return RecordBatch(lines, lines.starts, members, times, names, errors=errors, annotations=notes)

    def _written(self, heads: Heads, values: Sequence[str]) -> Sequence[str]:
        """Each value as JSON, but for the quotes of a text."""
        escaped = escape_json(values)
        others = {head for head in set(heads) if not self._is_text(head)}
        if not others:
            return escaped
        rows = zip(heads, values, escaped, strict=True)
        return [self._made(head, value) if head in others else text for head, value, text in rows]

    def _is_text(self, head: str) -> bool:
        return head.endswith("=") and head[:-1] not in self._declared.types

    def _made(self, head: str, value: str) -> str:
        return self._declared.value(head[:-1], value) if head.endswith("=") else "true"

    def _shape(self, heads: Heads) -> _KeyLayout | None:
        """The shape of a line with these names; None if it is no logfmt."""
        if heads in self._shapes:
            return self._shapes[heads]
        found = self._shape_of(heads) if heads and heads[0].endswith("=") and "" not in heads else None
        if _may_be_remembered(heads):
            if len(self._shapes) >= _REMEMBERED:
                self._shapes.clear()
            self._shapes[heads] = found
        return found

    def _shape_of(self, heads: Heads) -> _KeyLayout:
        places: dict[str, list[int]] = {}
        for place, head in enumerate(heads):
            places.setdefault(head.removesuffix("="), []).append(place)
        are_text = [self._is_text(head) for head in heads]
        leaves = [FieldSpec(name, name, is_text=len(at) == 1 and are_text[at[0]]) for name, at in places.items()]
        template, picked = row_template(leaves)
        last = {name: at[-1] for name, at in places.items() if heads[at[-1]].endswith("=")}
        texts = [(name, last[name]) for name in last.keys() & self._declared.judged]
        lists = list(places.values()) if len(places) < len(heads) else []
        return _KeyLayout(
            frozenset(name.partition(".")[0] for name in places), template, picked, texts, lists, are_text
        )

    def _remember(self, heads: Heads) -> None:
        """The names of all lines of a chunk, if lines with these are told by them alone."""
        names = tuple(head.removesuffix("=") for head in heads)
        if all(head.endswith("=") for head in heads) and len(set(names)) == len(names) and _may_be_remembered(heads):
            value = _value(r"\n", r"[^\n]")
            pattern = re.compile(f"^{' '.join(re.escape(head) + value for head in heads)}$", re.MULTILINE | re.ASCII)
            self._usual = (names, pattern, self._declared.members(names, keeps_empty=True))


def _may_be_remembered(heads: Heads) -> bool:
    return len(heads) <= _WIDEST and len("".join(heads)) <= _LONGEST


def _values(bare: Sequence[str], quoted: Sequence[str], *, have_escapes: bool) -> tuple[str, ...]:
    """What each value says, with quotes or without. Escapes that JSON does not have stay as they are."""
    if have_escapes:
        quoted = [_decode(text) if "\\" in text else text for text in quoted]
    return tuple(map(add, bare, quoted))


def _decode(text: str) -> str:
    try:
        return _TEXT.decode(f'"{text}"')
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def _said(
    shapes: Sequence[_KeyLayout | None], spans: Sequence[Span], values: Sequence[str]
) -> dict[str, list[list[str]]]:
    """The texts that say a time or have a type, as columns by path; "" where there is none."""
    said: dict[str, list[list[str]]] = {}
    for index, (shape, (begin, _)) in enumerate(zip(shapes, spans, strict=True)):
        for path, place in shape.texts if shape else ():
            if path not in said:
                said[path] = [[""] * len(spans)]
            said[path][0][index] = values[begin + place]
    return said
