"""Opens directories below an open one, each relative to its parent, and limits how many are open at a time."""

from __future__ import annotations

import os

from sidecar.lib.roots import open_listing

_MAX_OPEN = 32
"""Maximum number of open descriptors. The application may nest directories to any depth, and create any number."""


class WalkedDirectory:
    """A directory: its parent, its name in the parent, and its path with a slash at the end (`prefix`)."""

    __slots__ = ("name", "parent", "prefix")

    def __init__(self, parent: WalkedDirectory | None, name: str, prefix: str) -> None:
        self.parent, self.name, self.prefix = parent, name, prefix

    @property
    def path(self) -> str:
        """The path without the slash at the end."""
        return self.prefix.rstrip("/") or "/"

    def get_child(self, name: str) -> WalkedDirectory:
        """Return the subdirectory with this name."""
        return WalkedDirectory(self, name, f"{self.prefix}{name}/")


class DirectoryWalk:
    """Opens directories, and keeps the most recently used ones open.

    A directory that was closed is opened again, starting at its nearest open ancestor.
    """

    def __init__(self, directory: int, path: str) -> None:
        self.top = WalkedDirectory(None, "", path.rstrip("/") + "/")
        self._directory = directory
        self._open: dict[WalkedDirectory, int] = {}

    def open(self, folder: WalkedDirectory) -> int:
        """Return a descriptor of the directory, valid until the next call. Raise `OSError` as open(2) does."""
        if folder in self._open:
            found = self._open[folder] = self._open.pop(folder)
            return found
        missing, ancestor = [folder], folder.parent
        while ancestor is not None and ancestor not in self._open:
            missing.append(ancestor)
            ancestor = ancestor.parent
        directory = self._directory
        if ancestor is not None:
            directory = self._open[ancestor] = self._open.pop(ancestor)
        for each in reversed(missing):
            directory = self._enter(directory, each)
        return directory

    def _enter(self, directory: int, folder: WalkedDirectory) -> int:
        found = self._open[folder] = open_listing(directory, folder.name or ".")
        if len(self._open) > _MAX_OPEN:
            os.close(self._open.pop(next(iter(self._open))))
        return found

    def close(self) -> None:
        """Close all descriptors but the one of the top directory."""
        while self._open:
            os.close(self._open.popitem()[1])
