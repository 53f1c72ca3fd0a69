"""Which lives begin like a new file? So that it is compared with few of them."""

from __future__ import annotations

import os
from bisect import bisect_right, insort
from collections.abc import Iterable
from itertools import islice

from sidecar.tail.tracked_file import TrackedFile

START = 32
"""So many bytes of the beginning are compared."""

_MOST = 100


class PrefixIndex:
    """Lives by directory and by how they begin."""

    def __init__(self, lives: Iterable[TrackedFile]) -> None:
        self._lives: dict[tuple[str, bytes], list[TrackedFile]] = {}
        self._sorted: dict[str, list[bytes]] = {}
        self._lengths: dict[str, set[int]] = {}
        for life in lives:
            self.add(life)

    def add(self, life: TrackedFile) -> None:
        """One more."""
        folder, start = os.path.dirname(life.name), life.head[:START]
        if (folder, start) not in self._lives:
            insort(self._sorted.setdefault(folder, []), start)
            self._lengths.setdefault(folder, set()).add(len(start))
        self._lives.setdefault((folder, start), []).append(life)

    def like(self, name: str, begins: bytes) -> list[TrackedFile]:
        """Those in the directory of `name` whose beginning is one of `begins`, or begins with one of them."""
        folder = os.path.dirname(name)
        lengths = sorted(self._lengths.get(folder, ()), reverse=True)
        starts = [begins[:length] for length in lengths if 0 < length <= len(begins)]
        if len(begins) < START:
            there = self._sorted.get(folder, [])
            first = bisect_right(there, begins)
            starts += [start for start in there[first : first + _MOST] if start.startswith(begins)]
        found = (life for start in starts for life in self._lives.get((folder, start), ()))
        return list(islice(found, _MOST))
