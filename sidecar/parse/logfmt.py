"""Pairs of names and values, as Heroku's logfmt has them: `level=info msg="it is up" n=3`.

There is no standard; this reads what the libraries of Go and Ruby write. A quoted value has the escapes of JSON; a
name without a value is true, and may stand anywhere but at the beginning, so that ordinary words are no logfmt. A
name that stands several times has a list of values. One search goes over a whole chunk, for the names that lines had
before or for any; it is taken for it if all of the text is accounted for, else lines are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import add

import msgspec

from sidecar.flow import Lines, Records
from sidecar.nesting import inside, quoted, tree
from sidecar.parse.declared import Declared
from sidecar.parse.plain import as_messages
from sidecar.parse.rows import Members

# A name begins behind a blank or a line end: without that, a long word would be tried again from each of its letters.
_MANY = re.compile(r'(?<![^ \n])([^ ="\n]++)=(?:"([^"\n]*+)"|([^ "\n]*+))([ \n])')
_ONE = re.compile(r'([^\s="]++)(?:(=)(?:("(?:[^"\\]|\\.)*+")|([^\s"]*+)))?+(?:\s++|$)', re.DOTALL | re.ASCII)
_BLANKS = " \t\r\n\v\f"
_ERROR = "the line is not logfmt"
_REMEMBERED, _WIDEST = 64, 128
"""Shapes that are remembered, and names that one of them has at most: the application decides on both."""

_TEXT = msgspec.json.Decoder(str)


Shape = tuple[str, ...]
"""The names of a line, in their order."""


class Logfmt:
    """The pairs of each line as fields."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._shapes: dict[Shape, Members] = {}
        self._usual: tuple[Shape, re.Pattern[str]] | None = None

    def parse(self, lines: Lines) -> Records:
        """One record for each line."""
        return (self._at_a_stroke(lines) if lines.whole else None) or self._line_by_line(lines)

    def _at_a_stroke(self, lines: Lines) -> Records | None:
        if any(odd in lines.text for odd in "\\\t\v\f"):
            return None
        return self._of_usual_shape(lines) or self._of_any_shape(lines)

    def _of_usual_shape(self, lines: Lines) -> Records | None:
        """Lines with the names that all of a chunk had before: to look for these is much quicker than for any."""
        if self._usual is None:
            return None
        shape, pattern = self._usual
        rows = pattern.findall(lines.text)
        if len(rows) != lines.count:
            self._usual = None
            return None
        by_place = list(zip(*rows, strict=True))
        values = [list(map(add, *both)) for both in zip(by_place[::2], by_place[1::2], strict=True)]
        return None if any("" in column for column in values) else self._of_one_shape(lines, shape, values)

    def _of_any_shape(self, lines: Lines) -> Records | None:
        names, texts, bare, ends = _transposed(_MANY.findall(lines.text))
        length = len("".join(names)) + len("".join(texts)) + len("".join(bare)) + 2 * len(names)
        if length + lines.text.count('"') != len(lines.text) or ends.count("\n") != lines.count:
            return None
        values = list(map(add, texts, bare))
        if "" in values:
            return None
        width = len(names) // lines.count
        if ends[width - 1 :: width].count("\n") == lines.count and names == names[:width] * lines.count:
            return self._of_one_shape(lines, names[:width], [values[place::width] for place in range(width)])
        bounds = [0, *(place + 1 for place, end in enumerate(ends) if end == "\n")]
        return self._by_shape(lines, names, values, list(pairwise(bounds)))

    def _of_one_shape(self, lines: Lines, shape: Shape, values: Sequence[Sequence[str]]) -> Records | None:
        if not _is_plain(shape):
            return None
        if self._usual is None:
            self._usual = (shape, _pattern_of(shape))
        members, times, notes = self._columns(shape, values)
        return Records(lines, lines.starts, members, times, _roots([shape]), notes=notes)

    def _by_shape(
        self, lines: Lines, names: Shape, values: Sequence[str], spans: Sequence[tuple[int, int]]
    ) -> Records | None:
        """Lines that have the same names in the same order are columns together."""
        shapes: dict[Shape, list[int]] = {}
        for index, (begin, end) in enumerate(spans):
            shapes.setdefault(names[begin:end], []).append(index)
        if not all(map(_is_plain, shapes)):
            return None
        members, times = [""] * lines.count, [""] * lines.count
        notes: dict[int, dict[str, str]] = {}
        for shape, places in shapes.items():
            columns = list(zip(*(values[spans[i][0] : spans[i][1]] for i in places), strict=True))
            made, read, noted = self._columns(shape, columns)
            for place, member, time in zip(places, made, read, strict=True):
                members[place], times[place] = member, time
            notes |= {places[at]: said for at, said in noted.items()}
        return Records(lines, lines.starts, members, times, _roots(shapes), notes=notes)

    def _columns(
        self, shape: Shape, values: Sequence[Sequence[str]]
    ) -> tuple[list[str], list[str], dict[int, dict[str, str]]]:
        columns, count = dict(zip(shape, values, strict=True)), len(values[0])
        made = self._shapes.get(shape)
        if made is None:
            if len(self._shapes) >= _REMEMBERED:
                self._shapes.clear()
            made = self._shapes[shape] = self._declared.members(shape)
        said = {name: [column] for name, column in columns.items()}
        return made.of(columns, count)[0], self._declared.times(said, count), self._declared.notes(said)

    def _line_by_line(self, lines: Lines) -> Records:
        members, times, errors, notes = [], [], {}, {}
        for index, line in enumerate(lines.texts):
            pairs = _pairs(line)
            if pairs is None:
                errors[index] = _ERROR
                members += as_messages([line])
                times.append("")
                continue
            columns = {name: [(found[-1],)] for name, found in pairs.items() if isinstance(found[-1], str)}
            members.append(inside(tree({name: self._value(name, found) for name, found in pairs.items()})))
            times += self._declared.times(columns, 1)
            if said := self._declared.notes(columns):
                notes[index] = said[0]
        return Records(lines, lines.starts, members, times, errors=errors, notes=notes)

    def _value(self, name: str, found: Sequence[str | None]) -> str:
        shown = ["true" if text is None else self._declared.value(name, text) if text else '""' for text in found]
        return shown[0] if len(shown) == 1 else f"[{','.join(shown)}]"


def _pattern_of(shape: Shape) -> re.Pattern[str]:
    """Lines of one shape; two groups for each value, of which one is empty."""
    pairs = (re.escape(name) + r'=(?:"([^"\n]*+)"|([^ "\n]*+))' for name in shape)
    return re.compile(f"^{' '.join(pairs)}$", re.MULTILINE)


def _is_plain(shape: Shape) -> bool:
    """Whether no name stands twice, and there are not too many to remember them."""
    return len(set(shape)) == len(shape) <= _WIDEST


def _transposed(rows: Sequence[Sequence[str]]) -> Sequence[tuple[str, ...]]:
    return list(zip(*rows, strict=True)) or ((), (), (), ())


def _roots(shapes: Iterable[Shape]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for shape in shapes for name in shape)


def _pairs(line: str) -> dict[str, list[str | None]] | None:
    """The values of each name, None for one without; None if the line is no logfmt."""
    found: dict[str, list[str | None]] = {}
    at = len(line) - len(line.lstrip(_BLANKS))
    while at < len(line):
        match = _ONE.match(line, at)
        if match is None or not (found or match[2]):
            return None
        name, equals, text, bare = match.groups()
        found.setdefault(name, []).append(_said(text) if text else bare if equals else None)
        at = match.end()
    return found or None


def _said(text: str) -> str:
    """What stands between quotes; escapes that JSON does not have stay as they are."""
    try:
        return _TEXT.decode(quoted(text[1:-1]) if "\\" not in text else text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text[1:-1]
