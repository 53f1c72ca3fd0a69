"""Our fields as a tree of leaves, and the rule for an application that uses the same names.

A leaf is a dotted path and its value as JSON text. Collisions are judged by leaf path, a dotted name being
the same as a nested one: objects merge; where the application uses a leaf of ours, or something below or
above one that cannot merge, ours is written and its value moves to `original.<path>`. Where it says the very
same as ours, its own text stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from sidecar.lib.jsontext.members import Member, split_members
from sidecar.lib.jsontext.nested import Tree, nest, path_prefixes, possible_root_names, render_members
from sidecar.model.reserved_fields import RESERVED_NAMES

_ROUNDS = 4
"""So often a record is sifted again because what moved stands in the way of something else of the application."""


def resolve_conflicts(body: str, leaves: Mapping[str, str]) -> str:
    """The members of the application (`body`) and of ours as one text, by the rule at the top.

    What moves may stand where the application has something, which has to move in turn. After some rounds everything
    that it has under `original` moves, so that a line that plays this game costs no more than a few others.
    """
    ours = dict(leaves)
    for left in range(_ROUNDS, -1, -1):
        sifter = _ConflictResolver(ours if left else {**ours, "original": ""}, leaves)
        kept = sifter.sift(body, "")
        wanted = {**leaves, **sifter.originals()}
        if wanted.keys() == ours.keys():
            break
        ours = wanted
    return _join(kept, nest({path: wanted[path] for path in wanted if path not in sifter.said}))


Kept: TypeAlias = "list[Member | tuple[Member, Kept]]"


class _ConflictResolver:
    """Tells the members that may stay from those that have to move."""

    def __init__(self, ours: Mapping[str, str], leaves: Mapping[str, str]) -> None:
        self._ours = ours
        self._leaves = leaves
        self._above = possible_root_names(ours) - ours.keys()
        self._moved: dict[str, str] = {}
        self._times_moved: Counter[str] = Counter()
        self._objects: dict[tuple[str, ...], Kept] = {}
        self.said: set[str] = set()

    def originals(self) -> dict[str, str]:
        return {f"original.{path}": value for path, value in self._moved.items()}

    def sift(self, body: str, prefix: str, place: tuple[str, ...] = ()) -> Kept:
        """What stays in the object at `place`.

        One in which ours go may be written twice; it becomes one, or a database would take the last, without ours.
        """
        kept = self._objects.setdefault(place, [])
        for member in split_members(body):
            path, below = prefix + member.key, (*place, member.key)
            within = member.body() if path in self._above else None
            if within is not None:
                if below not in self._objects:
                    kept.append((member, self._objects.setdefault(below, [])))
                self.sift(within, path + ".", below)
            elif path not in self.said and member.value == self._leaves.get(path):
                self.said.add(path)
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


def _join(kept: Kept, ours: Tree) -> str:
    first = {"@timestamp": ours.pop("@timestamp")} if "@timestamp" in ours else {}
    texts = [render_members(first)] if first else []
    for item in kept:
        if isinstance(item, Member):
            texts.append(item.text)
            continue
        member, below = item
        branch = ours.pop(member.key, {})
        within = _join(below, branch if isinstance(branch, dict) else {})
        if within or not (member.body() or "").strip():
            texts.append(f"{member.key_text}:{{{within}}}")
    if ours:
        texts.append(render_members(ours))
    return ",".join(text for text in texts if text)
