"""Edits a field of many JSON objects at once, if it is a plain member of each.

Input: the bodies of the objects, without braces. A result is None where only `edit` can decide: for a repeated or a
dotted name, for a key with an escape, and for an object that would become empty. All other results have the members
that `edit` returns; only blanks between them may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sidecar.lib import native
from sidecar.lib.jsontext.members import NOWHERE, MemberSpan
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH, json_string

Bodies = list[str | None]
"""Bodies of objects; None where a result is undecided."""

MAX_NAMES = 16
"""Maximum number of names that are located in one pass."""

ABSENT = NOWHERE.start
"""Start of a member that does not exist."""

_BLANKS = " \t\r\n"


class Spans(NamedTuple):
    """The position of one member in each body, as indexes. All are `ABSENT` where there is none, -2 if undecided."""

    starts: list[int]
    """Start of the key."""

    values: list[int]
    """Start of the value."""

    ends: list[int]
    """End of the value."""

    def rows(self) -> Iterator[MemberSpan]:
        """Return the position in each body."""
        return map(MemberSpan, *self)


def is_plain(path: str) -> bool:
    """Return whether the names of a path are written without escapes, so that their members can be located."""
    return json_string(path) == f'"{path}"'


def locate_all(bodies: Sequence[str], names: Sequence[str]) -> list[Spans]:
    """Return the position of each of these root members in each body. The names must be plain."""
    columns = native.locate_members(list(bodies), tuple(names))
    return [Spans(*columns[at : at + 3]) for at in range(0, len(columns), 3)]


def locate_path(bodies: Sequence[str], path: str) -> Spans:
    """Return the position of the member at a dotted path of nested objects in each body. The path must be plain."""
    name, _, rest = path.partition(".")
    [spans] = locate_all(bodies, [name])
    if not rest or not bodies:
        return spans
    rows = [span if span.start < ABSENT else NOWHERE for span in spans.rows()]
    values = zip(bodies, spans.values, strict=True)
    objects = [index for index, (body, value) in enumerate(values) if value >= 0 and body[value] == "{"]
    inner = [bodies[index][spans.values[index] + 1 : spans.ends[index] - 1] for index in objects]
    for index, span in zip(objects, locate_path(inner, rest).rows(), strict=True):
        at = spans.values[index] + 1 if span.start >= 0 else 0
        rows[index] = MemberSpan(at + span.start, at + span.value, at + span.end)
    starts, values_, ends = zip(*rows, strict=True)
    return Spans(list(starts), list(values_), list(ends))


def replace_values(bodies: Sequence[str], path: str, change: Callable[[str], str | None]) -> Bodies:
    """Return the bodies with the value at `path` replaced by the result of `change`; undecided where that is None."""
    name = json_string(path.rpartition(".")[2])
    rows: Bodies = []
    for body, start, value, end in zip(bodies, *locate_path(bodies, path), strict=True):
        if start >= 0:
            changed = change(body[value:end])
            rows.append(None if changed is None else f"{body[:start]}{name}:{changed}{body[end:]}")
        else:
            rows.append(body if start == ABSENT else None)
    return rows


def rename_members(bodies: Sequence[str], old: str, new: str) -> Bodies:
    """Return the bodies with the member `old` renamed, in its place. Both paths must have the same parent."""
    name = json_string(new.rpartition(".")[2])
    sources, targets = (
        (locate_path(bodies, old), locate_path(bodies, new)) if "." in old else locate_all(bodies, [old, new])
    )
    rows = zip(bodies, sources.starts, sources.values, targets.starts, strict=True)
    return [
        body if start == ABSENT
        else f"{body[:start]}{name}:{body[value:]}" if start >= 0 and target == ABSENT
        else None
        for body, start, value, target in rows
    ]  # fmt: skip


def remove_members(bodies: Sequence[str], path: str) -> Bodies:
    """Return the bodies without the member at `path`."""
    spans = locate_path(bodies, path)
    return [
        body if start == ABSENT else remove_at(body, start, end) if start >= 0 else None
        for body, start, end in zip(bodies, spans.starts, spans.ends, strict=True)
    ]


def remove_at(body: str, start: int, end: int) -> str | None:
    """Return the body without the member at this position; None if a nested object would become empty."""
    before = body[:start]
    if before[-1:] == ",":
        return before[:-1] + body[end:]
    kept = before.rstrip(_BLANKS)
    if kept[-1:] == ",":
        return kept[:-1] + body[end:]
    after = body[end:].lstrip(_BLANKS)
    if after[:1] == ",":
        return kept + after[1:].lstrip(_BLANKS)
    return None if kept or after else ""


def copy_members(bodies: Sequence[str], source: str, target: str) -> Bodies:
    """Return the bodies with the value at `source` also at `target`."""
    before, after = _wrapped(target)
    root, _, _ = target.partition(".")
    sources, targets = (
        (locate_path(bodies, source), *locate_all(bodies, [root]))
        if "." in source
        else locate_all(bodies, [source, root])
    )
    return [
        body if start == ABSENT
        else f"{body},{before}{body[value:end]}{after}" if start >= 0 and target_start == ABSENT
        else None
        for body, start, value, end, target_start in zip(bodies, *sources, targets.starts, strict=True)
    ]  # fmt: skip


def move_members(bodies: Sequence[str], old: str, new: str) -> Bodies:
    """Return the bodies with the value at `old` moved to the end, to `new`."""
    before, after = _wrapped(new)
    root, _, _ = new.partition(".")
    [targets] = locate_all(bodies, [root])
    rows: Bodies = []
    for body, start, value, end, target_start in zip(bodies, *locate_path(bodies, old), targets.starts, strict=True):
        rest = remove_at(body, start, end) if start >= 0 and target_start == ABSENT else None
        moved = rest and f"{rest},{before}{body[value:end]}{after}"
        rows.append(body if start == ABSENT else moved or None)
    return rows


def _wrapped(path: str) -> tuple[str, str]:
    """Return the JSON text before and after a value that is inserted at this path."""
    names = [json_string(name) for name in path.split(".", MAX_PATH_DEPTH)]
    return ":{".join(names) + ":", "}" * (len(names) - 1)


def keep_members(bodies: Sequence[str], names: Sequence[str]) -> Bodies:
    """Return the bodies with only these root members, in their order."""
    columns = locate_all(bodies, names)
    pairs = [zip(spans.starts, spans.ends, strict=True) for spans in columns]
    undecided = {index for spans in columns if min(spans.starts, default=0) < ABSENT
                 for index, start in enumerate(spans.starts) if start < ABSENT}  # fmt: skip
    return [
        None if index in undecided else ",".join([body[start:end] for start, end in sorted(row) if start >= 0])
        for index, (body, *row) in enumerate(zip(bodies, *pairs, strict=True))
    ]


def read_values(bodies: Sequence[str], path: str) -> list[str | None]:
    """Return the value at `path` in each body as written; "" if there is none, None if that is undecided."""
    spans = locate_path(bodies, path)
    return [
        body[value:end] if value >= 0 else "" if value == ABSENT else None
        for body, value, end in zip(bodies, spans.values, spans.ends, strict=True)
    ]


def insert_values(bodies: Sequence[str], path: str, values: Iterable[str | None]) -> Bodies:
    """Return the bodies with these values (JSON text) at `path`; the same body for "", undecided for None."""
    before, after = _wrapped(path)
    [roots] = locate_all(bodies, [path.partition(".")[0]])
    return [
        body if value == ""
        else f"{body},{before}{value}{after}" if value and start == ABSENT
        else None
        for body, value, start in zip(bodies, values, roots.starts, strict=True)
    ]  # fmt: skip
