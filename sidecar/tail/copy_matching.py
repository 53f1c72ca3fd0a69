"""Is this file a copy of one that we know? Names say which files are asked, content decides.

Rotation by copy (logrotate's `copytruncate`) copies the file and then empties it, so what was not read yet is in the
copy. Rotation with compression leaves only the compressed copy. A wrong yes would lose lines or ship a file that
is not configured, a wrong no costs duplicates; so whatever can be compared has to agree.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple, Protocol

from sidecar.lib.roots import LinkInPath, open_directory, open_listing
from sidecar.model.checkpoint import KnownFile
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES
from sidecar.tail.rotation_names import COMPRESSED, find_originals, is_rotation_of
from sidecar.tail.source import Source, read_head
from sidecar.tail.tracked_file import FileLocation, TrackedFile

_TELLING = 256
"""So many equal bytes at the beginning say by themselves that one file was made from the other."""

_MOST_NEIGHBOURS, _MOST_COMPRESSED = 1000, 256
"""So many files are compared; the application may put any number there."""

_TIME_SLACK_S = 2.0
"""Some file systems and tools keep times in steps of two seconds."""

Key = tuple[int, int]


class SearchScope(Protocol):
    """What belongs to a pipeline, by its `paths` and `exclude`."""

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
    """A regular file in the directory of another one, as lstat(2) tells of it."""

    place: FileLocation
    key: Key
    size: int
    modified: float

    @property
    def stamp(self) -> tuple[Key, int, float]:
        """Identity, size and time. A different stamp means that the file has changed."""
        return self.key, self.size, self.modified


def find_by_inode(place: FileLocation, key: Key) -> list[SiblingFile]:
    """Return the names of this file in the directory of `place`."""
    return [each for each in _sibling_files(place, lambda _, inode: inode == key[1]) if each.key == key]


def find_candidates(
    known: KnownFile, place: FileLocation, scope: SearchScope, but_not: Collection[Key]
) -> list[SiblingFile]:
    """Return the files in the directory of `place` that may be a copy by their names, those of a rotation first.

    Compressed ones come last, the newest first.
    """

    def is_wanted(name: str, _: int) -> bool:
        return _is_candidate(known, name, scope)

    found = [each for each in _sibling_files(place, is_wanted) if each.key not in but_not]
    plain = [each for each in found if not each.place.name.endswith(COMPRESSED)]
    packed = [each for each in found if each.place.name.endswith(COMPRESSED)]
    plain.sort(key=lambda each: (not has_related_name(known, each.place.name), each.place.name))
    packed.sort(key=lambda each: (-each.modified, each.place.name))
    return plain[:_MOST_NEIGHBOURS] + packed[:_MOST_COMPRESSED]


def _sibling_files(place: FileLocation, is_wanted: Callable[[str, int], bool]) -> list[SiblingFile]:
    """Return the regular files in the directory of `place` that are wanted, none if a link leads there."""
    folder, found = os.path.dirname(place.name), list[SiblingFile]()
    with suppress(FileNotFoundError, NotADirectoryError, LinkInPath), open_directory(folder) as directory:
        for name in _list(directory, folder, is_wanted):
            with suppress(OSError):
                status = os.stat(os.path.basename(name), dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    key = status.st_dev, status.st_ino
                    found.append(SiblingFile(FileLocation(place.root, name), key, status.st_size, status.st_mtime))
    return found


def _list(directory: int, folder: str, is_wanted: Callable[[str, int], bool]) -> list[str]:
    listing = open_listing(directory)
    try:
        with os.scandir(listing) as entries:
            paths = ((os.path.join(folder, entry.name), entry.inode()) for entry in entries)
            return [path for path, inode in paths if is_wanted(path, inode)]
    finally:
        os.close(listing)


def _is_candidate(known: KnownFile, name: str, scope: SearchScope) -> bool:
    """Return whether the pipeline may read this file in the place of the known one: `paths` names it, or its name is
    one that a rotation makes from that of the known file and `exclude` does not name it.
    """
    if has_related_name(known, name):
        return not scope.forbids(name)
    return not name.endswith(COMPRESSED) and scope.covers(name)


def has_related_name(known: KnownFile, name: str) -> bool:
    """Return whether the known file has or had this name, or a rotation makes it from one of these."""
    names = {known.generation.path, known.name}
    return name in names or any(is_rotation_of(each, name) for each in names)


def is_within(known: KnownFile, scope: SearchScope) -> bool:
    """Return whether a generation of an earlier run belongs to the pipeline as it is configured now."""
    names = (known.generation.path, known.name)
    is_covered = any(scope.covers(each) for name in names for each in find_originals(name))
    return is_covered and not any(map(scope.forbids, names))


def continues_file(known: KnownFile, source: Source) -> bool:
    """Whether the file is the known one, and still in that life: everything that is known agrees."""
    enough = max_offset(known) if known.moved else max(max_offset(known), known.seen)
    return source.identity == known.file_id and source.holds(enough) and matches_content(known, source)


def max_offset(known: KnownFile) -> int:
    """The largest offset that a sink has read up to."""
    return max((point.offset for point in known.checkpoints.values() if not point.done), default=0)


def matches_content(known: KnownFile, source: Source) -> bool:
    """Whether the file begins as the known one did, and is the same before each checkpoint that lies within it."""
    head = source.pread(FINGERPRINT_BYTES, 0)
    if not known.fingerprint.covered or not known.fingerprint.matches(head):
        return False
    for point in sorted(known.checkpoints.values(), key=lambda point: point.offset):
        if point.done:
            continue  # passed without reading: there is nothing to compare
        back = min(OVERLAP_BYTES, point.offset)
        before = source.pread(back, point.offset - back)
        if len(before) == back and not point.tail.matches(before):
            return False
    return True


def is_copy(
    known: KnownFile, source: Source, path: str, *, complete: bool = True, not_before: float | None = None
) -> bool:
    """Whether the file holds what the known one held: all that was seen of it, if it is to be `complete`.

    A file that is shorter than a checkpoint cannot be compared there, so it is none. Where little is known of the
    content, it has to have a name of a rotation, and a copy is not older than the last byte of the known file, which
    was changed at `not_before`.
    """
    read = max_offset(known)
    if not matches_content(known, source):
        return False
    if known.fingerprint.covered < _TELLING and read < OVERLAP_BYTES and not has_related_name(known, path):
        return False
    is_little_known = known.fingerprint.covered < _TELLING
    if is_little_known and not_before is not None and source.modified_at() < not_before - _TIME_SLACK_S:
        return False
    return source.holds(max(read, known.seen) if complete else read)


def may_be_partial_copy_of(known: KnownFile, source: Source, path: str) -> bool:
    """Whether the file is perhaps a copy in the making, of a file that is truncated or gone already."""
    if not has_related_name(known, path):
        return False
    head = read_head(source)
    return path.endswith(COMPRESSED) or len(head) < known.fingerprint.covered or matches_content(known, source)


def may_become_copy_of(life: TrackedFile, source: Source) -> bool:
    """Whether the file is, so far, the beginning of one that is being read: a copy in the making, perhaps."""
    size = source.status().size
    head = read_head(source)
    if not head or size > life.size:
        return False
    back = min(OVERLAP_BYTES, size)
    return life.pread(len(head), 0) == head and life.pread(back, size - back) == source.pread(back, size - back)
