"""Searches the directory of a file for its new name or its copies."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol

from sidecar.lib.roots import LinkInPath, open_directory, open_listing
from sidecar.model.checkpoint import KnownFile
from sidecar.tail.content import has_related_name
from sidecar.tail.rotation_names import COMPRESSED, find_originals
from sidecar.tail.tracked_file import FileLocation

_MAX_PLAIN, _MAX_COMPRESSED = 1000, 256
"""Maximum numbers of plain and of compressed files to compare, because the application may create any number."""

_MAX_VISITED = 10_000
"""Maximum number of names that one search below a directory visits."""

Key = tuple[int, int]


class SearchScope(Protocol):
    """Decides by `paths` and `exclude` which files belong to a pipeline."""

    def roots(self) -> list[str]:
        """Return the fixed part of each pattern: the directory before the first wildcard."""
        ...

    def leads_to(self, path: str) -> bool:
        """Return whether the path is below the fixed part of a pattern."""
        ...

    def covers(self, path: str) -> bool:
        """Return whether a file with this path belongs to the pipeline."""
        ...

    def forbids(self, path: str) -> bool:
        """Return whether `exclude` matches the file, apart from patterns for all compressed files, such as `*.gz`."""
        ...


class SiblingFile(NamedTuple):
    """A regular file, with values of lstat(2)."""

    place: FileLocation
    key: Key
    size: int
    modified: float

    @property
    def stamp(self) -> tuple[Key, int, float]:
        """Key, size and time. If the stamp differs, the file has changed."""
        return self.key, self.size, self.modified


class NamedFile(NamedTuple):
    """A regular file with the values of a scan (`ScannedFile`)."""

    path: str
    root: str
    device: int
    inode: int
    size: int
    modified: float


def find_by_name(path: str) -> NamedFile | None:
    """Return the regular file with this path, or None. Follow no links."""
    folder, name = os.path.split(path)
    with suppress(OSError), open_directory(folder) as directory:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            return NamedFile(path, folder, status.st_dev, status.st_ino, status.st_size, status.st_mtime)
    return None


def find_by_inode(place: FileLocation, keys: Collection[Key]) -> dict[Key, FileLocation]:
    """Return the locations of the files with these keys in the directory of `place`."""
    inodes = {inode for _, inode in keys}
    found = {each.key: each.place for each in _siblings(place, lambda _, inode: inode in inodes)}
    return {key: found[key] for key in keys if key in found}


def find_candidates(
    known: KnownFile, place: FileLocation, scope: SearchScope, excluded: Collection[Key]
) -> list[SiblingFile]:
    """Return the files in the directory of `place` that may be copies of the known file, according to their names.

    Plain files come first, sorted by name, but those with names that a rotation makes before all others. Compressed
    files follow, the newest first.
    """

    def is_wanted(name: str, _: int) -> bool:
        return _is_candidate(known, name, scope)

    found = [each for each in _siblings(place, is_wanted) if each.key not in excluded]
    plain = [each for each in found if not each.place.name.endswith(COMPRESSED)]
    compressed = [each for each in found if each.place.name.endswith(COMPRESSED)]
    plain.sort(key=lambda each: (not has_related_name(known, each.place.name), each.place.name))
    compressed.sort(key=lambda each: (-each.modified, each.place.name))
    return plain[:_MAX_PLAIN] + compressed[:_MAX_COMPRESSED]


def find_related_names(folder: str) -> set[str]:
    """Return the paths of the files in a directory, and the paths that a rotation may have renamed to these."""
    with suppress(OSError), open_directory(folder) as directory:
        paths = [os.path.join(folder, name) for name, _, is_folder in _list(directory) if not is_folder]
        return {original for path in paths for original in find_originals(path)}
    return set()


def find_below(root: str, keys: Collection[Key]) -> dict[Key, FileLocation]:
    """Return the locations of the files with these keys below a directory. Follow no links.

    Stop after `_MAX_VISITED` names.
    """
    inodes, found, waiting, visited = {key[1] for key in keys}, dict[Key, FileLocation](), [root], 0
    while waiting and visited < _MAX_VISITED and len(found) < len(keys):
        folder = waiting.pop()
        with suppress(OSError), open_directory(folder) as directory:
            for name, inode, is_folder in _list(directory):
                visited += 1
                path = os.path.join(folder, name)
                if is_folder:
                    waiting.append(path)
                elif inode in inodes:
                    with suppress(OSError):
                        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                        key = status.st_dev, status.st_ino
                        if key in keys and stat.S_ISREG(status.st_mode):
                            found[key] = FileLocation(root, path)
    return found


def explain_invisible(known: KnownFile) -> str:
    """Return why a file may still exist although it was not found; "" if it is gone."""
    folder, device = os.path.dirname(known.name), known.file_id.device
    try:
        with open_directory(folder) as directory:
            if os.fstat(directory).st_dev == device:
                return ""
            names = [name for name, _, is_folder in _list(directory) if not is_folder]
            devices = {os.stat(name, dir_fd=directory, follow_symlinks=False).st_dev for name in names[:_MAX_PLAIN]}
            return "" if device in devices else "its directory is on another file system than before"
    except FileNotFoundError:
        return "its directory does not exist"
    except OSError as error:
        return f"its directory cannot be read ({error.strerror})"


def is_within(known: KnownFile, scope: SearchScope) -> bool:
    """Return whether a generation of an earlier run belongs to the pipeline as it is configured now."""
    names = (known.generation.path, known.name)
    is_covered = any(scope.covers(each) for name in names for each in find_originals(name))
    return is_covered and not any(map(scope.forbids, names))


def _siblings(place: FileLocation, is_wanted: Callable[[str, int], bool]) -> list[SiblingFile]:
    """Return the regular files in the directory of `place` for which `is_wanted(path, inode)` is true."""
    folder, found = os.path.dirname(place.name), list[SiblingFile]()
    with suppress(FileNotFoundError, NotADirectoryError, LinkInPath), open_directory(folder) as directory:
        for name, inode, _ in _list(directory):
            path = os.path.join(folder, name)
            if is_wanted(path, inode):
                with suppress(OSError):
                    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        key = status.st_dev, status.st_ino
                        location = FileLocation(place.root, path)
                        found.append(SiblingFile(location, key, status.st_size, status.st_mtime))
    return found


def _list(directory: int) -> Iterator[tuple[str, int, bool]]:
    """Yield each name, its inode, and whether it is a directory."""
    # The names are not collected in a list, because there may be any number of them.
    listing = open_listing(directory)
    try:
        with os.scandir(listing) as entries:
            for entry in entries:
                yield entry.name, entry.inode(), entry.is_dir(follow_symlinks=False)
    finally:
        os.close(listing)


def _is_candidate(known: KnownFile, name: str, scope: SearchScope) -> bool:
    """Return whether the pipeline may read this file as a copy of the known file.

    This is so if `paths` matches the name, or if a rotation may have renamed the known file to it and `exclude` does
    not match it.
    """
    if has_related_name(known, name):
        return not scope.forbids(name)
    return not name.endswith(COMPRESSED) and scope.covers(name)
