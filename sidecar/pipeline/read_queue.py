"""The files of one sink: which to read next, which to read later, and the lag of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile


class ReadQueue:
    """The cursors of one sink, and the order in which they are read.

    The shipper's thread calls all methods. Any thread may call `mark_behind` and those that return sums.
    """

    def __init__(self) -> None:
        self._cursors: dict[int, Cursor] = {}
        self._ready: deque[Cursor] = deque()
        self._queued: set[int] = set()
        """The ids of the files in `_ready`."""

        self._deferred: dict[int, float] = {}
        """When the last event of a file counts as whole, if nothing follows it."""

        self._retry_at: dict[int, float] = {}
        """When to read again each file whose last read failed. They delay neither the others nor a drain."""

        self._behind: set[int] = set()
        """The files that may have unsettled bytes (a superset), so that sums need not visit all files."""

    def __contains__(self, file_id: int) -> bool:
        return file_id in self._cursors

    @property
    def has_ready(self) -> bool:
        """Return whether a file can be read now."""
        return bool(self._ready)

    @property
    def is_done(self) -> bool:
        """Return whether no file has to be read now or later. Files whose last read failed do not count."""
        return not (self._ready or self._deferred)

    def get(self, file_id: int) -> Cursor | None:
        """Return the cursor of a file, None if the sink does not need the file."""
        return self._cursors.get(file_id)

    def add(self, cursor: Cursor) -> None:
        """Read a file from the position of this cursor."""
        self._cursors[cursor.life.generation.id] = cursor
        self._behind.add(cursor.life.generation.id)

    def remove(self, cursor: Cursor) -> None:
        """Forget a file of which the sink needs no more."""
        del self._cursors[cursor.life.generation.id]
        self._behind.discard(cursor.life.generation.id)

    def notify(self, file: TrackedFile) -> None:
        """Read a file that has grown, is closing or has ended. After a failed read only the end does not wait."""
        file_id = file.generation.id
        cursor = self._cursors.get(file_id)
        if cursor is None:
            self._behind.discard(file_id)
        elif file.ended or file_id not in self._retry_at:
            self.enqueue(cursor)

    def enqueue(self, cursor: Cursor) -> None:
        """Read a file after those that wait already."""
        file_id = cursor.life.generation.id
        if file_id not in self._queued:
            self._queued.add(file_id)
            self._ready.append(cursor)

    def next(self) -> Cursor:
        """Take the next file. Raise `IndexError` if none is ready."""
        cursor = self._ready.popleft()
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

    def mark_behind(self, file: TrackedFile) -> None:
        """Note that a file may have unsettled bytes."""
        self._behind.add(file.generation.id)

    def refresh_behind(self, cursor: Cursor) -> None:
        """Note whether a file has unsettled bytes."""
        # In this order, because the tracker may mark a growth meanwhile.
        self._behind.discard(cursor.life.generation.id)
        if cursor.settled.offset < cursor.life.size or cursor.parked:
            self._behind.add(cursor.life.generation.id)

    def pending(self, sizes: Mapping[int, int] | None) -> dict[int, int]:
        """Return the size up to which each file can be delivered and is not, of those in `sizes` if it is given."""
        pending: dict[int, int] = {}
        for file_id, cursor in self._cursors.items():
            wanted = cursor.life.size if sizes is None else sizes.get(file_id, 0)
            if self._is_deliverable(cursor) and cursor.settled.offset < wanted:
                pending[file_id] = wanted
        return pending

    def unsettled(self) -> int:
        """Return the bytes that were seen of all files and are not settled."""
        return sum([size for _, size in self._list_behind()])

    def unreadable(self) -> int:
        """Return the bytes that are not settled of files whose last read failed."""
        return sum([size for cursor, size in self._list_behind() if cursor.life.generation.id in self._retry_at])

    def lag(self, now: float) -> tuple[int, float]:
        """Return the bytes that can be delivered and are not settled, and the seconds since the oldest was seen."""
        sizes = [(cursor, size - cursor.parked_bytes) for cursor, size in self._list_behind()]
        behind = [(cursor, size) for cursor, size in sizes if size > 0 and self._is_deliverable(cursor)]
        appeared = [cursor.life.appeared(cursor.settled.offset) for cursor, _ in behind]
        oldest_s = max((now - at for at in appeared if at is not None), default=0.0)
        return sum([size for _, size in behind]), oldest_s

    def progress(self) -> tuple[int, int]:
        """Return the bytes settled and the bytes seen of all files."""
        cursors = list(self._cursors.values())
        pairs = [(cursor.settled.offset, cursor.life.size) for cursor in cursors]
        settled = sum([offset for offset, _ in pairs]) - sum([cursor.parked_bytes for cursor in cursors])
        return settled, sum([size if size > offset else offset for offset, size in pairs])

    def _list_behind(self) -> list[tuple[Cursor, int]]:
        cursors = [self._cursors.get(file_id) for file_id in list(self._behind)]
        sizes = [(cursor, cursor.unsettled_bytes) for cursor in cursors if cursor is not None]
        return [(cursor, size) for cursor, size in sizes if size > 0]

    def _is_deliverable(self, cursor: Cursor) -> bool:
        """Return whether some of a file can be delivered: an unterminated line, for example, cannot."""
        file_id = cursor.life.generation.id
        return file_id in self._queued or file_id in self._deferred or bool(cursor.spans)
