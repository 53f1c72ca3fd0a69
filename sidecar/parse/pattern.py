"""A format that is known: patterns of ours, whose groups become typed fields, for a whole chunk at a stroke.

Lines are matched together, then looked at column by column: what has to be escaped or converted is, once for each
value that differs, and one `%` a line makes the members. A line that does not match is a message with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from sidecar.flow import Lines, Records
from sidecar.nesting import inside, tree
from sidecar.parse.plain import as_messages, quoted
from sidecar.parse.written import Written


class Leaf(msgspec.Struct, frozen=True):
    """One field: its dotted path, the group that it is taken from, and what is made of the group's text.

    A text is written as a string, anything else as the JSON that it is; "" makes no field.
    """

    path: str
    group: str
    made: Callable[[str], str] | None = None
    is_text: bool = True


def text(path: str, group: str, made: Callable[[str], str] | None = None) -> Leaf:
    """A field whose value is text."""
    return Leaf(path, group, made)


def number(path: str, group: str) -> Leaf:
    """A field whose value is a whole number. The group has to be of few digits."""
    return Leaf(path, group, lambda digits: str(int(digits)), is_text=False)


def value(path: str, group: str, made: Callable[[str], str]) -> Leaf:
    """A field whose value is the JSON that is made of the text."""
    return Leaf(path, group, made, is_text=False)


class Format(msgspec.Struct, frozen=True):
    """What a program writes: `patterns` that are tried in order, and the fields that their groups become.

    Patterns say `.` for what may go on over the lines of an event, and exclude line ends everywhere else. The groups
    `time`, `fraction`, `zone` and `year` are the event's time. `shape` makes ISO 8601 without a zone of the text of
    `time`, given the year or "" and the present; "" if it is none.
    """

    name: str
    patterns: Sequence[str]
    leaves: Sequence[Leaf]
    shape: Callable[[str, str, float], str]


Row = Sequence[str]


class Pattern:
    """The parser of one format. `written` reads its times."""

    def __init__(self, form: Format, written: Written) -> None:
        self._leaves = _in_order(form.leaves)
        self._many = [re.compile(f"^(?:{pattern})$", re.MULTILINE | re.ASCII) for pattern in form.patterns]
        self._one = [re.compile(pattern, re.DOTALL | re.ASCII) for pattern in form.patterns]
        self._error = f"the line is not in the format of {form.name}"
        self._written = written
        self._templates: dict[tuple[bool, ...], str] = {}
        self._names = frozenset(leaf.path.partition(".")[0] for leaf in self._leaves)

    def parse(self, lines: Lines) -> Records:
        """One record for each line, at a stroke if all are of one pattern."""
        if lines.whole:
            for pattern in self._many:
                rows = pattern.findall(lines.text)
                if len(rows) == lines.count:
                    return self._records(lines, pattern, rows)
        return self._line_by_line(lines)

    def _records(self, lines: Lines, pattern: re.Pattern[str], rows: Sequence[Row]) -> Records:
        columns = _columns(pattern, rows)
        members, closes = self._members(columns, len(rows))
        return Records(
            lines, lines.starts, members, self._written.all(columns, len(rows)), self._names, ends_in_log=closes
        )

    def _line_by_line(self, lines: Lines) -> Records:
        rows: dict[int, list[tuple[int, Row]]] = {}
        errors: dict[int, str] = {}
        for index, line in enumerate(lines.texts):
            for which, pattern in enumerate(self._one):
                if match := pattern.fullmatch(line):
                    rows.setdefault(which, []).append((index, match.groups("")))
                    break
            else:
                errors[index] = self._error
        failed = [lines.texts[index] for index in errors]
        members, times = [""] * lines.count, [""] * lines.count
        all_close = not errors
        for which, found in rows.items():
            columns = _columns(self._one[which], [row for _, row in found])
            made, closes = self._members(columns, len(found))
            all_close = all_close and closes
            for (index, _), member, time in zip(found, made, self._written.all(columns, len(found)), strict=True):
                members[index], times[index] = member, time
        for index, message in zip(errors, as_messages(failed), strict=True):
            members[index] = message
        names = self._names | {"message"} if errors else self._names
        return Records(lines, lines.starts, members, times, names, errors=errors, ends_in_log=all_close)

    def _members(self, columns: dict[str, Sequence[str]], count: int) -> tuple[list[str], bool]:
        """The members of each row, and whether each ends with an object `log`."""
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
            found = self._templates[present] = _template(self._leaves, present)
        return found


def _columns(pattern: re.Pattern[str], rows: Sequence[Row]) -> dict[str, Sequence[str]]:
    """What each named group found in each row."""
    by_place = list(zip(*rows, strict=True))
    return {name: by_place[place - 1] for name, place in pattern.groupindex.items()}


def _values(leaf: Leaf, column: Sequence[str] | None) -> Sequence[str] | None:
    """The value of a leaf in each row as JSON, without the quotes of a text; "" where there is none."""
    if column is None:
        return None
    if leaf.made is None:
        return _escaped(column) if leaf.is_text else column
    distinct = list(set(column))
    made = [leaf.made(value) if value else "" for value in distinct]
    values = dict(zip(distinct, _escaped(made) if leaf.is_text else made, strict=True))
    return [values[value] for value in column]


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
            shown[leaf.path] = nothing + ('"%s"' if leaf.is_text else "%s")
            nothing = ""
        else:
            nothing += "%.0s"
    return inside(tree(shown)) + nothing
