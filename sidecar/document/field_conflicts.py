"""The rule for an application that uses the same field names as the sidecar.

A leaf is a dotted path with its value as JSON text. A dotted name equals a nested one. Objects merge. If the
application uses a leaf of the sidecar, or a field below or above it that cannot merge, the sidecar's value is written
and the application's moves to `original.<path>`. An equal value of the application stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from sidecar.lib.jsontext.members import Member, split_members
from sidecar.lib.jsontext.nested import Tree, nest, path_prefixes, possible_root_names, render_members
from sidecar.model.reserved_fields import RESERVED_NAMES

_MAX_ROUNDS = 4
"""How often a record is sorted again because a moved value conflicts with another field."""


def resolve_conflicts(body: str, leaves: Mapping[str, str]) -> str:
    """Return the body of the application merged with `leaves`, by the rule above.

    A moved value may conflict with a field of the application, which then moves too. After `_MAX_ROUNDS` rounds
    everything under `original` moves, which bounds the cost of a hostile line.
    """
    ours = dict(leaves)
    for rounds_left in range(_MAX_ROUNDS, -1, -1):
        resolver = _ConflictResolver(ours if rounds_left else {**ours, "original": ""}, leaves)
        kept = resolver.sort_members(body, "")
        wanted = {**leaves, **resolver.originals()}
        if wanted.keys() == ours.keys():
            break
        ours = wanted
    return _join(kept, nest({path: wanted[path] for path in wanted if path not in resolver.already_equal}))


Kept: TypeAlias = "list[Member | tuple[Member, Kept]]"


class _ConflictResolver:
    """Separates members that stay from members that move."""

    def __init__(self, ours: Mapping[str, str], leaves: Mapping[str, str]) -> None:
        self._ours = ours
        self._leaves = leaves
        self._above = possible_root_names(ours) - ours.keys()
        self._moved: dict[str, str] = {}
        self._times_moved: Counter[str] = Counter()
        self._objects: dict[tuple[str, ...], Kept] = {}
        self.already_equal: set[str] = set()

    def originals(self) -> dict[str, str]:
        return {f"original.{path}": value for path, value in self._moved.items()}

    def sort_members(self, body: str, prefix: str, place: tuple[str, ...] = ()) -> Kept:
        """Return what stays in the object at `place`.

        A repeated object with fields of the sidecar becomes one, because a database would take only the last.
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
        return path in self._above or any(spelling in self._ours for spelling in path_prefixes(path))

    def _move(self, path: str, value: str) -> None:
        free = path
        while free in self._moved:
            self._times_moved[path] += 1
            free = f"{path}_{self._times_moved[path]}"
        self._moved[free] = value


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
