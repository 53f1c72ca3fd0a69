"""Leaves as an object: dotted paths and their values, nested, as JSON text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

DEEPEST = 32
"""Levels of a path that are told apart; what is below them stays one dotted name. More than a database maps."""

Tree: TypeAlias = "dict[str, str | Tree]"


def nest(leaves: Mapping[str, str]) -> Tree:
    """Leaves as nested dictionaries; a leaf that stands where an object has to be gets a `_` behind its name."""
    root: Tree = {}
    for path, value in leaves.items():
        *folders, name = path.split(".", DEEPEST)
        here = root
        for folder in folders:
            here = _folder(here, folder)
        while name in here:
            name += "_"
        here[name] = value
    return root


def _folder(here: Tree, name: str) -> Tree:
    while not isinstance(found := here.setdefault(name, {}), dict):
        name += "_"
    return found


def render_members(branch: Tree) -> str:
    """The members of a tree as JSON text, without the braces."""
    return ",".join(
        f"{json_string(name)}:{value if isinstance(value, str) else '{' + render_members(value) + '}'}"
        for name, value in branch.items()
    )


def json_string(name: str) -> str:
    """A text as a JSON string."""
    return msgspec.json.encode(name).decode()


def possible_root_names(paths: Iterable[str]) -> frozenset[str]:
    """Every name at the root of an object that could touch one of these leaves: `a`, `a.b`, `a.b.c` for `a.b.c`."""
    return frozenset(spelling for path in paths for spelling in path_prefixes(path))


def path_prefixes(path: str) -> Iterator[str]:
    """Yield each path above this one, from the root down, and the path itself."""
    at = path.find(".")
    for _ in range(DEEPEST):
        if at < 0:
            break
        yield path[:at]
        at = path.find(".", at + 1)
    yield path
