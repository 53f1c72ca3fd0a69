"""Is this file a copy of one that we know? Content decides; names are a hint where content says little.

Rotation by copy (logrotate's `copytruncate`) copies the file and then empties it, so what was not read yet is in the
copy. Rotation with compression leaves only the packed copy. A wrong yes would lose lines, a wrong no costs
duplicates; so whatever can be compared has to agree.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress

from sidecar.positions import HEAD, OVERLAP, Remembered
from sidecar.read.life import Life, Place
from sidecar.read.source import Source, head_of, open_source

_TELLING = 256
"""So many equal bytes at the beginning say by themselves that one file was made from the other."""

_MOST_NEIGHBOURS = 1000
"""So many files are compared; the application may put any number there."""

Key = tuple[int, int]


def neighbours(name: str, but_not: Collection[Key]) -> Iterator[tuple[Place, Source]]:
    """The other regular files in the directory of `name`, opened, those with a name like it first.

    The caller closes what it does not keep. Links, FIFOs and what cannot be read are passed over.
    """
    folder = os.path.realpath(os.path.dirname(name))
    names: list[tuple[str, Key]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        device = os.stat(folder).st_dev
        names = [(entry.name, (device, entry.inode())) for entry in entries if not entry.is_symlink()]
    others = [item for item in names if item[1] not in but_not]
    others.sort(key=lambda item: (not related(name, item[0]), item[0].endswith(".gz"), item[0]))
    for other, _ in others[:_MOST_NEIGHBOURS]:
        path = os.path.join(folder, other)
        with suppress(OSError):
            source = open_source(folder, path)
            yield Place(folder, path), source


def related(name: str, other: str) -> bool:
    """Whether the one name is made from the other: `app.log` and `app.log.1`, `app.log-20261123`, `app-2026.log`."""
    stem = os.path.basename(name).partition(".")[0]
    return bool(stem) and os.path.basename(other).startswith(stem)


def continues(known: Remembered, source: Source) -> bool:
    """Whether the file is the known one, and still in that life: everything that is known agrees."""
    enough = longest(known) if known.moved else max(longest(known), known.seen)
    return source.identity == known.file_id and source.holds(enough) and fits(known, source)


def longest(known: Remembered) -> int:
    """The largest offset that a sink has read up to."""
    return max((point.offset for point in known.checkpoints.values() if not point.done), default=0)


def fits(known: Remembered, source: Source) -> bool:
    """Whether the file begins as the known one did, and is the same before each checkpoint that lies within it."""
    head = source.pread(HEAD, 0)
    if not known.fingerprint.covered or not known.fingerprint.fits(head):
        return False
    for point in known.checkpoints.values():
        if point.done:
            continue  # passed without reading: there is nothing to compare
        back = min(OVERLAP, point.offset)
        before = source.pread(back, point.offset - back)
        if len(before) == back and not point.tail.fits(before):
            return False
    return True


def is_copy(known: Remembered, source: Source, path: str, *, complete: bool = True) -> bool:
    """Whether the file holds what the known one held: all that was seen of it, if it is to be `complete`.

    A file that is shorter than a checkpoint cannot be compared there, so it is none.
    """
    read = longest(known)
    if not fits(known, source) or not source.holds(max(read, known.seen) if complete else read):
        return False
    return known.fingerprint.covered >= _TELLING or read >= OVERLAP or related(known.name, path)


def may_become_complete(known: Remembered, source: Source, path: str) -> bool:
    """Whether the file is perhaps a copy in the making, of a file that is truncated or gone already."""
    if not related(known.name, path):
        return False
    head = head_of(source)
    return path.endswith(".gz") or len(head) < known.fingerprint.covered or fits(known, source)


def may_become_copy(life: Life, source: Source) -> bool:
    """Whether the file is, so far, the beginning of one that is being read: a copy in the making, perhaps."""
    size = source.status().size
    head = head_of(source)
    if not head or size > life.size:
        return False
    back = min(OVERLAP, size)
    return life.pread(len(head), 0) == head and life.pread(back, size - back) == source.pread(back, size - back)
