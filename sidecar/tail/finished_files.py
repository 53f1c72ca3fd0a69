"""Generations that every sink has finished: their files may still exist, grow, be compressed, or be copied."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec
from msgspec.structs import replace

from sidecar.model.checkpoint import KnownFile
from sidecar.model.file import FileId
from sidecar.model.fingerprint import FINGERPRINT_BYTES, digest
from sidecar.tail.siblings import Key
from sidecar.tail.source import Source

_MAX_DELETED = 50
"""Deleted files of this run that are remembered in case they come again, compressed or on another file system."""


class FileStamp(Protocol):
    """What a scan says of a file, as far as it shows whether the file has changed."""

    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> float: ...


class FinishedFile(msgspec.Struct):
    """A finished generation, and how its file looked when it was last compared."""

    known: KnownFile
    size: int = -1
    modified: float = 0.0
    shrunk_at: float | None = None
    """When the file was first shorter than before, while it may become whole again."""

    @property
    def read(self) -> int:
        """Bytes that some sink has settled."""
        return max((point.offset for point in self.known.checkpoints.values()), default=0)


class FinishedFiles:
    """The finished generations of one pipeline, by device and inode of their files, and by how their content begins.

    An inode alone does not say that it is the file.
    """

    def __init__(self, known: Iterable[KnownFile]) -> None:
        self._by_key: dict[Key, FinishedFile] = {}
        self._by_beginning: dict[tuple[int, bytes], dict[int, FinishedFile]] = {}
        self._deleted: deque[FinishedFile] = deque()
        self.load(known)

    def load(self, known: Iterable[KnownFile]) -> None:
        """Take these instead."""
        self._by_key.clear()
        self._by_beginning.clear()
        self._deleted.clear()
        for each in known:
            self.add(FinishedFile(each), is_there=True)

    def __iter__(self) -> Iterator[FinishedFile]:
        return iter(list(self._by_key.values()))

    def find(self, key: Key) -> FinishedFile | None:
        """Return the one whose file has or had this inode."""
        return self._by_key.get(key)

    def is_as_it_was(self, key: Key, seen: FileStamp) -> bool:
        """Return whether the file has not changed since it was last compared."""
        done = self._by_key.get(key)
        return done is not None and (done.size, done.modified) == (seen.size, seen.modified)

    def find_alike(self, source: Source) -> list[FinishedFile]:
        """Return those whose content begins like this file, the longest beginnings first."""
        head = source.pread(FINGERPRINT_BYTES, 0)
        lengths = sorted({length for length, _ in self._by_beginning if 0 < length <= len(head)}, reverse=True)
        beginnings = ((length, digest(head[:length])) for length in lengths)
        return [done for each in beginnings for done in self._by_beginning.get(each, {}).values()]

    def add(self, done: FinishedFile, *, is_there: bool) -> None:
        """Add one. A deleted file is met again only by its content, since its inode may go to another file."""
        fingerprint = done.known.fingerprint
        beginning = self._by_beginning.setdefault((fingerprint.covered, fingerprint.digest), {})
        beginning[done.known.generation.id] = done
        if is_there:
            self._by_key[done.known.file_id.key] = done
            return
        self._deleted.append(done)
        if len(self._deleted) > _MAX_DELETED:
            self._forget(self._deleted.popleft())

    def remove(self, done: FinishedFile) -> None:
        """Forget one: it is not finished any more, or its file has other content."""
        key = done.known.file_id.key
        if self._by_key.get(key) is done:
            del self._by_key[key]
        self._forget(done)

    def move(self, known: KnownFile, file_id: FileId, name: str) -> None:
        """Note that the content is in that file now."""
        self.remove_generation(known.generation.id)
        self.add(FinishedFile(replace(known, file_id=file_id, name=name, moved=True)), is_there=True)

    def remove_generation(self, number: int) -> None:
        """Forget the generation of this number, if it is one of them."""
        for done in [done for group in self._by_beginning.values() for done in group.values()]:
            if done.known.generation.id == number:
                self.remove(done)

    def numbers(self, keys: Iterable[Key]) -> list[int]:
        """Return the numbers of those whose files have these inodes."""
        return [self._by_key[key].known.generation.id for key in keys if key in self._by_key]

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Forget all others."""
        kept = set(numbers)
        for done in self:
            if done.known.generation.id not in kept:
                self.remove(done)

    def _forget(self, done: FinishedFile) -> None:
        fingerprint = done.known.fingerprint
        beginning = fingerprint.covered, fingerprint.digest
        group = self._by_beginning.get(beginning, {})
        group.pop(done.known.generation.id, None)
        if not group:
            self._by_beginning.pop(beginning, None)
