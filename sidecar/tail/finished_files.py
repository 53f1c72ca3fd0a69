"""Remembers generations that every sink has finished. Their files may still exist, grow, be compressed or copied."""

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
"""Maximum number of deleted files to remember, in case their content reappears, compressed or on another device."""


class FileStamp(Protocol):
    """The size and time of a file in a scan, which show whether it has changed."""

    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> float: ...


class FinishedFile(msgspec.Struct):
    """A finished generation, with size and time of its file at the last comparison."""

    known: KnownFile
    size: int = -1
    modified: float = 0.0
    shrunk_at: float | None = None
    """Time at which the file has shrunk, if it may regain its size; else None."""

    @property
    def settled_to(self) -> int:
        """Largest offset that a sink has settled."""
        return max((point.offset for point in self.known.checkpoints.values()), default=0)


class FinishedFiles:
    """The finished generations of one pipeline, by device and inode of their files, and by their first bytes.

    The inode alone does not identify a file, because the file system reuses inodes.
    """

    def __init__(self, known: Iterable[KnownFile]) -> None:
        self._by_key: dict[Key, FinishedFile] = {}
        self._by_beginning: dict[tuple[int, bytes], dict[int, FinishedFile]] = {}
        self._deleted: deque[FinishedFile] = deque()
        self.load(known)

    def load(self, known: Iterable[KnownFile]) -> None:
        """Replace all generations by these, the newest of which come first."""
        self._by_key.clear()
        self._by_beginning.clear()
        self._deleted.clear()
        for each in reversed(list(known)):
            self.add(FinishedFile(each), is_present=True)

    def __iter__(self) -> Iterator[FinishedFile]:
        return iter(list(self._by_key.values()))

    def find(self, key: Key) -> FinishedFile | None:
        """Return the finished generation whose file has or had this device and inode, or None."""
        return self._by_key.get(key)

    def is_unchanged(self, key: Key, seen: FileStamp) -> bool:
        """Return whether the file has not changed since it was last compared."""
        done = self._by_key.get(key)
        return done is not None and (done.size, done.modified) == (seen.size, seen.modified)

    def find_by_head(self, source: Source) -> list[FinishedFile]:
        """Return the generations that have the same first bytes as this file, the longest match first."""
        head = source.pread(FINGERPRINT_BYTES, 0)
        lengths = sorted({length for length, _ in self._by_beginning if 0 < length <= len(head)}, reverse=True)
        beginnings = ((length, digest(head[:length])) for length in lengths)
        return [done for each in beginnings for done in self._by_beginning.get(each, {}).values()]

    def add(self, done: FinishedFile, *, is_present: bool) -> None:
        """Add a finished generation. If its file is deleted, only `find_by_head` finds it, as inodes are reused."""
        fingerprint = done.known.fingerprint
        beginning = self._by_beginning.setdefault((fingerprint.covered, fingerprint.digest), {})
        beginning[done.known.generation.id] = done
        if is_present:
            before = self._by_key.get(done.known.file_id.key)
            self._by_key[done.known.file_id.key] = done
            if before is not None and before.known.generation.id != done.known.generation.id:
                self._add_deleted(before)  # the file system has reused its inode
        else:
            self._add_deleted(done)

    def _add_deleted(self, done: FinishedFile) -> None:
        self._deleted.append(done)
        if len(self._deleted) > _MAX_DELETED:
            self._forget(self._deleted.popleft())

    def mark_deleted(self, done: FinishedFile) -> None:
        """Record that its file or inode has other content now. A copy of the delivered content may still appear."""
        key = done.known.file_id.key
        if self._by_key.get(key) is done:
            del self._by_key[key]
            self._add_deleted(done)

    def remove(self, done: FinishedFile) -> None:
        """Remove a generation that is not finished any more."""
        key = done.known.file_id.key
        if self._by_key.get(key) is done:
            del self._by_key[key]
        self._forget(done)

    def move(self, known: KnownFile, file_id: FileId, name: str) -> None:
        """Record that the file with this id and name now has the content of `known`."""
        self.remove_generation(known.generation.id)
        self.add(FinishedFile(replace(known, file_id=file_id, name=name, is_in_copy=True)), is_present=True)

    def find_generation(self, number: int) -> FinishedFile | None:
        """Return the finished generation with this number, or None."""
        groups = self._by_beginning.values()
        return next((group[number] for group in groups if number in group), None)

    def remove_generation(self, number: int) -> None:
        """Remove the generation with this number, if it is finished."""
        if done := self.find_generation(number):
            self.remove(done)

    def numbers(self, keys: Iterable[Key]) -> list[int]:
        """Return the numbers of the generations whose files have these keys."""
        return [self._by_key[key].known.generation.id for key in keys if key in self._by_key]

    def keep_only(self, numbers: Iterable[int]) -> None:
        """Remove all generations whose numbers are not among these."""
        kept = set(numbers)
        for done in self:
            if done.known.generation.id not in kept:
                self.remove(done)

    def _forget(self, done: FinishedFile) -> None:
        fingerprint = done.known.fingerprint
        beginning = fingerprint.covered, fingerprint.digest
        group = self._by_beginning.get(beginning, {})
        if group.get(done.known.generation.id) is done:
            del group[done.known.generation.id]
        if not group:
            self._by_beginning.pop(beginning, None)
