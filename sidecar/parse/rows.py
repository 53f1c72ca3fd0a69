"""Rows of texts as the members of records: columns in, one `%` a row out.

What has to be escaped or converted is, once for each value of a column that differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from sidecar.nesting import inside, tree
from sidecar.parse.plain import quoted

_REMEMBERED = 1024


class Leaf(msgspec.Struct, frozen=True):
    """One field: its dotted path, the group that it is taken from, and what is made of the group's text.

    A text is written as a string, anything else as the JSON that it is; "" makes no field. Of texts that each match
    `plain` with a line end behind it nothing has to be made.
    """

    path: str
    group: str
    made: Callable[[str], str] | None = None
    is_text: bool = True
    plain: re.Pattern[str] | None = None


def text(path: str, group: str, made: Callable[[str], str] | None = None) -> Leaf:
    """A field whose value is text."""
    return Leaf(path, group, made)


def number(path: str, group: str) -> Leaf:
    """A field whose value is a whole number. The group has to be of few digits."""
    return Leaf(path, group, lambda digits: str(int(digits)), is_text=False)


def value(path: str, group: str, made: Callable[[str], str], plain: re.Pattern[str] | None = None) -> Leaf:
    """A field whose value is the JSON that is made of the text."""
    return Leaf(path, group, made, is_text=False, plain=plain)


Columns = Mapping[str, Sequence[str]]
"""What each group found in each row; "" where nothing."""


class Members:
    """Makes the members of records that have these leaves."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self._leaves = _in_order(leaves)
        self._templates: dict[tuple[bool, ...], str] = {}
        self.names = frozenset(leaf.path.partition(".")[0] for leaf in self._leaves)

    def of(self, columns: Columns, count: int) -> tuple[list[str], bool]:
        """The members of each row, and whether each ends with an object `log`."""
        if not self._leaves:
            return [""] * count, False
        values = [_values(leaf, columns.get(leaf.group)) or [""] * count for leaf in self._leaves]
        present = [_is_everywhere(column) for column in values]
        ends_in_log = any(
            there for there, leaf in zip(present, self._leaves, strict=True) if leaf.path.startswith("log.")
        )
        if None not in present:
            template = self._template(tuple(map(bool, present)))
            return [template % row for row in zip(*values, strict=True)], ends_in_log
        return [self._template(tuple(map(bool, row))) % row for row in zip(*values, strict=True)], ends_in_log

    def _template(self, present: tuple[bool, ...]) -> str:
        found = self._templates.get(present)
        if found is None:
            if len(self._templates) >= _REMEMBERED:
                self._templates.clear()
            found = self._templates[present] = _template(self._leaves, present)
        return found


def _values(leaf: Leaf, column: Sequence[str] | None) -> Sequence[str] | None:
    """The value of a leaf in each row as JSON, without the quotes of a text; "" where there is none."""
    if column is None:
        return None
    if leaf.made is None:
        return _escaped(column) if leaf.is_text else column
    if are_plain(leaf.plain, column):
        return column
    distinct = list(set(column))
    made = [leaf.made(value) if value else "" for value in distinct]
    values = dict(zip(distinct, _escaped(made) if leaf.is_text else made, strict=True))
    return [values[value] for value in column]


def are_plain(plain: re.Pattern[str] | None, column: Sequence[str]) -> bool:
    """Whether each of the texts, of which none holds a line end, can stand as it is."""
    return plain is not None and plain.fullmatch("\n".join([*column, ""])) is not None


def _escaped(column: Sequence[str]) -> Sequence[str]:
    """The same texts as they stand between quotes in JSON; mostly nothing of them needs escaping."""
    joined = "".join(column)
    if joined.isascii() and len(msgspec.json.encode(joined)) == len(joined) + 2:
        return column
    return [value[1:-1] for value in quoted(column)]


def _is_everywhere(column: Sequence[str]) -> bool | None:
    """Whether there is a value in every row; None if in some of them."""
    empty = column.count("")
    return None if 0 < empty < len(column) else not empty


def _in_order(leaves: Sequence[Leaf]) -> list[Leaf]:
    """The leaves in the order of the members that they make: those of one object together, `log` at the end."""
    first: dict[str, int] = {}
    for place, leaf in enumerate(leaves):
        for prefix in _prefixes(leaf.path):
            first.setdefault(prefix, place)
    return sorted(
        leaves, key=lambda leaf: (leaf.path.startswith("log."), [first[prefix] for prefix in _prefixes(leaf.path)])
    )


def _prefixes(path: str) -> list[str]:
    names = path.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


def _template(leaves: Sequence[Leaf], present: Sequence[bool]) -> str:
    """What `%` fills with the values of all leaves; those that are not there are taken and not shown."""
    nothing = ""
    shown: dict[str, str] = {}
    for leaf, there in zip(leaves, present, strict=True):
        if there:
            shown[leaf.path.replace("%", "%%")] = nothing + ('"%s"' if leaf.is_text else "%s")
            nothing = ""
        else:
            nothing += "%.0s"
    return inside(tree(shown)) + nothing
