"""Decides in which order the files of a sink are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile


class ReadQueue:
    """The cursors of one sink, and the order in which their files are read.

    Plain files are read in turn, one chunk each. Compressed files are read one after the other, because each needs
    much memory while it is decompressed. Chunks of plain and compressed files alternate. Any thread may call `get`,
    `cursors`, `is_waiting` and `has_failed`; only the shipper's thread may call the other methods.
    """

    def __init__(self) -> None:
        self._cursors: dict[int, Cursor] = {}
        self._plain: deque[Cursor] = deque()
        self._compressed: deque[Cursor] = deque()
        self._is_compressed_next = False
        self._queued: set[int] = set()
        """Ids of the generations that can be read now."""

        self._deferred: dict[int, float] = {}
        """Generation id → when to read the file again. If no line is added until then, its last event is complete."""

        self._retry_at: dict[int, float] = {}
        """Generation id → when to retry the file after a failed read. Other files and a drain do not wait for it."""

    @property
    def has_ready(self) -> bool:
        """Whether a file can be read now."""
        return bool(self._queued)

    @property
    def is_done(self) -> bool:
        """Whether no file has to be read now or later. Files whose last read failed do not count."""
        return not (self._queued or self._deferred)

    def get(self, file_id: int) -> Cursor | None:
        """Return the cursor of a file, or None if the sink does not need the file."""
        return self._cursors.get(file_id)

    def cursors(self) -> Collection[Cursor]:
        """Return the cursors of all files."""
        return list(self._cursors.values())

    def is_waiting(self, cursor: Cursor) -> bool:
        """Return whether a file waits to be read, now or at a given time."""
        file_id = cursor.file.generation.id
        return file_id in self._queued or file_id in self._deferred

    def has_failed(self, cursor: Cursor) -> bool:
        """Return whether the last read of a file failed."""
        return cursor.file.generation.id in self._retry_at

    def add(self, cursor: Cursor) -> None:
        """Add the cursor of a file. `enqueue` or `notify` must follow."""
        self._cursors[cursor.file.generation.id] = cursor

    def remove(self, cursor: Cursor) -> None:
        """Remove the cursor of a file that the sink does not need any more."""
        del self._cursors[cursor.file.generation.id]

    def notify(self, file: TrackedFile) -> None:
        """Enqueue a file that has grown, was rotated or has ended.

        A file whose last read failed waits for its retry, unless it has ended.
        """
        file_id = file.generation.id
        cursor = self._cursors.get(file_id)
        if cursor and (file.ended or file_id not in self._retry_at):
            self.enqueue(cursor)

    def enqueue(self, cursor: Cursor, *, is_being_read: bool = False) -> None:
        """Add a file to the end of the queue. Add a compressed file to its front if `is_being_read`."""
        file_id = cursor.file.generation.id
        if file_id in self._queued:
            return
        self._queued.add(file_id)
        if not cursor.file.is_compressed:
            self._plain.append(cursor)
        elif is_being_read:
            self._compressed.appendleft(cursor)
        else:
            self._compressed.append(cursor)

    def next(self) -> Cursor:
        """Remove and return the cursor of the next file. Raise `IndexError` if no file is ready."""
        is_compressed = bool(self._compressed) and (self._is_compressed_next or not self._plain)
        self._is_compressed_next = not is_compressed
        cursor = (self._compressed if is_compressed else self._plain).popleft()
        file_id = cursor.file.generation.id
        self._queued.discard(file_id)
        self._deferred.pop(file_id, None)
        self._retry_at.pop(file_id, None)
        return cursor

    def defer(self, cursor: Cursor, until: float) -> None:
        """Read a file again at this time. If no line is added until then, its last event is complete."""
        self._deferred[cursor.file.generation.id] = until

    def retry(self, cursor: Cursor, at: float) -> None:
        """Read a file again at this time, because a read failed."""
        self._retry_at[cursor.file.generation.id] = at

    def retry_all(self) -> None:
        """Enqueue every file whose last read failed."""
        self._requeue(self._retry_at, float("inf"))

    def requeue_due(self, now: float) -> None:
        """Enqueue the deferred and failed files that are due."""
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
        """Return when the next deferred or failed file is due; infinity if there is none."""
        return min([*self._deferred.values(), *self._retry_at.values()], default=float("inf"))

    def rewind_all(self) -> None:
        """Read every file again from its checkpoint."""
        for cursor in self._cursors.values():
            cursor.rewind()
            self.notify(cursor.file)

    def rewind_ended(self) -> list[Cursor]:
        """Rewind the cursors of all files that have ended to their checkpoints. Return these cursors."""
        ended = [cursor for cursor in self._cursors.values() if cursor.file.ended]
        for cursor in ended:
            cursor.rewind()
        return ended
