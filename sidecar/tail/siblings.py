"""The files in the directory of another one: where a renamed file or a copy is looked for."""

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
"""So many files are compared; the application may put any number there."""

_MAX_VISITED = 10_000
"""Names that one search below a root visits."""

Key = tuple[int, int]


class SearchScope(Protocol):
    """What belongs to a pipeline, by its `paths` and `exclude`."""

    def roots(self) -> list[str]:
        """Return the fixed part of each pattern."""
        ...

    def leads_to(self, path: str) -> bool:
        """Return whether the path lies below the fixed part of a pattern."""
        ...

    def covers(self, path: str) -> bool:
        """Return whether a file of this path belongs to the pipeline."""
        ...

    def forbids(self, path: str) -> bool:
        """Return whether `exclude` names the file, and not merely all compressed ones."""
        ...


class SiblingFile(NamedTuple):
    """A regular file, as lstat(2) tells of it."""

    place: FileLocation
    key: Key
    size: int
    modified: float

    @property
    def stamp(self) -> tuple[Key, int, float]:
        """Identity, size and time. A different stamp means that the file has changed."""
        return self.key, self.size, self.modified


class NamedFile(NamedTuple):
    """A regular file by its name, as a scan would find it."""

    path: str
    root: str
    device: int
    inode: int
    size: int
    modified: float


def find_by_name(path: str) -> NamedFile | None:
    """Return the regular file of this name, None if there is none that can be reached without a link."""
    folder, name = os.path.split(path)
    with suppress(OSError), open_directory(folder) as directory:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            return NamedFile(path, folder, status.st_dev, status.st_ino, status.st_size, status.st_mtime)
    return None


def find_by_inode(place: FileLocation, keys: Collection[Key]) -> dict[Key, FileLocation]:
    """Return where these files are in the directory of `place`."""
    inodes = {inode for _, inode in keys}
    found = {each.key: each.place for each in _siblings(place, lambda _, inode: inode in inodes)}
    return {key: found[key] for key in keys if key in found}


def find_candidates(
    known: KnownFile, place: FileLocation, scope: SearchScope, but_not: Collection[Key]
) -> list[SiblingFile]:
    """Return the files in the directory of `place` that may be a copy by their names, those of a rotation first.

    Compressed ones come last, the newest first.
    """

    def is_wanted(name: str, _: int) -> bool:
        return _is_candidate(known, name, scope)

    found = [each for each in _siblings(place, is_wanted) if each.key not in but_not]
    plain = [each for each in found if not each.place.name.endswith(COMPRESSED)]
    packed = [each for each in found if each.place.name.endswith(COMPRESSED)]
    plain.sort(key=lambda each: (not has_related_name(known, each.place.name), each.place.name))
    packed.sort(key=lambda each: (-each.modified, each.place.name))
    return plain[:_MAX_PLAIN] + packed[:_MAX_COMPRESSED]


def find_related_names(folder: str) -> set[str]:
    """Return the paths in a directory, and those that a rotation may have made them from."""
    with suppress(OSError), open_directory(folder) as directory:
        paths = [os.path.join(folder, name) for name, _, is_folder in _list(directory) if not is_folder]
        return {original for path in paths for original in find_originals(path)}
    return set()


def find_below(root: str, keys: Collection[Key]) -> dict[Key, FileLocation]:
    """Return where these files are below a directory. Links are not followed, and the search is bounded."""
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


def why_invisible(known: KnownFile) -> str:
    """Return why a file that is not in its directory may still exist, "" if it is gone."""
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
    """Return the regular files in the directory of `place` that are wanted, none if a link leads there."""
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
    """Yield name, inode, and whether it is a directory. Not as a list: there may be any number of names."""
    listing = open_listing(directory)
    try:
        with os.scandir(listing) as entries:
            for entry in entries:
                yield entry.name, entry.inode(), entry.is_dir(follow_symlinks=False)
    finally:
        os.close(listing)


def _is_candidate(known: KnownFile, name: str, scope: SearchScope) -> bool:
    """Return whether the pipeline may read this file in the place of the known one: `paths` names it, or its name is
    one that a rotation makes from that of the known file and `exclude` does not name it.
    """
    if has_related_name(known, name):
        return not scope.forbids(name)
    return not name.endswith(COMPRESSED) and scope.covers(name)
