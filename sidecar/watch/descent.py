"""Directories below one that is open, each opened by way of the one above it, with few descriptors at a time."""

from __future__ import annotations

import os

from sidecar.roots import enter

_MAX_OPEN = 32
"""However deep the application nests directories and however many it puts beside one another."""


class Folder:
    """A directory by its name in the one above it."""

    __slots__ = ("above", "name", "path")

    def __init__(self, above: Folder | None, name: str, path: str) -> None:
        self.above, self.name, self.path = above, name, path

    def find_below(self, name: str) -> Folder:
        """Return the directory of that name in this one."""
        return Folder(self, name, os.path.join(self.path, name))


class Descent:
    """Keeps the directories open that were used last. One that was closed is reached again from the nearest above."""

    def __init__(self, directory: int, path: str) -> None:
        self.top = Folder(None, "", path)
        self._directory = directory
        self._open: dict[Folder, int] = {}

    def open(self, folder: Folder) -> int:
        """Return a descriptor of the directory, good until the next call. Raise `OSError` as open(2) does."""
        missing = []
        here: Folder | None = folder
        while here is not None and here is not self.top and here not in self._open:
            missing.append(here)
            here = here.above
        directory = self._directory
        if here is not None and here is not self.top:
            directory = self._open[here] = self._open.pop(here)
        for each in reversed(missing):
            directory = self._open[each] = enter(directory, each.name)
            if len(self._open) > _MAX_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
        return directory

    def close(self) -> None:
        """Close all but the directory that it began at."""
        while self._open:
            os.close(self._open.popitem()[1])
