"""What is added to a Pod: insertions into its lists and mappings, which nothing else needs to know how to find."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sidecar.inject.reasons import Note

Object = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """One value that is inserted: at an index of a list, or at a key that a mapping does not have."""

    parent: Path
    """Where the list or mapping is, from the root of the Pod."""

    key: str | int
    value: Any


@dataclass(frozen=True, slots=True)
class Addition:
    """The decision about one Pod. Without insertions, the Pod stays as it is."""

    insertions: tuple[Insertion, ...] = ()
    refusal: Note | None = None
    cautions: tuple[Note, ...] = ()

    @property
    def outcome(self) -> str:
        """`injected`, `unchanged` or `refused`."""
        if self.refusal:
            return "refused"
        return "injected" if self.insertions else "unchanged"


def find(root: Any, path: Iterable[str | int]) -> Any:
    """Return the value at a path."""
    for key in path:
        root = root[key]
    return root


def apply(pod: Object, insertions: Iterable[Insertion]) -> Object:
    """Return the Pod with the insertions, in their order. It shares unchanged parts with the old one."""
    result = dict(pod)
    copies = [result]
    for insertion in insertions:
        parent: Any = result
        for key in insertion.parent:
            child = parent[key]
            if not any(child is own for own in copies):
                child = parent[key] = copy.copy(child)
                copies.append(child)
            parent = child
        if isinstance(parent, list):
            assert isinstance(insertion.key, int)
            parent.insert(insertion.key, insertion.value)
        else:
            parent[insertion.key] = insertion.value
    return result


def json_patch(insertions: Iterable[Insertion]) -> list[Object]:
    """Return the operations of RFC 6902 that make the same changes."""
    return [
        {"op": "add", "path": json_pointer((*insertion.parent, insertion.key)), "value": insertion.value}
        for insertion in insertions
    ]


def json_pointer(path: Path) -> str:
    """Return a path as RFC 6901 writes it."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def canonical(value: Any) -> str:
    """Return one text for equal values, whatever the order of their keys is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
