"""Leaves as an object: dotted paths and their values, nested, as JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

DEEPEST = 32
"""Levels of a path that are told apart; what is below them stays one dotted name. More than a database maps."""

Tree: TypeAlias = "dict[str, str | Tree]"


def tree(leaves: Mapping[str, str]) -> Tree:
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


def inside(branch: Tree) -> str:
    """The members of a tree as JSON text, without the braces."""
    return ",".join(
        f"{quoted(name)}:{value if isinstance(value, str) else '{' + inside(value) + '}'}"
        for name, value in branch.items()
    )


def quoted(name: str) -> str:
    """A text as a JSON string."""
    return msgspec.json.encode(name).decode()
