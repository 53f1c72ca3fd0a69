"""Measures the backlog of one sink: bytes of its files that were seen on disk and are not settled."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.pipeline.read_queue import ReadQueue
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile


class Backlog:
    """Adds up the unsettled bytes of the files of a `ReadQueue`.

    Only the shipper's thread may call `refresh` and `pending`; any thread may call the other methods.
    """

    def __init__(self, queue: ReadQueue) -> None:
        self._queue = queue
        self._behind: set[int] = set()
        """Ids of the generations (contents of files) that may have unsettled bytes. Only these are added up."""

    def mark(self, file: TrackedFile) -> None:
        """Record that a file may have unsettled bytes."""
        self._behind.add(file.generation.id)

    def refresh(self, cursor: Cursor) -> None:
        """Record whether a file has unsettled bytes now."""
        # In this order, because the thread of the tracker may call `mark` between the two lines.
        self._behind.discard(cursor.file.generation.id)
        if cursor.settled.offset < cursor.file.size or cursor.parked:
            self._behind.add(cursor.file.generation.id)

    def pending(self, sizes: Mapping[int, int] | None) -> dict[int, int]:
        """Return generation id → size of each file that has content to deliver.

        `sizes`: an earlier result of this method. If given, return only its entries whose bytes are not all settled.
        """
        pending: dict[int, int] = {}
        for cursor in self._queue.cursors():
            file_id = cursor.file.generation.id
            wanted = cursor.file.size if sizes is None else sizes.get(file_id, 0)
            if self._is_deliverable(cursor) and cursor.settled.offset < wanted:
                pending[file_id] = wanted
        return pending

    def unsettled(self) -> int:
        """Return the unsettled bytes of all files."""
        return sum([size for _, size in self._list()])

    def unreadable(self) -> int:
        """Return the unsettled bytes of the files whose last read failed."""
        return sum([size for cursor, size in self._list() if self._queue.has_failed(cursor)])

    def lag(self, now: float) -> tuple[int, float]:
        """Return how many unsettled bytes can be delivered now, and how many seconds ago the oldest was seen."""
        sizes = [(cursor, size - cursor.parked_bytes) for cursor, size in self._list()]
        behind = [(cursor, size) for cursor, size in sizes if size > 0 and self._is_deliverable(cursor)]
        first_seen = [cursor.file.find_first_seen(cursor.settled.offset) for cursor, _ in behind]
        oldest_s = max((now - at for at in first_seen if at is not None), default=0.0)
        return sum([size for _, size in behind]), oldest_s

    def progress(self) -> tuple[int, int]:
        """Return the bytes settled and the bytes seen of all files."""
        cursors = list(self._queue.cursors())
        pairs = [(cursor.settled.offset, cursor.file.size) for cursor in cursors]
        settled = sum([offset for offset, _ in pairs]) - sum([cursor.parked_bytes for cursor in cursors])
        return settled, sum([max(size, offset) for offset, size in pairs])

    def _list(self) -> list[tuple[Cursor, int]]:
        behind = []
        for file_id in list(self._behind):
            cursor = self._queue.get(file_id)
            if cursor is None:
                self._behind.discard(file_id)  # the sink does not read the file; if it does later, `mark` is called
            elif (size := cursor.unsettled_bytes) > 0:
                behind.append((cursor, size))
        return behind

    def _is_deliverable(self, cursor: Cursor) -> bool:
        return self._queue.is_waiting(cursor) or bool(cursor.spans)
