"""Resolves name conflicts between the fields of the application and those of the sidecar.

A leaf is a dotted path with its value as JSON text. A dotted name equals a nested one. Objects are merged. If the
application uses a leaf of the sidecar, or a field above or below it that cannot be merged, the sidecar's value is
written and the application's value moves to `original.<path>`. If both values are equal, the field stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from sidecar.lib.jsontext.members import Member, split_members
from sidecar.lib.jsontext.nested import Tree, nest, path_prefixes, possible_root_names, render_members
from sidecar.model.reserved_fields import RESERVED_NAMES

_MAX_ROUNDS = 4
"""Maximum number of times that a record is processed again because a moved value conflicts with another field."""


def resolve_conflicts(body: str, leaves: Mapping[str, str]) -> str:
    """Return the body of the application merged with `leaves`, by the rules in the docstring of the module.

    A moved value may conflict with another field of the application, which then moves too. After `_MAX_ROUNDS` rounds
    every field of the application below `original` moves, which limits the cost of a hostile line.
    """
    ours = dict(leaves)
    for rounds_left in range(_MAX_ROUNDS, -1, -1):
        resolver = _ConflictResolver(ours if rounds_left else {**ours, "original": ""}, leaves)
        kept = resolver.sort_members(body, "")
        added = {**leaves, **resolver.originals()}
        if added.keys() == ours.keys():
            break
        ours = added
    return _join(kept, nest({path: added[path] for path in added if path not in resolver.already_equal}))


Kept: TypeAlias = "list[Member | tuple[Member, Kept]]"


class _ConflictResolver:
    """Divides the members of a record into those that stay and those that move."""

    def __init__(self, ours: Mapping[str, str], leaves: Mapping[str, str]) -> None:
        self._added = ours
        self._leaves = leaves
        self._above = possible_root_names(ours) - ours.keys()
        self._moved: dict[str, str] = {}
        self._times_moved: Counter[str] = Counter()
        self._objects: dict[tuple[str, ...], Kept] = {}
        self.already_equal: set[str] = set()

    def originals(self) -> dict[str, str]:
        return {f"original.{path}": value for path, value in self._moved.items()}

    def sort_members(self, body: str, prefix: str, place: tuple[str, ...] = ()) -> Kept:
        """Return the members that stay in the object at `place`, and add the other members to those that move.

        If an object into which the sidecar adds fields is repeated, merge its occurrences, because a database would
        keep only the last one.
        """
        kept = self._objects.setdefault(place, [])
        for member in split_members(body):
            path, below = prefix + member.key, (*place, member.key)
            inner = member.body() if path in self._above else None
            if inner is not None:
                if below not in self._objects:
                    kept.append((member, self._objects.setdefault(below, [])))
                self.sort_members(inner, path + ".", below)
            elif path not in self.already_equal and member.value == self._leaves.get(path):
                self.already_equal.add(path)
                kept.append(member)
            elif self._collides(path) or (not prefix and member.key.partition(".")[0] in RESERVED_NAMES):
                self._move(path, member.value)
            else:
                kept.append(member)
        return kept

    def _collides(self, path: str) -> bool:
        return path in self._above or any(spelling in self._added for spelling in path_prefixes(path))

    def _move(self, path: str, value: str) -> None:
        new_path = path
        while new_path in self._moved:
            self._times_moved[path] += 1
            new_path = f"{path}_{self._times_moved[path]}"
        self._moved[new_path] = value


def _join(kept: Kept, added: Tree) -> str:
    timestamp = {"@timestamp": added.pop("@timestamp")} if "@timestamp" in added else {}
    texts = [render_members(timestamp)] if timestamp else []
    for item in kept:
        if isinstance(item, Member):
            texts.append(item.text)
            continue
        member, inner_members = item
        branch = added.pop(member.key, {})
        inner = _join(inner_members, branch if isinstance(branch, dict) else {})
        if inner or not (member.body() or "").strip():
            texts.append(f"{member.key_text}:{{{inner}}}")
    if added:
        texts.append(render_members(added))
    return ",".join(text for text in texts if text)
