"""Indexes tracked files by their first bytes, to find quickly which of them a new file may be a copy of."""

from __future__ import annotations

import os
from bisect import bisect_right, insort
from collections.abc import Iterable
from itertools import islice

from sidecar.tail.tracked_file import TrackedFile

START = 32
"""Number of bytes at the beginning of a file that are compared."""

_MAX_ALIKE = 100


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
        start = file.head[:START]
        if start not in self._by_start:
            insort(self._sorted, start)
            self._lengths.add(len(start))
        by_folder = self._by_start.setdefault(start, {})
        by_folder.setdefault(os.path.dirname(file.name), []).append(file)

    def like(self, name: str, begins: bytes) -> list[TrackedFile]:
        """Return the files of which a file with this name, which begins with `begins`, may be a copy.

        These are the files whose first bytes are equal as far as both are known. Files in the directory of `name`
        come first.
        """
        starts = [begins[:length] for length in sorted(self._lengths, reverse=True) if 0 < length <= len(begins)]
        if len(begins) < START:
            first = bisect_right(self._sorted, begins)
            longer = self._sorted[first : first + _MAX_ALIKE]
            starts += [start for start in longer if start.startswith(begins)]
        folder = os.path.dirname(name)
        groups = [self._by_start[start] for start in starts if start in self._by_start]
        near = (file for group in groups for file in group.get(folder, ()))
        far = (file for group in groups for other, files in group.items() if other != folder for file in files)
        return [*islice(near, _MAX_ALIKE), *islice(far, _MAX_ALIKE)]
