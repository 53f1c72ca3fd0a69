"""Reads the next chunk of the files of one sink. Decides when to try a file again that has no chunk now."""

from __future__ import annotations

from typing import NamedTuple

from sidecar.deliver.batcher import Batcher
from sidecar.errors import StateError
from sidecar.model.checkpoint import Checkpoint
from sidecar.model.fingerprint import NO_TAIL
from sidecar.model.lines import Chunk
from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.committer import Committer
from sidecar.pipeline.parking import Redelivery
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.pipeline.stages import Stages, StageSelector
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import FileMoved, Truncated
from sidecar.tail.tracker import FileTracker


class ReadChunk(NamedTuple):
    """A chunk that was read, the cursor with which it was read, and the stages that it has to pass."""

    cursor: Cursor
    chunk: Chunk
    stages: Stages


class ChunkReader:
    """Reads chunks of the files in the read queue. Only the shipper's thread may use it."""

    def __init__(
        self, sink_name: str, stages: StageSelector, queue: ReadQueue, backlog: Backlog, committer: Committer,
        tracker: FileTracker,
    ) -> None:  # fmt: skip
        self._sink_name, self._stages = sink_name, stages
        self._queue, self._backlog, self._committer, self._tracker = queue, backlog, committer, tracker

    def next_chunk(self, batcher: Batcher) -> ReadChunk | None:
        """Return a chunk of the next file that fits into the batch; None if the file has none now."""
        cursor = self._queue.next()
        move_count = cursor.file.move_count
        try:
            found = None if cursor.file.ended else self._read(cursor, batcher)
            if found is not None:
                if not cursor.file.claim(found.chunk):
                    self._queue.enqueue(cursor)  # a boundary was recorded inside the chunk, so read it again
                    return None
                cursor.file.record_sending(found.chunk, cursor.crc_after)
        except Truncated:
            self._on_truncated(cursor, move_count)
            return None
        except FileMoved:
            return None  # the next scan finds the file and notifies the queue
        except StateError as error:
            self._committer.block(error)
            self._queue.enqueue(cursor)
            return None
        except OSError as error:
            self._on_read_error(cursor, error)
            return None
        self._tracker.unreadable.clear(cursor.file.name, self._sink_name)
        if found is None:
            self._on_no_chunk(cursor)
            return None
        self._queue.enqueue(cursor, is_being_read=True)
        return found

    def read_again(self, redelivery: Redelivery, batcher: Batcher) -> ReadChunk | None:
        """Return the next chunk of a parked range, which holds records to send again.

        Return None if it cannot be read now.
        """
        cursor, parked = redelivery.cursor, redelivery.parked
        move_count = cursor.file.move_count
        try:
            _check_unchanged(cursor)
            reading = Cursor(cursor.file, Checkpoint(parked.start, NO_TAIL), limit=parked.end)
            found = self._read(reading, batcher, 1 if redelivery.is_probe else None)
            _check_unchanged(cursor)  # the file may have been truncated during the read
        except Truncated:
            self._on_truncated(cursor, move_count)
        except FileMoved:
            pass  # the next scan finds the file
        except StateError as error:
            self._committer.block(error)
        except OSError as error:
            self._tracker.unreadable.record(cursor.file.name, error, self._sink_name)
        else:
            return found
        return None

    def _read(self, cursor: Cursor, batcher: Batcher, max_records: int | None = None) -> ReadChunk | None:
        stages = self._stages.select(cursor)
        if stages is None:
            return None
        overhead = stages.finisher.document_overhead(cursor.file.generation)
        chunk = stages.reader.next_chunk(cursor, max_records or batcher.max_chunk_records(overhead))
        return None if chunk is None else ReadChunk(cursor, chunk, stages)

    def _on_no_chunk(self, cursor: Cursor) -> None:
        self._backlog.refresh(cursor)
        if cursor.is_searching and not cursor.file.ended:
            self._queue.enqueue(cursor)  # the search for a line end was interrupted to read other files
        elif cursor.due is not None and not cursor.file.ended:
            self._queue.defer(cursor, cursor.due)
        else:
            self._committer.complete(cursor)

    def _on_read_error(self, cursor: Cursor, error: OSError) -> None:
        cursor.file.close_if_idle()  # a stale handle (ESTALE) remains stale until the file is opened again
        self._queue.retry(cursor, self._tracker.unreadable.record(cursor.file.name, error, self._sink_name))

    def _on_truncated(self, cursor: Cursor, move_count: int) -> None:
        retry_at = None
        try:
            retry_at = self._tracker.handle_truncation(cursor.file, move_count)
        except StateError as error:
            self._committer.block(error)
        if retry_at is None:
            self._queue.enqueue(cursor)
        else:
            self._queue.retry(cursor, retry_at)


def _check_unchanged(cursor: Cursor) -> None:
    """Raise `Truncated` if the bytes before the settled position have changed."""
    length = cursor.settled.tail.length
    if not cursor.settled.tail.matches(cursor.file.pread(length, cursor.settled.offset - length)):
        raise Truncated
