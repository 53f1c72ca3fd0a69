"""Turns dotted paths and their values into a nested JSON object, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

MAX_PATH_DEPTH = 32
"""Maximum number of levels into which a path is split, more than databases allow. The rest stays one dotted name."""

Tree: TypeAlias = "dict[str, str | Tree]"


def nest(leaves: Mapping[str, str]) -> Tree:
    """Return the leaves as nested dictionaries. Append `_` to a name if a leaf and an object share it."""
    root: Tree = {}
    for path, value in leaves.items():
        *parents, name = path.split(".", MAX_PATH_DEPTH)
        branch = root
        for parent in parents:
            branch = _child(branch, parent)
        while name in branch:
            name += "_"
        branch[name] = value
    return root


def _child(branch: Tree, name: str) -> Tree:
    while not isinstance(child := branch.setdefault(name, {}), dict):
        name += "_"
    return child


def render_members(branch: Tree) -> str:
    """Return the body of a tree as JSON text."""
    return ",".join(
        f"{json_string(name)}:{value if isinstance(value, str) else '{' + render_members(value) + '}'}"
        for name, value in branch.items()
    )


def json_string(name: str) -> str:
    """Encode a text as a JSON string."""
    return msgspec.json.encode(name).decode()


def possible_root_names(paths: Iterable[str]) -> frozenset[str]:
    """Return all names that a root member on one of these paths may have: `a`, `a.b` and `a.b.c` for `a.b.c`.

    Names may contain dots: `{"a.b": {"c": 1}}` also has the path `a.b.c`.
    """
    return frozenset(spelling for path in paths for spelling in path_prefixes(path))


def path_prefixes(path: str) -> Iterator[str]:
    """Yield each path above this one, from the root down, and the path itself."""
    dot = path.find(".")
    for _ in range(MAX_PATH_DEPTH):
        if dot < 0:
            break
        yield path[:dot]
        dot = path.find(".", dot + 1)
    yield path


def flatten(document: str) -> dict[str, Any]:
    """Return the values of a JSON object by dotted path; arrays are values. Return {} if it cannot be decoded."""
    try:
        decoded = msgspec.json.decode(document)
    except (msgspec.MsgspecError, RecursionError):
        return {}
    values: dict[str, Any] = {}
    pending = [("", decoded)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and value:
            members = [(f"{path}.{name}" if path else name, each) for name, each in value.items()]
            pending += reversed(members)
        elif path:
            values[path] = value
    return values
