"""Single fields in the members of an object, found and changed by path; everything else keeps its text to the byte.

A path is a dotted name. `a.b` is the member `b` of the object `a` as well as the member `a.b`, and all that is below
it. Objects within arrays are not looked into. Where it is plain at once where a member is, the others are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from sidecar.lib.jsontext.members import NOWHERE, MemberSpan, locate, split_pairs
from sidecar.lib.jsontext.nested import DEEPEST, json_string

Edit = Callable[[str, str, str], str | None]
"""(key as it is written, what of its name is below the path, value) → the member instead, None for nothing."""


def edit(body: str, path: str, change: Edit) -> str:
    """The members with each one at `path` as `change` wants it; the very same text if nothing is different.

    An object that loses its last member goes, too.
    """
    name, _, rest = path.partition(".")
    place = locate(body, name)
    if place is None:
        return _edit_one_by_one(body, path, change)
    if place is NOWHERE:
        return body
    value = body[place.value : place.end]
    if not rest:
        return _splice(body, place, change(f'"{name}"', "", value))
    if value[0] != "{":
        return body
    inside = edit(value[1:-1], rest, change)
    return body if inside == value[1:-1] else _splice(body, place, _object(f'"{name}"', inside))


def _splice(body: str, place: MemberSpan, member: str | None) -> str:
    before, behind = body[: place.start], body[place.end :]
    if member is not None:
        return body if member == body[place.start : place.end] else f"{before}{member}{behind}"
    if before.strip():
        return f"{before.rstrip().removesuffix(',')}{behind}"
    return behind.lstrip().removeprefix(",").lstrip()


def _edit_one_by_one(body: str, path: str, change: Edit) -> str:
    found, is_changed = [], False
    for key, key_text, value in split_pairs(body):
        member: str | None = f"{key_text}:{value}"
        if key == path or key.startswith(f"{path}."):
            instead = change(key_text, key[len(path) :], value)
        elif value[0] == "{" and path.startswith(f"{key}."):
            inside = edit(value[1:-1], path[len(key) + 1 :], change)
            instead = member if inside == value[1:-1] else _object(key_text, inside)
        else:
            instead = member
        is_changed = is_changed or instead != member
        if instead is not None:
            found.append(instead)
    return ",".join(found) if is_changed else body


def _object(key_text: str, inside: str) -> str | None:
    return f"{key_text}:{{{inside}}}" if inside else None


def remove(body: str, path: str) -> tuple[str, list[tuple[str, str]]]:
    """The members without those at `path`, and these: what of their names is below the path, and their values."""
    found: list[tuple[str, str]] = []

    def take(_: str, below: str, value: str) -> None:
        found.append((below, value))

    return edit(body, path, take), found


def keep(body: str, paths: Collection[str]) -> str:
    """Nothing but the members at these paths."""
    below: dict[str, set[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        below.setdefault(name, set()).add(rest)
    places = [(locate(body, name), name) for name in below]
    if any(place is None for place, _ in places):
        return _keep_one_by_one(body, paths)
    there = sorted((place, name) for place, name in places if place is not None and place is not NOWHERE)
    found = [_keep_at(body, place, name, below[name]) for place, name in there]
    return ",".join([text for text in found if text])


def _keep_at(body: str, place: MemberSpan, name: str, paths: Collection[str]) -> str:
    value = body[place.value : place.end]
    if "" in paths:
        return body[place.start : place.end]
    return (value[0] == "{" and _object(f'"{name}"', keep(value[1:-1], paths))) or ""


def _keep_one_by_one(body: str, paths: Collection[str]) -> str:
    found = []
    for key, key_text, value in split_pairs(body):
        if key in paths or any(key.startswith(f"{path}.") for path in paths):
            found.append(f"{key_text}:{value}")
            continue
        below = {path[len(key) + 1 :] for path in paths if path.startswith(f"{key}.")}
        inside = keep(value[1:-1], below) if below and value[0] == "{" else ""
        if inside:
            found.append(f"{key_text}:{{{inside}}}")
    return ",".join(found)


def read(body: str, path: str) -> list[str]:
    """The values at `path` itself, as they are written; several if the application wrote it more than once."""
    name, _, rest = path.partition(".")
    place = locate(body, name)
    if place is not None:
        value = body[place.value : place.end] if place is not NOWHERE else ""
        if not value or not rest:
            return [value] if value else []
        return read(value[1:-1], rest) if value[0] == "{" else []
    found = []
    for key, _, value in split_pairs(body):
        if key == path:
            found.append(value)
        elif value[0] == "{" and path.startswith(f"{key}."):
            found += read(value[1:-1], path[len(key) + 1 :])
    return found


def can_insert(body: str, path: str) -> bool:
    """Whether a value can be put at `path`: nothing is there or below it, and what is above it are objects."""
    if locate(body, path.partition(".")[0]) is NOWHERE:
        return True
    for key, _, value in split_pairs(body):
        if key == path or key.startswith(f"{path}."):
            return False
        if path.startswith(f"{key}.") and not (value[0] == "{" and can_insert(value[1:-1], path[len(key) + 1 :])):
            return False
    return True


def insert(body: str, path: str, value: str) -> str:
    """Return the members with one more at a path that is free: in the object that is there, or at the end.

    Below the root there are at most `DEEPEST` objects; what is deeper stays one dotted name.
    """
    return insert_all(body, [(path, value)])


def insert_all(body: str, leaves: Iterable[tuple[str, str]]) -> str:
    """Do the same for several, one after another: each (path, value) as if those before it were there already."""
    wanted = [(path.split(".", DEEPEST), value) for path, value in leaves]
    roots = {names[0] for names, _ in wanted}
    is_beside = all(locate(body, root) is NOWHERE for root in roots)
    below = _Below("" if is_beside else body)
    for names, value in wanted:
        below.put(names, value)
    added = below.text()
    return f"{body},{added}" if is_beside and body.strip() else added


class _Below:
    """The members of one object while others are put there; objects within it are read when something goes there."""

    def __init__(self, body: str = "") -> None:
        self._keys: list[str] = []
        self._values: list[str | _Below] = []
        self._objects: dict[str, int] = {}
        """Where the first object of each name is."""
        for key, key_text, value in split_pairs(body):
            self._append(key, key_text, value, is_object=value[0] == "{")

    def put(self, names: Sequence[str], value: str) -> None:
        """Put a value at the path that these names make."""
        lengths = range(1, len(names))
        found = [(self._objects[name], n) for n in lengths if (name := ".".join(names[:n])) in self._objects]
        if found:
            at, length = min(found)
            self._inside(at).put(names[length:], value)
        elif len(names) > 1:
            inner = _Below()
            inner.put(names[1:], value)
            self._append(names[0], json_string(names[0]), inner, is_object=True)
        else:
            self._append(names[0], json_string(names[0]), value, is_object=False)

    def text(self) -> str:
        """Return the members as text."""
        rows = zip(self._keys, self._values, strict=True)
        return ",".join(
            [f"{key}:{value if isinstance(value, str) else '{' + value.text() + '}'}" for key, value in rows]
        )

    def _inside(self, at: int) -> _Below:
        value = self._values[at]
        if isinstance(value, str):
            value = self._values[at] = _Below(value[1:-1])
        return value

    def _append(self, key: str, key_text: str, value: str | _Below, *, is_object: bool) -> None:
        if is_object:
            self._objects.setdefault(key, len(self._keys))
        self._keys.append(key_text)
        self._values.append(value)
