"""Generations that every sink is through with: their files may still be there, grow, be packed, or be met again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec
from msgspec.structs import replace

from sidecar.model.checkpoint import KnownFile
from sidecar.model.file import FileId, Generation
from sidecar.tail.copy_matching import Key, continues_file, is_copy
from sidecar.tail.source import Source
from sidecar.tail.tracked_file import TrackedFile

_MOST_DELETED = 50
"""So many deleted files are remembered, in case that they were packed: that is done at once or not at all."""


class FileStamp(Protocol):
    """What a sweep tells of a file, as far as it says whether the file has changed."""

    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> float: ...


class FinishedFile(msgspec.Struct):
    """One of them, and how its file looked when that was last checked."""

    known: KnownFile
    size: int = -1
    modified: float = 0.0

    @property
    def read(self) -> int:
        """Bytes that some sink has had."""
        return max((point.offset for point in self.known.checkpoints.values()), default=0)


class FinishedFiles:
    """Those of one pipeline, by device and inode; an inode alone does not say that it is the file."""

    def __init__(self, known: Iterable[KnownFile]) -> None:
        self._done = {key_of(each.file_id): FinishedFile(each) for each in known}
        self._deleted: deque[FinishedFile] = deque(maxlen=_MOST_DELETED)

    def generations(self) -> Iterator[Generation]:
        """All of them."""
        return (done.known.generation for done in self._done.values())

    def find(self, key: Key) -> FinishedFile | None:
        """The one whose file had this inode."""
        return self._done.get(key)

    def is_as_it_was(self, key: Key, seen: FileStamp) -> bool:
        """Whether the file has not changed since it was last checked."""
        done = self._done.get(key)
        return done is not None and (done.size, done.modified) == (seen.size, seen.modified)

    def holds(self, source: Source) -> bool:
        """Whether the open file is one of them."""
        done = self._done.get(key_of(source.identity))
        return done is not None and continues_file(done.known, source)

    def packed_as(self, source: Source, name: str) -> KnownFile | None:
        """The one whose whole content the packed file `name` holds."""
        if name.endswith(".gz"):
            for done in (*self._done.values(), *self._deleted):
                if is_copy(done.known, source, name) and not source.has_content_after(done.read):
                    return done.known
        return None

    def add(self, life: TrackedFile, *, is_there: bool) -> None:
        """One more. A deleted file is met again only by its content, since its inode may go to another file."""
        done = FinishedFile(life.remembered(), life.size, life.modified)
        if is_there:
            self._done[key_of(life.file_id)] = done
        else:
            self._deleted.append(done)

    def moved(self, known: KnownFile, file_id: FileId, name: str) -> None:
        """Its bytes are in that file now."""
        self._done = {key: done for key, done in self._done.items() if done.known is not known}
        self._done[key_of(file_id)] = FinishedFile(replace(known, file_id=file_id, name=name, moved=True))

    def drop(self, key: Key) -> None:
        """It is not finished any more, or its file is gone."""
        del self._done[key]

    def numbers(self, keys: Iterable[Key]) -> list[int]:
        """The numbers of those whose files have these inodes."""
        return [self._done[key].known.generation.id for key in keys if key in self._done]

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Forget all others."""
        kept = set(numbers)
        self._done = {key: done for key, done in self._done.items() if done.known.generation.id in kept}


def key_of(file_id: FileId) -> Key:
    """What stat(2) tells of a file's identity, and what is looked up by it."""
    return file_id.device, file_id.inode
