"""The files of one sink: which to read next, and which to read later."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile


class ReadQueue:
    """The cursors of one sink, and the order in which they are read. Used by the shipper's thread alone.

    Plain files take turns. Compressed ones are read one after the other, since each needs much memory to be
    decompressed, and alternate with the plain ones.
    """

    def __init__(self) -> None:
        self._cursors: dict[int, Cursor] = {}
        self._plain: deque[Cursor] = deque()
        self._compressed: deque[Cursor] = deque()
        self._is_compressed_next = False
        self._queued: set[int] = set()
        """The ids of the files that can be read now."""

        self._deferred: dict[int, float] = {}
        """When the last event of a file counts as whole, if nothing follows it."""

        self._retry_at: dict[int, float] = {}
        """When to read again each file whose last read failed. They delay neither the others nor a drain."""

    @property
    def has_ready(self) -> bool:
        """Return whether a file can be read now."""
        return bool(self._queued)

    @property
    def is_done(self) -> bool:
        """Return whether no file has to be read now or later. Files whose last read failed do not count."""
        return not (self._queued or self._deferred)

    def get(self, file_id: int) -> Cursor | None:
        """Return the cursor of a file, None if the sink does not need the file."""
        return self._cursors.get(file_id)

    def cursors(self) -> Collection[Cursor]:
        """Return the cursors of all files. Any thread may call it."""
        return list(self._cursors.values())

    def is_waiting(self, cursor: Cursor) -> bool:
        """Return whether some of a file can be read, now or later: an unterminated line, for example, cannot."""
        file_id = cursor.life.generation.id
        return file_id in self._queued or file_id in self._deferred

    def has_failed(self, cursor: Cursor) -> bool:
        """Return whether the last read of a file failed."""
        return cursor.life.generation.id in self._retry_at

    def add(self, cursor: Cursor) -> None:
        """Read a file from the position of this cursor."""
        self._cursors[cursor.life.generation.id] = cursor

    def remove(self, cursor: Cursor) -> None:
        """Forget a file of which the sink needs no more."""
        del self._cursors[cursor.life.generation.id]

    def notify(self, file: TrackedFile) -> None:
        """Read a file that has grown, is closing or has ended. After a failed read only the end does not wait."""
        file_id = file.generation.id
        cursor = self._cursors.get(file_id)
        if cursor and (file.ended or file_id not in self._retry_at):
            self.enqueue(cursor)

    def enqueue(self, cursor: Cursor, *, is_being_read: bool = False) -> None:
        """Read a file after those that wait already. A compressed file that `is_being_read` comes before them."""
        file_id = cursor.life.generation.id
        if file_id in self._queued:
            return
        self._queued.add(file_id)
        if not cursor.life.packed:
            self._plain.append(cursor)
        elif is_being_read:
            self._compressed.appendleft(cursor)
        else:
            self._compressed.append(cursor)

    def next(self) -> Cursor:
        """Take the next file. Raise `IndexError` if none is ready."""
        is_compressed = bool(self._compressed) and (self._is_compressed_next or not self._plain)
        self._is_compressed_next = not is_compressed
        cursor = (self._compressed if is_compressed else self._plain).popleft()
        file_id = cursor.life.generation.id
        self._queued.discard(file_id)
        self._deferred.pop(file_id, None)
        self._retry_at.pop(file_id, None)
        return cursor

    def defer(self, cursor: Cursor, until: float) -> None:
        """Read a file again when its last event has been silent until then."""
        self._deferred[cursor.life.generation.id] = until

    def retry(self, cursor: Cursor, at: float) -> None:
        """Read a file again at this time, because a read failed."""
        self._retry_at[cursor.life.generation.id] = at

    def retry_all(self) -> None:
        """Read every file again whose last read failed."""
        self._requeue(self._retry_at, float("inf"))

    def requeue_due(self, now: float) -> None:
        """Read the files again whose time has come."""
        if self._retry_at:
            self._requeue(self._retry_at, now)
        if self._deferred:
            self._requeue(self._deferred, now)

    def _requeue(self, times: dict[int, float], now: float) -> None:
        for file_id in [file_id for file_id, at in times.items() if at <= now]:
            del times[file_id]
            if cursor := self._cursors.get(file_id):
                self.enqueue(cursor)

    def due_at(self) -> float:
        """Return when `requeue_due` has something to do, infinity if it has not."""
        return min([*self._deferred.values(), *self._retry_at.values()], default=float("inf"))

    def rewind_all(self) -> None:
        """Read every file again from its checkpoint."""
        for cursor in self._cursors.values():
            cursor.rewind()
            self.notify(cursor.life)

    def rewind_ended(self) -> list[Cursor]:
        """Return the cursors of files that have ended, at their checkpoints."""
        ended = [cursor for cursor in self._cursors.values() if cursor.life.ended]
        for cursor in ended:
            cursor.rewind()
        return ended
