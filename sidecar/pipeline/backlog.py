"""Measures the backlog of one sink: bytes of its files that were seen on disk and are not settled."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.lib.clock import Clock
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

    def lag(self, clock: Clock) -> tuple[int, float]:
        """Return how many unsettled bytes can be delivered now, and the age in seconds of their oldest line."""
        sizes = [(cursor, size - cursor.parked_bytes) for cursor, size in self._list()]
        behind = [(cursor, size) for cursor, size in sizes if size > 0 and self._is_deliverable(cursor)]
        oldest_s = max((_age_of_first_line(cursor, clock) for cursor, _ in behind), default=0.0)
        return sum([size for _, size in behind]), oldest_s

    def lag_of_file(self, file_id: int, clock: Clock) -> float:
        """Return the age in seconds of the oldest unsettled line of a file; 0 if none can be delivered now."""
        cursor = self._queue.get(file_id)
        if cursor is None or cursor.unsettled_bytes <= cursor.parked_bytes or not self._is_deliverable(cursor):
            return 0.0
        return _age_of_first_line(cursor, clock)

    def find_undated(self) -> list[int]:
        """Return the files of which only this process knows how long the first unsettled line has been waiting."""
        return [
            cursor.file.generation.id
            for cursor, _ in self._list()
            if cursor.first_unsettled_time is None and cursor.waiting_since is None and not cursor.file.ended
        ]

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


def _age_of_first_line(cursor: Cursor, clock: Clock) -> float:
    """Return the age of the first unsettled line: by its timestamp, else by the time when it was written or seen."""
    since = cursor.first_unsettled_time
    if since is None:
        since = find_waiting_since(cursor, cursor.settled.offset, clock)
    return 0.0 if since is None else max(0.0, clock.now() - since)


def find_waiting_since(cursor: Cursor, offset: int, clock: Clock) -> float | None:
    """Return since when the line at `offset` waits, in seconds since the epoch; None if there is no line.

    It was written or first seen then, in this run or, if a checkpoint has recorded that, in an earlier one.
    """
    recorded = cursor.waiting_since if offset == cursor.settled.offset else None
    written_at = cursor.file.find_written_at(offset)
    if written_at is None:
        return recorded
    since = clock.now() - (clock.monotonic() - written_at)
    return since if recorded is None else min(recorded, since)
