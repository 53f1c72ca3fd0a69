"""Directories below one that is open, each opened by way of the one above it, with few descriptors at a time."""

from __future__ import annotations

import os

from sidecar.lib.roots import open_listing

_MAX_OPEN = 32
"""However deep the application nests directories, and however many are in one directory."""


class WalkedDirectory:
    """A directory by its name in the one above it. `prefix` is its path with the slash at the end."""

    __slots__ = ("above", "name", "prefix")

    def __init__(self, above: WalkedDirectory | None, name: str, prefix: str) -> None:
        self.above, self.name, self.prefix = above, name, prefix

    @property
    def path(self) -> str:
        """The path without the slash at the end."""
        return self.prefix.rstrip("/") or "/"

    def find_below(self, name: str) -> WalkedDirectory:
        """Return the directory of that name in this one."""
        return WalkedDirectory(self, name, f"{self.prefix}{name}/")


class DirectoryWalk:
    """Keeps the directories open that were used last. One that was closed is reached again from the nearest above."""

    def __init__(self, directory: int, path: str) -> None:
        self.top = WalkedDirectory(None, "", path.rstrip("/") + "/")
        self._directory = directory
        self._open: dict[WalkedDirectory, int] = {}

    def open(self, folder: WalkedDirectory) -> int:
        """Return a descriptor of the directory, good until the next call. Raise `OSError` as open(2) does."""
        if folder in self._open:
            found = self._open[folder] = self._open.pop(folder)
            return found
        missing, here = [folder], folder.above
        while here is not None and here not in self._open:
            missing.append(here)
            here = here.above
        directory = self._directory
        if here is not None:
            directory = self._open[here] = self._open.pop(here)
        for each in reversed(missing):
            directory = self._enter(directory, each)
        return directory

    def _enter(self, directory: int, folder: WalkedDirectory) -> int:
        found = self._open[folder] = open_listing(directory, folder.name or ".")
        if len(self._open) > _MAX_OPEN:
            os.close(self._open.pop(next(iter(self._open))))
        return found

    def close(self) -> None:
        """Close all but the directory that it began at."""
        while self._open:
            os.close(self._open.popitem()[1])
