"""The backlog of one sink: bytes that were seen of its files and are not settled."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.pipeline.read_queue import ReadQueue
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile


class Backlog:
    """Adds up what the files of a `ReadQueue` hold. Any thread may call all methods but `refresh` and `pending`."""

    def __init__(self, queue: ReadQueue) -> None:
        self._queue = queue
        self._behind: set[int] = set()
        """The files that may have unsettled bytes (a superset), so that sums need not visit all files."""

    def mark(self, file: TrackedFile) -> None:
        """Note that a file may have unsettled bytes."""
        self._behind.add(file.generation.id)

    def refresh(self, cursor: Cursor) -> None:
        """Note whether a file has unsettled bytes."""
        # In this order, because the tracker may mark a growth meanwhile.
        self._behind.discard(cursor.life.generation.id)
        if cursor.settled.offset < cursor.life.size or cursor.parked:
            self._behind.add(cursor.life.generation.id)

    def pending(self, sizes: Mapping[int, int] | None) -> dict[int, int]:
        """Return the size up to which each file can be delivered and is not, of those in `sizes` if it is given."""
        pending: dict[int, int] = {}
        for cursor in self._queue.cursors():
            file_id = cursor.life.generation.id
            wanted = cursor.life.size if sizes is None else sizes.get(file_id, 0)
            if self._is_deliverable(cursor) and cursor.settled.offset < wanted:
                pending[file_id] = wanted
        return pending

    def unsettled(self) -> int:
        """Return the bytes that were seen of all files and are not settled."""
        return sum([size for _, size in self._list()])

    def unreadable(self) -> int:
        """Return the bytes that are not settled of files whose last read failed."""
        return sum([size for cursor, size in self._list() if self._queue.has_failed(cursor)])

    def lag(self, now: float) -> tuple[int, float]:
        """Return the bytes that can be delivered and are not settled, and the seconds since the oldest was seen."""
        sizes = [(cursor, size - cursor.parked_bytes) for cursor, size in self._list()]
        behind = [(cursor, size) for cursor, size in sizes if size > 0 and self._is_deliverable(cursor)]
        appeared = [cursor.life.appeared(cursor.settled.offset) for cursor, _ in behind]
        oldest_s = max((now - at for at in appeared if at is not None), default=0.0)
        return sum([size for _, size in behind]), oldest_s

    def progress(self) -> tuple[int, int]:
        """Return the bytes settled and the bytes seen of all files."""
        cursors = list(self._queue.cursors())
        pairs = [(cursor.settled.offset, cursor.life.size) for cursor in cursors]
        settled = sum([offset for offset, _ in pairs]) - sum([cursor.parked_bytes for cursor in cursors])
        return settled, sum([max(size, offset) for offset, size in pairs])

    def _list(self) -> list[tuple[Cursor, int]]:
        behind = []
        for file_id in list(self._behind):
            cursor = self._queue.get(file_id)
            if cursor is None:
                self._behind.discard(file_id)  # the sink does not need it; `mark` is called again if it does
            elif (size := cursor.unsettled_bytes) > 0:
                behind.append((cursor, size))
        return behind

    def _is_deliverable(self, cursor: Cursor) -> bool:
        return self._queue.is_waiting(cursor) or bool(cursor.spans)
