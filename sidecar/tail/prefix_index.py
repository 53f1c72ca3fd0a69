"""Indexes tracked files by their first bytes, to find quickly which of them a new file may be a copy of."""

from __future__ import annotations

import os
from bisect import bisect_right, insort
from collections.abc import Iterable
from itertools import islice

from sidecar.tail.tracked_file import TrackedFile

INDEXED_BYTES = 32
"""Number of bytes at the beginning of a file that the index compares."""

_MAX_MATCHES = 100


class PrefixIndex:
    """Tracked files by their first bytes."""

    def __init__(self, files: Iterable[TrackedFile]) -> None:
        self._by_start: dict[bytes, dict[str, list[TrackedFile]]] = {}
        self._sorted: list[bytes] = []
        self._lengths: set[int] = set()
        for file in files:
            self.add(file)

    def add(self, file: TrackedFile) -> None:
        """Add a file."""
        start = file.head[:INDEXED_BYTES]
        if start not in self._by_start:
            insort(self._sorted, start)
            self._lengths.add(len(start))
        by_folder = self._by_start.setdefault(start, {})
        by_folder.setdefault(os.path.dirname(file.name), []).append(file)

    def find_matches(self, name: str, head: bytes) -> list[TrackedFile]:
        """Return the tracked files of which a new file may be a copy. `head`: its first bytes.

        These are the files whose first bytes are equal, as far as both are known. Files in the directory of `name`
        come first.
        """
        starts = [head[:length] for length in sorted(self._lengths, reverse=True) if 0 < length <= len(head)]
        if len(head) < INDEXED_BYTES:
            first = bisect_right(self._sorted, head)
            longer = self._sorted[first : first + _MAX_MATCHES]
            starts += [start for start in longer if start.startswith(head)]
        folder = os.path.dirname(name)
        groups = [self._by_start[start] for start in starts if start in self._by_start]
        near = (file for group in groups for file in group.get(folder, ()))
        far = (file for group in groups for other, files in group.items() if other != folder for file in files)
        return [*islice(near, _MAX_MATCHES), *islice(far, _MAX_MATCHES)]
