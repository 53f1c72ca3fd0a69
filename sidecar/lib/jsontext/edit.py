"""Edits single fields of a JSON object by path. The text of all other fields stays the same to the byte.

A path is a dotted name. `a.b` means the member `b` of the object `a`, and the member `a.b`, with everything below
them. Objects in arrays are not searched. If a member can be located directly, the other members are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from sidecar.lib.jsontext.members import NOWHERE, MemberSpan, locate, split_pairs
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH, json_string

Edit = Callable[[str, str, str], str | None]
"""Function that changes a member. Result: the new member, or None to remove it.

Arguments: the key as written; the part of the key after the path, such as `.c` in the key `a.b.c` for the path `a.b`,
or ""; and the value.
"""


def edit(body: str, path: str, change: Edit) -> str:
    """Return the body with each member at `path` replaced by the result of `change`.

    Remove an object that becomes empty. Return the same text if nothing has changed.
    """
    name, _, rest = path.partition(".")
    span = locate(body, name)
    if span is None:
        return _edit_members(body, path, change)
    if span is NOWHERE:
        return body
    value = body[span.value : span.end]
    if not rest:
        return _splice(body, span, change(f'"{name}"', "", value))
    if value[0] != "{":
        return body
    inner = edit(value[1:-1], rest, change)
    return body if inner == value[1:-1] else _splice(body, span, _object(f'"{name}"', inner))


def _splice(body: str, span: MemberSpan, member: str | None) -> str:
    before, after = body[: span.start], body[span.end :]
    if member is not None:
        return body if member == body[span.start : span.end] else f"{before}{member}{after}"
    if before.strip():
        return f"{before.rstrip().removesuffix(',')}{after}"
    return after.lstrip().removeprefix(",").lstrip()


def _edit_members(body: str, path: str, change: Edit) -> str:
    members, is_changed = [], False
    for key, key_text, value in split_pairs(body):
        member: str | None = f"{key_text}:{value}"
        if key == path or key.startswith(f"{path}."):
            changed = change(key_text, key[len(path) :], value)
        elif value[0] == "{" and path.startswith(f"{key}."):
            inner = edit(value[1:-1], path[len(key) + 1 :], change)
            changed = member if inner == value[1:-1] else _object(key_text, inner)
        else:
            changed = member
        is_changed = is_changed or changed != member
        if changed is not None:
            members.append(changed)
    return ",".join(members) if is_changed else body


def _object(key_text: str, inner: str) -> str | None:
    return f"{key_text}:{{{inner}}}" if inner else None


def remove(body: str, path: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the body without the members at `path`, and the removed members.

    A removed member is a pair: the part of its key after the path ("" if the key ends there), and its value.
    """
    removed: list[tuple[str, str]] = []

    def remove_member(_: str, suffix: str, value: str) -> None:
        removed.append((suffix, value))

    return edit(body, path, remove_member), removed


def keep(body: str, paths: Collection[str]) -> str:
    """Return a body with only the members at these paths."""
    rest_of: dict[str, set[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        rest_of.setdefault(name, set()).add(rest)
    spans = [(locate(body, name), name) for name in rest_of]
    if any(span is None for span, _ in spans):
        return _keep_members(body, paths)
    present = sorted((span, name) for span, name in spans if span is not None and span is not NOWHERE)
    members = [_keep_at(body, span, name, rest_of[name]) for span, name in present]
    return ",".join([text for text in members if text])


def _keep_at(body: str, span: MemberSpan, name: str, paths: Collection[str]) -> str:
    value = body[span.value : span.end]
    if "" in paths:
        return body[span.start : span.end]
    return (value[0] == "{" and _object(f'"{name}"', keep(value[1:-1], paths))) or ""


def _keep_members(body: str, paths: Collection[str]) -> str:
    members = []
    for key, key_text, value in split_pairs(body):
        if key in paths or any(key.startswith(f"{path}.") for path in paths):
            members.append(f"{key_text}:{value}")
            continue
        rests = {path[len(key) + 1 :] for path in paths if path.startswith(f"{key}.")}
        inner = keep(value[1:-1], rests) if rests and value[0] == "{" else ""
        if inner:
            members.append(f"{key_text}:{{{inner}}}")
    return ",".join(members)


def read(body: str, path: str) -> list[str]:
    """Return the values at `path` as written. There are several if the name occurs more than once."""
    name, _, rest = path.partition(".")
    span = locate(body, name)
    if span is not None:
        value = body[span.value : span.end] if span is not NOWHERE else ""
        if not value or not rest:
            return [value] if value else []
        return read(value[1:-1], rest) if value[0] == "{" else []
    values = []
    for key, _, value in split_pairs(body):
        if key == path:
            values.append(value)
        elif value[0] == "{" and path.startswith(f"{key}."):
            values += read(value[1:-1], path[len(key) + 1 :])
    return values


def can_insert(body: str, path: str) -> bool:
    """Return whether a value can be inserted at `path`: no field exists there, and all fields above are objects."""
    if locate(body, path.partition(".")[0]) is NOWHERE:
        return True
    for key, _, value in split_pairs(body):
        if key == path or key.startswith(f"{path}."):
            return False
        if path.startswith(f"{key}.") and not (value[0] == "{" and can_insert(value[1:-1], path[len(key) + 1 :])):
            return False
    return True


def insert(body: str, path: str, value: str) -> str:
    """Return the body with a new member at `path`: in an existing object if there is one, else at the end.

    At most `MAX_PATH_DEPTH` objects are nested; the rest of a deeper path stays one dotted name.
    """
    return insert_all(body, [(path, value)])


def insert_all(body: str, leaves: Iterable[tuple[str, str]]) -> str:
    """Return the body with all of these (path, value) inserted, in order."""
    insertions = [(path.split(".", MAX_PATH_DEPTH), value) for path, value in leaves]
    roots = {names[0] for names, _ in insertions}
    is_new = all(locate(body, root) is NOWHERE for root in roots)
    members = _OpenObject("" if is_new else body)
    for names, value in insertions:
        members.put(names, value)
    added = members.text()
    return f"{body},{added}" if is_new and body.strip() else added


class _OpenObject:
    """The members of one object during insertions. A nested object is parsed when a member is inserted into it."""

    def __init__(self, body: str = "") -> None:
        self._keys: list[str] = []
        self._values: list[str | _OpenObject] = []
        self._objects: dict[str, int] = {}
        """Index of the first object with each name."""
        for key, key_text, value in split_pairs(body):
            self._append(key, key_text, value, is_object=value[0] == "{")

    def put(self, names: Sequence[str], value: str) -> None:
        """Insert a value at the path of these names."""
        lengths = range(1, len(names))
        found = [(self._objects[name], n) for n in lengths if (name := ".".join(names[:n])) in self._objects]
        if found:
            at, length = min(found)
            self._open(at).put(names[length:], value)
        elif len(names) > 1:
            inner = _OpenObject()
            inner.put(names[1:], value)
            self._append(names[0], json_string(names[0]), inner, is_object=True)
        else:
            self._append(names[0], json_string(names[0]), value, is_object=False)

    def text(self) -> str:
        """Return the members of the object as JSON text, without the braces."""
        rows = zip(self._keys, self._values, strict=True)
        return ",".join(
            [f"{key}:{value if isinstance(value, str) else '{' + value.text() + '}'}" for key, value in rows]
        )

    def _open(self, at: int) -> _OpenObject:
        value = self._values[at]
        if isinstance(value, str):
            value = self._values[at] = _OpenObject(value[1:-1])
        return value

    def _append(self, key: str, key_text: str, value: str | _OpenObject, *, is_object: bool) -> None:
        if is_object:
            self._objects.setdefault(key, len(self._keys))
        self._keys.append(key_text)
        self._values.append(value)
