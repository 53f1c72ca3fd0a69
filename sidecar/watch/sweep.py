"""Finds the files that match globs, without following a link anywhere below the fixed part of a glob."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import translate
from pathlib import PurePath

import msgspec

from sidecar.roots import LinkInPath, Root, Roots, open_listing
from sidecar.watch.descent import Descent, Folder

_MAGIC = re.compile(r"[*?\[]")
_ANY = "*"
_MAX_PATH = 4095
"""Bytes of a path in Linux (limits.h), without the NUL at its end."""

_COMPRESSED = re.compile(r"(?:.*/)?\*\.(?:gz|bz2|xz|zst|lz4|zip)")
"""A pattern that leaves out compressed files, and says nothing of what was compressed."""


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """A name that matches, and what lstat(2) says of it. `root` is the directory above the pattern, without links."""

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
    root: Root
    parts: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str, roots: Roots, known: Callable[[], Iterable[str]] = tuple) -> Glob:
        """A pattern as it stands in the configuration; a relative one begins in the working directory."""
        parts = PurePath(os.path.abspath(pattern)).parts
        fixed = next((i for i, part in enumerate(parts) if _MAGIC.search(part)), len(parts) - 1)
        return cls(pattern, roots.find(str(PurePath(*parts[:fixed])), known), parts[fixed:])

    def leads_to(self, path: str) -> bool:
        """Whether the path lies below the fixed directory."""
        return path.startswith(self.root.path.rstrip("/") + "/")

    def matches(self, path: str) -> bool:
        """Whether the scan would find a regular file at this path, which holds no link."""
        return self.leads_to(path) and _matches(self.parts, path[len(self.root.path.rstrip("/")) + 1 :].split("/"))


class Sweep:
    """Looks at the disk. `refused`: paths that are links, FIFOs, devices or sockets → which of it. `unreadable`:
    directories. `known` returns paths that were read in earlier runs.
    """

    def __init__(
        self, paths: Sequence[str], exclude: Sequence[str] = (), roots: Roots | None = None,
        known: Callable[[], Iterable[str]] = tuple,
    ) -> None:  # fmt: skip
        roots = roots or Roots()
        self.globs = [Glob.of(path, roots, known) for path in paths]
        self._exclude = _matcher(exclude)
        self._forbid = _matcher([each for each in exclude if not _COMPRESSED.fullmatch(each)])
        self.refused: dict[str, str] = {}
        self.unreadable: set[str] = set()

    def look(self) -> list[Sighting]:
        """All regular files that match now, each path once, in the order of the patterns."""
        found: dict[str, Sighting] = {}
        self.refused.clear()
        self.unreadable.clear()
        for glob in self.globs:
            with glob.root.reach() as reached:
                if reached.error is not None:
                    self._cannot_reach(glob, reached.error)
                    continue
                with closing(Descent(reached.directory, reached.path)) as descent:
                    self._add_matches(found, descent, glob.parts)
        return list(found.values())

    def folders(self) -> dict[str, bool]:
        """The directories in which matching names may appear, as far as they exist → whether deeper ones count."""
        found: dict[str, bool] = {}
        for glob in self.globs:
            with glob.root.reach() as reached:
                is_deep = reached.error is None and len(glob.parts) > 1
                found[reached.path] = found.get(reached.path, False) or is_deep
        return found

    def leads_to(self, path: str) -> bool:
        """Whether the path lies below the fixed part of a pattern, as it was at the last look."""
        return any(glob.leads_to(path) for glob in self.globs)

    def covers(self, path: str) -> bool:
        """Whether a file of this path belongs to the pipeline."""
        return any(glob.matches(path) for glob in self.globs) and not _is_named(self._exclude, path)

    def forbids(self, path: str) -> bool:
        """Whether `exclude` names the file, and not merely all compressed ones."""
        return _is_named(self._forbid, path)

    def _cannot_reach(self, glob: Glob, error: OSError) -> None:
        if isinstance(error, LinkInPath):
            self.refused[str(error.filename)] = "a symbolic link in the fixed part of a path, made after the start"
        elif not isinstance(error, FileNotFoundError):
            self.unreadable.add(glob.root.path)

    def _add_matches(self, found: dict[str, Sighting], descent: Descent, parts: tuple[str, ...]) -> None:
        for folder, names in self._below(descent, parts):
            for name in names:
                path = os.path.join(folder.path, name)
                if path not in found and (sighting := self._sighted(descent, folder, name, path)):
                    found[path] = sighting

    def _below(self, descent: Descent, parts: tuple[str, ...]) -> Iterator[tuple[Folder, list[str]]]:
        """Depth first. The stack is ours: the application may nest directories deeper than Python nests calls."""
        waiting = [(descent.top, parts)]
        while waiting:
            folder, (first, *rest) = waiting.pop()
            if first == "**":
                below = self._names(descent, folder, _ANY, of=self._is_folder)
                waiting += [(folder.find_below(name), (first, *rest)) for name in reversed(below)]
                waiting.append((folder, tuple(rest or (_ANY,))))
            elif rest:
                below = self._names(descent, folder, first, of=self._is_folder)
                waiting += [(folder.find_below(name), tuple(rest)) for name in reversed(below)]
            else:
                yield folder, self._names(descent, folder, first)

    def _names(
        self, descent: Descent, folder: Folder, pattern: str,
        of: Callable[[Folder, os.DirEntry[str]], bool] | None = None,
    ) -> list[str]:  # fmt: skip
        """What a directory holds that matches, by name. What does not match is not kept: there may be any number."""
        matches, hidden = re.compile(translate(pattern)).match, pattern.startswith(".")
        if len(os.fsencode(folder.path)) > _MAX_PATH:
            self.unreadable.add(folder.path)
            return []
        try:
            listing = open_listing(descent.open(folder))
        except FileNotFoundError:
            return []
        except OSError:
            self.unreadable.add(folder.path)
            return []
        try:
            with os.scandir(listing) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if (hidden or not entry.name.startswith("."))
                    and matches(entry.name)
                    and (of is None or of(folder, entry))
                )
        except OSError:
            self.unreadable.add(folder.path)
            return []
        finally:
            os.close(listing)

    def _is_folder(self, folder: Folder, entry: os.DirEntry[str]) -> bool:
        if entry.is_symlink():
            self.refused[os.path.join(folder.path, entry.name)] = "a symbolic link"
            return False
        return entry.is_dir(follow_symlinks=False)

    def _sighted(self, descent: Descent, folder: Folder, name: str, path: str) -> Sighting | None:
        if self._exclude and (self._exclude(name) or self._exclude(path)):
            return None
        try:
            status = os.stat(name, dir_fd=descent.open(folder), follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError:
            self.unreadable.add(folder.path)
            return None
        if stat.S_ISREG(status.st_mode):
            root = descent.top.path
            return Sighting(path, root, status.st_dev, status.st_ino, status.st_size, status.st_mtime)
        if not stat.S_ISDIR(status.st_mode):
            self.refused[path] = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
        return None


def _matcher(patterns: Sequence[str]) -> Callable[[str], object] | None:
    return re.compile("|".join(map(translate, patterns))).match if patterns else None


def _is_named(matcher: Callable[[str], object] | None, path: str) -> bool:
    return matcher is not None and bool(matcher(os.path.basename(path)) or matcher(path))


def _matches(parts: tuple[str, ...], names: Sequence[str]) -> bool:
    """Whether the scan comes to these names by these components, of which `**` is any number of directories."""
    if parts[-1] == "**":
        parts = (*parts, _ANY)
    places = {0}
    for name in names:
        after = set()
        for place in places:
            while place < len(parts) and parts[place] == "**":
                if _fits(_ANY, name):
                    after.add(place)
                place += 1
            if place < len(parts) and _fits(parts[place], name):
                after.add(place + 1)
        places = after
    return len(parts) in places


def _fits(pattern: str, name: str) -> bool:
    """As the shell does it: what begins with a dot is matched only by a pattern that does."""
    is_hidden = name.startswith(".") and not pattern.startswith(".")
    return not is_hidden and re.match(translate(pattern), name) is not None
