"""JSON taken apart without the product: every leaf with its path, numbers as they are written, nothing merged."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

Leaf = tuple[str, str]
"""Dotted path, and the value in a form that can be compared."""


class _Members(list[tuple[str, Any]]):
    """The members of an object, those that were written twice included."""


class _Number(str):
    """A number as it is written."""


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def decoded(text: str) -> Any:
    """The value of a text that has to be JSON by RFC 8259."""
    return json.loads(
        text, object_pairs_hook=_Members, parse_int=_Number, parse_float=_Number, parse_constant=_constant
    )


def is_object(text: str) -> bool:
    """Whether the text is one JSON object that UTF-8 can express: half a surrogate pair is no character."""
    try:
        found = decoded(text)
        return isinstance(found, _Members) and bool(json.dumps(found, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return False


def root_names(text: str) -> list[str]:
    """The names at the root of an object."""
    return [name for name, _ in decoded(text)]


def leaves(text: str) -> list[Leaf]:
    """All leaves of an object, in order. An object without members is a leaf, and so is a list."""
    return list(_flat(decoded(text), ""))


def _flat(members: _Members, prefix: str) -> list[Leaf]:
    found: list[Leaf] = []
    for name, value in members:
        if isinstance(value, _Members) and value:
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, _comparable(value)))
    return found


def _comparable(value: Any) -> str:
    if isinstance(value, _Members):
        return "{" + ",".join(f"{name!r}:{_comparable(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_comparable, value)) + "]"
    return str(value) if isinstance(value, _Number) else repr(value)


def are_consistent(found: list[Leaf]) -> bool:
    """Whether a database can hold them: no field twice, none that is a value here and an object there.

    An empty object goes together with the same object elsewhere.
    """
    paths = Counter(path for path, _ in found)
    values = {path for path, value in found if value != "{}"}
    if any(times > 1 for times in paths.values()):
        return False
    parts = [path.split(".") for path in paths]
    return not any(".".join(names[:end]) in values for names in parts for end in range(1, len(names)))
