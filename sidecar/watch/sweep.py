"""Finds the files that match globs, without following a link anywhere below the fixed part of a glob."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from operator import attrgetter
from pathlib import Path, PurePath

import msgspec

_MAGIC = re.compile(r"[*?\[]")
_ANY = "*"
_name = attrgetter("name")


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A name that matches, and what lstat(2) says of it. `root` is the resolved directory above the pattern."""

    path: str
    root: str
    device: int
    inode: int
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Glob:
    """One pattern: a fixed directory and the components below it. `**` stands for any number of directories."""

    pattern: str
    root: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str) -> Glob:
        """A pattern as it stands in the configuration; a relative one begins in the working directory."""
        parts = PurePath(os.path.abspath(pattern)).parts
        fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts) - 1)
        return cls(pattern, str(PurePath(*parts[:fixed])), parts[fixed:])


class Sweep:
    """Looks at the disk. `refused`: names that are links, FIFOs, devices or sockets. `unreadable`: directories."""

    def __init__(self, paths: Sequence[str], exclude: Sequence[str] = ()) -> None:
        self.globs = [Glob.of(path) for path in paths]
        self._exclude = re.compile("|".join(map(translate, exclude))).match if exclude else None
        self.refused: set[str] = set()
        self.unreadable: set[str] = set()

    def look(self) -> list[Sighting]:
        """All regular files that match now, each path once, in the order of the patterns."""
        found: dict[str, Sighting] = {}
        self.refused.clear()
        self.unreadable.clear()
        for glob in self.globs:
            root = os.path.realpath(glob.root)
            for entry in self._below(root, glob.parts):
                if entry.path not in found and (sighting := self._sighted(root, entry)):
                    found[entry.path] = sighting
        return list(found.values())

    def folders(self) -> dict[str, bool]:
        """The directories in which matching names may appear, as far as they exist → whether deeper ones count."""
        found: dict[str, bool] = {}
        for glob in self.globs:
            root = os.path.realpath(glob.root)
            is_there = Path(root).is_dir()
            folder = root if is_there else _nearest(root)
            found[folder] = found.get(folder, False) or (is_there and len(glob.parts) > 1)
        return found

    def _below(self, root: str, parts: tuple[str, ...]) -> Iterator[os.DirEntry[str]]:
        """Depth first. The stack is ours: the application may nest directories deeper than Python nests calls."""
        waiting = [(root, parts)]
        while waiting:
            folder, (first, *rest) = waiting.pop()
            if first == "**":
                below = [entry.path for entry in self._entries(folder, _ANY) if self._is_folder(entry)]
                waiting += [(path, (first, *rest)) for path in reversed(below)]
                waiting.append((folder, tuple(rest or (_ANY,))))
                continue
            entries = self._entries(folder, first)
            if rest:
                waiting += [(entry.path, tuple(rest)) for entry in reversed(entries) if self._is_folder(entry)]
            else:
                yield from entries

    def _entries(self, folder: str, pattern: str) -> list[os.DirEntry[str]]:
        """What a directory holds that matches, by name. What does not match is not kept: there may be any number."""
        matches, hidden = re.compile(translate(pattern)).match, pattern.startswith(".")
        try:
            with os.scandir(folder) as entries:
                found = [e for e in entries if matches(e.name) and (hidden or not e.name.startswith("."))]
        except FileNotFoundError:
            return []
        except OSError:
            self.unreadable.add(folder)
            return []
        return sorted(found, key=_name)

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        if entry.is_symlink():
            self.refused.add(entry.path)
            return False
        return entry.is_dir(follow_symlinks=False)

    def _sighted(self, root: str, entry: os.DirEntry[str]) -> Sighting | None:
        if self._exclude and (self._exclude(entry.name) or self._exclude(entry.path)):
            return None
        try:
            # As entry.stat() does, but for what it keeps of each file until the sweep is through: nearly a kilobyte.
            status = os.lstat(entry.path)
        except FileNotFoundError:
            return None
        except OSError:
            self.unreadable.add(os.path.dirname(entry.path))
            return None
        if stat.S_ISREG(status.st_mode):
            return Sighting(entry.path, root, status.st_dev, status.st_ino, status.st_size, status.st_mtime)
        if not stat.S_ISDIR(status.st_mode):
            self.refused.add(entry.path)
        return None


def _nearest(folder: str) -> str:
    """The nearest directory above `folder` that exists."""
    path = Path(folder)
    while not path.is_dir():
        path = path.parent
    return str(path)
