"""One pipeline × one sink: the rooms joined, in the order in which a line passes through them.

One thread reads, decodes, parses and finishes; each batch that is under way has a thread of its own. Positions
move only by what became of a batch, and a destination that takes nothing makes the shipper drop what it holds
and read again later, so that it costs lag and no memory.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sidecar.deliver.batcher import Batcher, BatchLimits, BatchPart
from sidecar.deliver.context import SinkContext
from sidecar.deliver.retry import DeliveryResult
from sidecar.deliver.sender import Sender, Spawn
from sidecar.deliver.sink_status import SinkStatus
from sidecar.errors import StateError
from sidecar.lib.clock import Clock
from sidecar.model.batch import Batch
from sidecar.model.checkpoint import Checkpoint, KnownFile
from sidecar.model.documents import EncodedDocuments
from sidecar.model.lines import Chunk
from sidecar.pipeline.accounting import count_skipped, count_undecodable, settle
from sidecar.pipeline.committer import Committer
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.pipeline.stages import Stages
from sidecar.sinks.contract import BulkEncodingSink, Sink
from sidecar.state.ledger import Ledger
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import FileMoved, TrackedFile, Truncated
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry import events
from sidecar.telemetry.counters import Counters, add
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.telemetry.snapshot import ShipperStatus


class Shipper(threading.Thread):
    """The loop of one pipeline × one sink. Public methods may be called from other threads; none of them blocks."""

    def __init__(
        self, pipeline: str, sink_name: str, sink: Sink, rooms: Stages, limits: BatchLimits, follower: FileTracker,
        ledger: Ledger, clock: Clock, emit: events.Emit, spawn: Spawn | None = None,
        heartbeats: Heartbeats | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name=f"{pipeline} to {sink_name}", daemon=True)
        self.pipeline, self.sink_name = pipeline, sink_name
        self.failed = False
        self._rooms = rooms
        self._follower, self._clock, self._emit = follower, clock, emit
        self._heartbeats = heartbeats or Heartbeats(clock)
        self._at_once = threading.Event()
        self._draining = False
        self._retiring = False
        self._envelope = sink.envelope if isinstance(sink, BulkEncodingSink) else None
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._queue = ReadQueue()
        self.tally = Counters()
        context = SinkContext(pipeline, sink_name, clock, emit, self.tally)
        self._status = SinkStatus(context)
        self._committer = Committer(
            context, self._queue, ledger, self._status,
            lambda file_id, file: follower.through(file_id, sink_name, file),
        )  # fmt: skip
        self._sender = Sender(
            context, sink, limits.concurrency, ledger, self._status, self._at_once, self._inbox.put, self._delivered,
            spawn,
        )  # fmt: skip
        self._batcher = Batcher(limits, lambda: self._sender.writer.limit)

    def has_news(self, life: TrackedFile) -> None:
        """The life has grown, is closing, or has ended."""
        self._queue.mark_behind(life)
        self._inbox.put(partial(self._queue.notify, life))

    def adopt(self, life: TrackedFile, checkpoint: Checkpoint, *, skipped: int = 0) -> None:
        """Follow this life from the checkpoint on."""
        self._inbox.put(partial(self._adopt, life, checkpoint, skipped))

    def missing(self, remembered: KnownFile, reason: str) -> None:
        """What the sink has not had of this generation cannot be read any more."""
        self._inbox.put(partial(self._committer.add_lost, remembered, reason))

    def drain(self, give_up_at: float = float("inf")) -> None:
        """End when everything that is known is settled. A sink that fails is tried again at once, whatever its
        back-off, and once more just before `give_up_at`."""
        self._inbox.put(partial(self._start_draining, give_up_at))

    def retire(self) -> None:
        """End when what is held is settled, and read nothing more: another shipper goes on from the checkpoints."""
        self._inbox.put(self._start_retiring)

    def stop(self) -> None:
        """Checkpoint and end now."""
        self._at_once.set()
        self._inbox.put(lambda: None)

    @property
    def delivered_at(self) -> float:
        """Return when a batch was last delivered, by the monotonic clock."""
        return self._sender.delivered_at

    @property
    def is_down(self) -> bool:
        """Whether the destination took nothing when it was last tried."""
        return self._status.is_down

    def facts(self, destination: str) -> ShipperStatus:
        """What there is to know of it, read without a pause of its work."""
        now = self._clock.monotonic()
        state = self._status.snapshot()
        lag_bytes, lag_s = self._queue.lag(now)
        return ShipperStatus(
            self.pipeline, self.sink_name, destination,
            state=state.state, since=state.since, error=state.error, error_class=state.error_class,
            lag_bytes=lag_bytes, lag_s=lag_s,
            in_flight_bytes=self._sender.in_flight_bytes, tally=self.tally,
        )  # fmt: skip

    def unsettled(self) -> int:
        """Bytes that were seen of the files that are followed now, and are not settled."""
        return self._queue.unsettled()

    def unreadable(self) -> int:
        """Return the bytes that are not settled of files whose last read failed."""
        return self._queue.unreadable()

    def owed(self, sizes: Mapping[int, int] | None) -> queue.SimpleQueue[dict[int, int]]:
        """Asks what can be delivered and is not yet: generation → size up to which it is wanted.

        `sizes` is an earlier answer, which this one is a part of; None asks for all that is there now.
        """
        answer: queue.SimpleQueue[dict[int, int]] = queue.SimpleQueue()
        self._inbox.put(lambda: answer.put(self._queue.pending(sizes)))
        return answer

    def progress(self) -> tuple[int, int]:
        """(bytes settled, bytes seen) of all files that are followed now."""
        return self._queue.progress()

    def run(self) -> None:
        """The loop: listen, read, send, commit; until drained or stopped."""
        self._heartbeats.begin(self.name)
        try:
            while not (self._at_once.is_set() or self.is_drained or self.is_retired):
                self.turn(self._idle_for())
            self.conclude()
        except Exception as error:  # the thread's last resort: said aloud, and the process ends with code 1
            self.failed = True
            self._emit(events.Crashed(self.name, events.describe_crash(error)))
        finally:
            self._heartbeats.end()
            self._sender.close()

    def turn(self, patience: float) -> None:
        """Once around the loop. Waits at most `patience` seconds for something to do."""
        self._heartbeats.beat()
        self._listen(patience)
        self._queue.requeue_due(self._clock.monotonic())
        self._read()
        self._send()
        self._retreat()
        self._commit()

    def conclude(self) -> None:
        """The last turn of all: take in what was said meanwhile, and make it durable."""
        while True:
            try:
                self._inbox.get_nowait()()
            except queue.Empty:
                break
        if self._committer.commit(force=True) and self.is_retired:
            for cursor in self._queue.rewind_ended():  # the next shipper is not told of them any more
                self._committer.complete(cursor)
            self._committer.commit(force=True)

    @property
    def is_drained(self) -> bool:
        """Whether it was asked to drain and everything that is known is settled."""
        is_done = self._sender.is_idle and self._batcher.is_empty and self._committer.is_clean
        return self._draining and is_done and self._queue.is_done and self._inbox.empty()

    @property
    def is_retired(self) -> bool:
        """Whether it was asked to retire and holds nothing any more."""
        is_done = self._sender.is_idle and self._batcher.is_empty and not self._committer.has_settled_spans
        return self._retiring and is_done

    # ── listen ──────────────────────────────────────────────────────────────────────────────────────────────

    def _listen(self, timeout: float) -> None:
        """Take in what others said; wait for it when there is nothing else to do."""
        while True:
            try:
                if timeout > 0:
                    self._inbox.get(timeout=timeout)()
                else:
                    self._inbox.get_nowait()()
            except queue.Empty:
                return
            timeout = 0.0

    def _idle_for(self) -> float:
        """Seconds until there is something to do without being told."""
        now = self._clock.monotonic()
        if pause := self._sender.read_pause(now):
            return pause
        if self._may_read() or self._is_due(now):
            return 0.0
        moments = [now + 1.0, self._committer.due_at(now), self._queue.due_at()]
        if self._sender.has_slot:
            moments.append(self._batcher.due_at())
        if self._sender.pause.ends_at > now:
            moments.append(self._sender.pause.ends_at)
        return max(0.001, min(moments) - now)

    def _adopt(self, life: TrackedFile, checkpoint: Checkpoint, skipped: int) -> None:
        if checkpoint.done:
            self._committer.finish(life.generation.id, life)
            return
        self._queue.add(Cursor(life, checkpoint))
        if skipped:
            self._committer.add_skipped(life, checkpoint, skipped)
        self._emit(events.FileFollowed(self.pipeline, life.name, checkpoint.offset))
        self._queue.notify(life)

    def _start_draining(self, give_up_at: float) -> None:
        self._draining = True
        self._queue.retry_all()
        self._sender.pause.drain(self._clock.monotonic(), give_up_at)
        self._committer.end_pause()

    def _start_retiring(self) -> None:
        self._retiring = True

    # ── read ────────────────────────────────────────────────────────────────────────────────────────────────

    def _may_read(self) -> bool:
        return self._queue.has_ready and not self._batcher.is_full and not self._retiring and self._is_available()

    def _is_available(self) -> bool:
        """What cannot be committed must not grow, so nothing is read or sent while the state fails."""
        now = self._clock.monotonic()
        return self._sender.is_available(now) and self._committer.is_available(now)

    def _read(self) -> None:
        """One chunk of the next file that has news."""
        if not self._may_read():
            return
        cursor = self._queue.next()
        moves = cursor.life.moves
        try:
            chunk = None if cursor.life.ended else self._next_chunk(cursor)
            if chunk is not None:
                if not cursor.life.take(chunk):
                    self._queue.enqueue(cursor)
                    return
                cursor.life.cover(chunk)
        except Truncated:
            self._not_what_it_was(cursor, moves)
            return
        except FileMoved:
            return  # the next look finds it, and tells
        except StateError as error:
            self._committer.block(error)
            self._queue.enqueue(cursor)
            return
        except OSError as error:
            self._read_failed(cursor, error)
            return
        self._follower.unreadable.clear(cursor.life.name, self.sink_name)
        if chunk is None:
            self._queue.refresh_behind(cursor)
            self._wait_or_complete(cursor)
            return
        self._queue.enqueue(cursor)
        self._take(cursor, chunk)

    def _next_chunk(self, cursor: Cursor) -> Chunk | None:
        overhead = self._rooms.finisher.overhead(cursor.life.generation)
        return self._rooms.reader.next_chunk(cursor, self._batcher.max_chunk_records(overhead))

    def _wait_or_complete(self, cursor: Cursor) -> None:
        if cursor.life.ended:
            self._committer.complete(cursor)
        elif cursor.searching:
            self._queue.enqueue(cursor)
        elif cursor.due is not None:
            self._queue.defer(cursor, cursor.due)
        else:
            self._committer.complete(cursor)

    def _read_failed(self, cursor: Cursor, error: OSError) -> None:
        """Pause the reading of this file; the others are not affected."""
        cursor.life.park()  # a stale handle (ESTALE) stays stale until the file is opened again
        self._queue.retry(cursor, self._follower.unreadable.record(cursor.life.name, error, self.sink_name))

    def _not_what_it_was(self, cursor: Cursor, moves: int) -> None:
        try:
            self._follower.truncated(cursor.life, moves)
        except StateError as error:
            self._committer.block(error)
        self._queue.enqueue(cursor)

    def _take(self, cursor: Cursor, chunk: Chunk) -> None:
        lines, records, documents = self._rooms.documents(chunk)
        self.tally.bytes_read += chunk.end - chunk.offset
        self.tally.lines_read += lines.count
        self.tally.unparsed += len(records.errors)
        self.tally.parse_timeouts += records.timeouts
        self.tally.undecodable += lines.replacement_count
        part = BatchPart(documents, lines.ranges(), cursor.took(chunk), len(chunk.data))
        count_skipped(part.span, records)
        if records.failures:
            self._tell_faults(records.failures)
        if refused := records.lines.invalid:
            part.documents = count_undecodable(part, refused, self.pipeline, self.sink_name, self._clock.now())
        if len(part.documents):
            if self._envelope:
                part.documents = EncodedDocuments.of(part.documents, self._envelope)
            self._batcher.add(part, self._clock.monotonic())
        else:
            part.span.settled = True
            self._committer.add_settled([chunk.generation.id])

    def _tell_faults(self, faults: Mapping[str, int]) -> None:
        """Each transform is told of once, and counted always."""
        for name, count in faults.items():
            if name not in self.tally.transform_errors:
                self._emit(events.TransformFailed(self.pipeline, name, count))
            add(self.tally.transform_errors, name, count)

    # ── send ────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_due(self, now: float) -> bool:
        if self._batcher.is_empty or not self._is_available() or not self._sender.has_slot:
            return False
        is_quiet = not self._sender.in_flight and not self._queue.has_ready
        return self._batcher.is_due(
            now, quiet_since=self._sender.last_send_at if is_quiet else float("inf"), is_last=self._is_ending()
        )

    def _is_ending(self) -> bool:
        """Whether nothing more will be read."""
        return self._retiring or (self._draining and not self._queue.has_ready)

    def _send(self) -> None:
        if self._is_due(self._clock.monotonic()):
            self._sender.send(self._batcher.take())

    def _delivered(self, parts: Sequence[BatchPart], batch: Batch, result: DeliveryResult) -> None:
        settle(parts, batch, result, self.pipeline, self.sink_name, self._clock.now())
        self._committer.add_settled([part.documents.generation.id for part in parts], result.receipt)

    def _retreat(self) -> None:
        """After a failure: when nothing is under way any more, drop what is held and read it again later."""
        if not self._sender.report_failure() or not self._committer.commit(force=True):
            return
        self._batcher.clear()
        self._queue.rewind_all()
        self._sender.back_off()

    # ── commit ──────────────────────────────────────────────────────────────────────────────────────────────

    def _commit(self) -> None:
        """Make durable what is settled, at most once a second, or now if nothing else is left to do."""
        self._committer.commit(force=self._is_ending() and not self._sender.in_flight)
