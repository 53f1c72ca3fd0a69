"""Rows of texts as the members of records: columns in, one `%` a row out.

What has to be escaped or converted is, once for each value of a column that differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import is_not, itemgetter
from typing import NamedTuple, cast

import msgspec

from sidecar.lib.jsontext.nested import DEEPEST, nest, render_members
from sidecar.parse.plain import json_strings

_REMEMBERED = 1024
_OURS = re.compile(r"log(?:\.file|\.offset|)(?:\.|$)(?<!log\.)")
"""Paths that are in the way of our own fields of `log`, or of the object itself."""


class FieldSpec(msgspec.Struct, frozen=True):
    """One field: its dotted path, the group that it is taken from, and what is made of the group's text.

    A text is written as a string, anything else as the JSON that it is; "" makes no field. Of texts that each match
    `plain` with a line end behind it nothing has to be made.
    """

    path: str
    group: str
    made: Callable[[str], str] | None = None
    is_text: bool = True
    plain: re.Pattern[str] | None = None


def text_field(path: str, group: str, made: Callable[[str], str] | None = None) -> FieldSpec:
    """A field whose value is text."""
    return FieldSpec(path, group, made)


def number_field(path: str, group: str) -> FieldSpec:
    """A field whose value is a whole number. The group has to be of few digits."""
    return FieldSpec(path, group, lambda digits: str(int(digits)), is_text=False)


def json_field(path: str, group: str, made: Callable[[str], str], plain: re.Pattern[str] | None = None) -> FieldSpec:
    """A field whose value is the JSON that is made of the text."""
    return FieldSpec(path, group, made, is_text=False, plain=plain)


Column = Sequence[str | None]
"""What one group found in each row."""

Columns = Mapping[str, Column]
"""What each group found in each row; "" or None where nothing, see `RowFormatter`."""


class RowFormatter:
    """Makes the members of records that have these leaves.

    A text that is empty makes no field; with `keeps_empty` it does, and None is what makes none.
    """

    def __init__(self, leaves: Sequence[FieldSpec], *, keeps_empty: bool = False) -> None:
        self._leaves = _sort_fields(leaves)
        self._nothing = None if keeps_empty else ""
        self._templates: dict[tuple[bool, ...], str] = {}
        self.names = frozenset(leaf.path.partition(".")[0] for leaf in self._leaves)
        self._may_end_in_log = not any(_OURS.match(leaf.path) for leaf in self._leaves)

    def of(self, columns: Columns, count: int) -> tuple[list[str], bool]:
        """The members of each row, and whether each ends with an object `log`."""
        if not self._leaves:
            return [""] * count, False
        nothing, absent = self._nothing, [self._nothing] * count
        values = [_values(leaf, columns.get(leaf.group, absent), nothing) for leaf in self._leaves]
        present = [self._is_everywhere(column) for column in values]
        ends_in_log = self._may_end_in_log and any(
            there for there, leaf in zip(present, self._leaves, strict=True) if leaf.path.startswith("log.")
        )
        rows = zip(*values, strict=True)
        if None not in present:
            template = self._template(tuple(map(bool, present)))
            return [template % row for row in rows], ends_in_log
        there = zip(*map(self._is_there, values, present), strict=False)
        return [self._template(which) % row for which, row in zip(there, rows, strict=False)], ends_in_log

    def _is_everywhere(self, column: Column) -> bool | None:
        """Whether there is a value in every row; None if in some of them."""
        missing = column.count(self._nothing)
        return None if 0 < missing < len(column) else not missing

    def _is_there(self, column: Column, everywhere: bool | None) -> Iterator[bool]:
        """Whether there is a value, row by row."""
        if everywhere is not None:
            return repeat(everywhere)
        return map(bool, column) if self._nothing == "" else map(is_not, column, repeat(None))

    def _template(self, present: tuple[bool, ...]) -> str:
        found = self._templates.get(present)
        if found is None:
            if len(self._templates) >= _REMEMBERED:
                self._templates.clear()
            found = self._templates[present] = _template(self._leaves, present)
        return found


def _values(leaf: FieldSpec, column: Column, nothing: str | None) -> Column:
    """The value of a leaf in each row as JSON, without the quotes of a text; as it is where there is none."""
    if leaf.made is None:
        return _escape(column) if leaf.is_text else column
    if all_match(leaf.plain, column):
        return column
    distinct = [said for said in set(column) if said is not None and said != nothing]
    made = [leaf.made(said) for said in distinct]
    values: dict[str | None, str | None] = {nothing: nothing}
    values.update(zip(distinct, escape_json(made) if leaf.is_text else made, strict=True))
    return [values[said] for said in column]


def all_match(plain: re.Pattern[str] | None, column: Column) -> bool:
    """Whether each of the texts can stand as it is; a text of several lines cannot."""
    if plain is None or None in column:
        return False
    joined = "\n".join([*cast("Sequence[str]", column), ""])
    return plain.fullmatch(joined) is not None and joined.count("\n") == len(column)


def escape_json(texts: Sequence[str]) -> Sequence[str]:
    """The same texts as they stand between quotes in JSON; mostly nothing of them needs escaping."""
    joined = "".join(texts)
    if joined.isascii() and len(msgspec.json.encode(joined)) == len(joined) + 2:
        return texts
    return [text[1:-1] for text in json_strings(texts)]


def _escape(column: Column) -> Column:
    """The same for texts of which some are not there."""
    if None not in column:
        return escape_json(cast("Sequence[str]", column))
    texts = iter(escape_json([said for said in column if said is not None]))
    return [None if said is None else next(texts) for said in column]


def _sort_fields(leaves: Sequence[FieldSpec]) -> list[FieldSpec]:
    """The leaves in the order of the members that they make: those of one object together, `log` at the end."""
    if not any("." in leaf.path for leaf in leaves):
        return list(leaves)
    places = _places([leaf.path for leaf in leaves])
    ordered = sorted(zip(leaves, places, strict=True), key=lambda row: (row[0].path.startswith("log."), row[1]))
    return [leaf for leaf, _ in ordered]


def _places(paths: Sequence[str]) -> list[list[int]]:
    """Return for each path, and each object that it goes down through, the first path that goes there."""
    root = _Branch(0, {})
    found = []
    for place, path in enumerate(paths):
        here, way = root, []
        for name in path.split(".", DEEPEST):
            here = here.below.setdefault(name, _Branch(place, {}))
            way.append(here.first)
        found.append(way)
    return found


class _Branch(NamedTuple):
    """The number of the path that is the first to go through here, and what is below, by name."""

    first: int
    below: dict[str, _Branch]


def row_template(leaves: Sequence[FieldSpec]) -> tuple[str, Callable[[Sequence[str]], tuple[str, ...]]]:
    """What `%` makes the members of a row of, and what takes its values in that order from those of `leaves`."""
    ordered = _sort_fields(leaves)
    template = _template(ordered, [True] * len(ordered))
    if ordered == leaves:
        return template, tuple
    return template, itemgetter(*(leaves.index(leaf) for leaf in ordered))


def _template(leaves: Sequence[FieldSpec], present: Sequence[bool]) -> str:
    """What `%` fills with the values of all leaves; those that are not there are taken and not shown."""
    nothing = ""
    shown: dict[str, str] = {}
    for leaf, there in zip(leaves, present, strict=True):
        if there:
            shown[leaf.path.replace("%", "%%")] = nothing + ('"%s"' if leaf.is_text else "%s")
            nothing = ""
        else:
            nothing += "%.0s"
    return render_members(nest(shown)) + nothing
