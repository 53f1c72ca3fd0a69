"""Finds the files that match globs. Follows no symbolic links below the fixed directory of a glob."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing
from fnmatch import translate
from functools import lru_cache
from operator import methodcaller
from pathlib import PurePath

import msgspec

from sidecar.lib.roots import LinkInPath, Root, Roots
from sidecar.watch.directory_walk import DirectoryWalk, WalkedDirectory

_WILDCARD = re.compile(r"[*?\[]")
_ANY_NAME = "*"
_LINK = "a symbolic link"
_MAX_DIRECTORIES, _MAX_WATCHED_PATH = 2_000, 500
"""Maximum number of directories that are watched for new names, and maximum length of their paths in characters. New
names in other directories are found by the next regular scan."""

_MAX_EMPTY_FILES = 256
"""Maximum number of empty files that are watched for their first line. A scan finds the first line of other files."""

_FILES_PER_BEAT = 16
"""Number of files after which a scan shows that it makes progress. On a failing volume each may need seconds."""

_MAX_PATH_BYTES = 4095
"""Maximum bytes of a path in Linux, without the terminating NUL (limits.h)."""

_COMPRESSED = re.compile(r"(?:.*/)?\*\.(?:gz|bz2|xz|zst|lz4|zip)")
"""Matches a pattern of `exclude` that names all files of a compressed format."""


class FoundFile(msgspec.Struct, frozen=True, gc=False):
    """A matching path with values from lstat(2). `root`: the fixed directory of the pattern, without links."""

    path: str
    root: str
    device: int
    inode: int
    size: int
    modified: float


class Glob(msgspec.Struct, frozen=True):
    """One pattern: a fixed directory and the components below it. `**` matches any number of directories."""

    pattern: str
    root: Root
    parts: tuple[str, ...]

    @classmethod
    def from_pattern(cls, pattern: str, roots: Roots, known: Callable[[], Iterable[str]] = tuple) -> Glob:
        """Return the glob for a pattern of the configuration. A relative pattern starts at the working directory."""
        parts = PurePath(os.path.abspath(pattern)).parts
        fixed = next((i for i, part in enumerate(parts) if _WILDCARD.search(part)), len(parts) - 1)
        return cls(pattern, roots.find(str(PurePath(*parts[:fixed])), known), parts[fixed:])

    def leads_to(self, path: str) -> bool:
        """Return whether the path is below the fixed directory."""
        return path.startswith(self.root.path.rstrip("/") + "/")

    def matches(self, path: str) -> bool:
        """Return whether a scan would find a regular file at this path. The path must not contain links."""
        return self.leads_to(path) and _matches(self.parts, path[len(self.root.path.rstrip("/")) + 1 :].split("/"))


class FileScanner:
    """Lists the matching files on disk.

    `refused`: paths that are links, FIFOs, devices or sockets, with the reason. `unreadable`: directories that cannot
    be listed. `directories`: directories to watch for new matching names. `empty_files`: empty matching files to
    watch for their first line. `known` returns the paths of files that were read in earlier runs. `beat` is called
    for each directory and every 16 files, to show that the scan makes progress.
    """

    def __init__(
        self, paths: Sequence[str], exclude: Sequence[str] = (), roots: Roots | None = None,
        known: Callable[[], Iterable[str]] = tuple, beat: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._beat = beat
        roots = roots or Roots()
        self.globs = [Glob.from_pattern(path, roots, known) for path in paths]
        explicit = tuple(each for each in exclude if not _COMPRESSED.fullmatch(each))
        self._exclude = _matcher(tuple(exclude)) if exclude else None
        self._explicit_exclude = _matcher(explicit) if explicit else None
        self._found: set[str] = set()
        self.refused: dict[str, str] = {}
        self.unreadable: set[str] = set()
        self.directories: set[str] = set()
        self.empty_files: set[str] = set()

    def scan(self) -> list[FoundFile]:
        """Return all regular files that match now, each path once, in the order of the patterns."""
        found: dict[str, FoundFile] = {}
        self.refused.clear()
        self.unreadable.clear()
        self.directories.clear()
        self.empty_files.clear()
        for glob in self.globs:
            with glob.root.reach() as reached:
                self.directories.add(reached.path)
                if reached.error is not None:
                    self._record_unreachable(glob, reached.error)
                    continue
                with closing(DirectoryWalk(reached.directory, reached.path)) as walk:
                    self._add_matches(found, walk, glob.parts)
        self._found &= found.keys()  # keeps the string of each path that others refer to as well
        self._found |= found.keys()
        return list(found.values())

    def found_paths(self) -> AbstractSet[str]:
        """Return the paths of the files that the last scan has found."""
        return self._found

    def roots(self) -> list[str]:
        """Return the fixed directory of each pattern, as of the last scan."""
        return list(dict.fromkeys(glob.root.path for glob in self.globs))

    def leads_to(self, path: str) -> bool:
        """Return whether the path is below the fixed directory of a pattern, as of the last scan."""
        return any(glob.leads_to(path) for glob in self.globs)

    def covers(self, path: str) -> bool:
        """Return whether this path matches a pattern and is not excluded."""
        return any(glob.matches(path) for glob in self.globs) and not _matches_name_or_path(self._exclude, path)

    def forbids(self, path: str) -> bool:
        """Return whether `exclude` matches the path, apart from patterns for all compressed files, such as `*.gz`."""
        return _matches_name_or_path(self._explicit_exclude, path)

    def _record_unreachable(self, glob: Glob, error: OSError) -> None:
        if isinstance(error, LinkInPath):
            self.refused[str(error.filename)] = "a symbolic link in the fixed part of a path, which is not followed"
        elif not isinstance(error, FileNotFoundError):
            self.unreadable.add(glob.root.path)

    def _add_matches(self, found: dict[str, FoundFile], walk: DirectoryWalk, parts: tuple[str, ...]) -> None:
        # A file of the last scan need not be compared with the patterns of `exclude` again.
        root, exclude, known = walk.top.path, self._exclude, self._found
        for folder, names in self._walk(walk, parts):
            directory, prefix = walk.open(folder), folder.prefix
            for number, name in enumerate(names):
                if not number % _FILES_PER_BEAT:
                    self._beat()
                path = prefix + name
                if path in found or (exclude and path not in known and (exclude(name) or exclude(path))):
                    continue
                try:
                    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError:
                    self.unreadable.add(folder.path)
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[path] = FoundFile(path, root, status.st_dev, status.st_ino, status.st_size, status.st_mtime)
                    if not status.st_size and len(self.empty_files) < _MAX_EMPTY_FILES:
                        self.empty_files.add(path)
                elif not stat.S_ISDIR(status.st_mode):
                    self.refused[path] = _LINK if stat.S_ISLNK(status.st_mode) else "not a regular file"

    def _walk(self, walk: DirectoryWalk, parts: tuple[str, ...]) -> Iterator[tuple[WalkedDirectory, list[str]]]:
        """Yield each directory that contains matching names, and these names, depth first.

        Not recursive, because directories may be nested deeper than Python's recursion limit.
        """
        waiting = [(walk.top, parts)]
        while waiting:
            self._beat()
            folder, (first, *rest) = waiting.pop()
            if first == "**":
                below = self._list_names(walk, folder, _ANY_NAME, is_wanted=self._is_folder)
                waiting += [(folder.get_child(name), (first, *rest)) for name in reversed(below)]
                waiting.append((folder, tuple(rest or (_ANY_NAME,))))
            elif rest:
                below = self._list_names(walk, folder, first, is_wanted=self._is_folder)
                waiting += [(folder.get_child(name), tuple(rest)) for name in reversed(below)]
            elif names := self._list_names(walk, folder, first):
                yield folder, names

    def _list_names(
        self, walk: DirectoryWalk, folder: WalkedDirectory, pattern: str,
        is_wanted: Callable[[WalkedDirectory, os.DirEntry[str]], bool] | None = None,
    ) -> list[str]:  # fmt: skip
        """Return the matching names in a directory, sorted."""
        # Other names are not kept in memory, because a directory may contain any number of them.
        matches, hidden = _matcher((pattern,)), pattern.startswith(".")
        if len(self.directories) < _MAX_DIRECTORIES and len(folder.prefix) <= _MAX_WATCHED_PATH:
            self.directories.add(folder.path)
        try:
            if len(folder.prefix) > _MAX_PATH_BYTES // 4 and len(os.fsencode(folder.prefix)) > _MAX_PATH_BYTES + 1:
                raise OSError(errno.ENAMETOOLONG, "the path is too long")
            with os.scandir(walk.open(folder)) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if (hidden or not entry.name.startswith("."))
                    and matches(entry.name)
                    and (is_wanted is None or is_wanted(folder, entry))
                )
        except FileNotFoundError:
            return []
        except OSError:
            self.unreadable.add(folder.path)
            return []

    def _is_folder(self, folder: WalkedDirectory, entry: os.DirEntry[str]) -> bool:
        if entry.is_symlink():
            self.refused[folder.prefix + entry.name] = _LINK
            return False
        return entry.is_dir(follow_symlinks=False)


@lru_cache
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], object]:
    """Return a function that matches a text against these patterns."""
    if len(patterns) == 1 and patterns[0][:1] == _ANY_NAME and not _WILDCARD.search(patterns[0], 1):
        return methodcaller("endswith", patterns[0][1:])  # costs a third of a regular expression
    return re.compile("|".join(map(translate, patterns))).match


def has_wildcard(path: str) -> bool:
    """Return whether a path is a pattern rather than the name of one file."""
    return _WILDCARD.search(path) is not None


def covers(pattern: str, path: str) -> bool:
    """Return whether a pattern matches a path, which may be a pattern that finds no other files."""
    return _matches(PurePath(os.path.abspath(pattern)).parts, PurePath(os.path.abspath(path)).parts)


def matches_name_or_path(pattern: str, path: str) -> bool:
    """Return whether a pattern of `exclude` matches the name or the path of this file."""
    return _matches_name_or_path(_matcher((pattern,)), path)


def _matches_name_or_path(matcher: Callable[[str], object] | None, path: str) -> bool:
    return matcher is not None and bool(matcher(os.path.basename(path)) or matcher(path))


def _matches(parts: tuple[str, ...], names: Sequence[str]) -> bool:
    """Return whether the components of a pattern match those of a path; `**` matches any number of directories."""
    if parts[-1] == "**":
        parts = (*parts, _ANY_NAME)
    places = {0}
    for name in names:
        after = set()
        for place in places:
            while place < len(parts) and parts[place] == "**":
                if _matches_component(_ANY_NAME, name):
                    after.add(place)
                place += 1
            if place < len(parts) and _matches_component(parts[place], name):
                after.add(place + 1)
        places = after
    return len(parts) in places


def _matches_component(pattern: str, name: str) -> bool:
    """Return whether a name matches as in a shell: a name that begins with a dot needs a pattern that does so too."""
    is_hidden = name.startswith(".") and not pattern.startswith(".")
    return not is_hidden and bool(_matcher((pattern,))(name))
