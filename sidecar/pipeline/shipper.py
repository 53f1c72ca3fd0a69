"""Ships the lines of one pipeline to one sink: reads, processes, sends and commits in one loop.

One thread runs the loop, and each batch in flight has a separate thread. A checkpoint moves only when the sink has
stored or rejected every document before it. When the sink fails, the shipper drops the lines that it has read and
reads them again later, so an outage needs no memory.
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
from sidecar.deliver.sink_session import SinkSession
from sidecar.deliver.sink_status import SinkStatus
from sidecar.lib.clock import Clock
from sidecar.lib.crash import describe_crash
from sidecar.model.batch import Batch
from sidecar.model.checkpoint import ORIGIN, Checkpoint, KnownFile
from sidecar.model.lines import Chunk
from sidecar.model.span import PendingSpan
from sidecar.pipeline.accounting import settle
from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.chunk_processor import ChunkProcessor
from sidecar.pipeline.chunk_reader import ChunkReader
from sidecar.pipeline.committer import Committer
from sidecar.pipeline.parking import Parking
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.pipeline.stages import Stages, StageSelector
from sidecar.pipeline.tap import Taps
from sidecar.pipeline.target_breakers import TargetBreakers
from sidecar.sinks.contract import BulkEncodingSink, CompressingSink, Sink
from sidecar.state.ledger import Ledger
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry import events
from sidecar.telemetry.condition import is_down
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.telemetry.snapshot import ShipperStatus

_PARKED_RANGES_PER_STEP = 100

_MAX_IDLE_S = 10.0
"""Maximum seconds between two iterations of the loop. An idle shipper only shows that it is alive."""

_FILE_CHECK_S = 1.0
"""Seconds between two checks of the secrets and certificates of a sink that has failed."""


class Shipper(threading.Thread):
    """The loop of one pipeline and one sink.

    Only the shipper's own thread calls `run`, `run_once` and `finish`, which are the loop. Any thread may call the
    other public methods; none of them blocks.
    """

    # More than twenty methods, because half of them are requests of one line for other threads. More than fifteen
    # attributes, most of which are the modules of the shipper, each with one task.

    def __init__(
        self, pipeline: str, sink_name: str, sink: Sink, stages: StageSelector, limits: BatchLimits,
        tracker: FileTracker, ledger: Ledger, clock: Clock, emit: events.Emit, spawn: Spawn | None = None,
        heartbeats: Heartbeats | None = None, taps: Taps | None = None, counters: Counters | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name=f"{pipeline} to {sink_name}", daemon=True)
        self.pipeline, self.sink_name = pipeline, sink_name
        self.failed = False
        """Whether the thread has ended with an error."""

        self.counters = counters or Counters()
        self._context = context = SinkContext(pipeline, sink_name, clock, emit, self.counters)
        self._heartbeats = heartbeats or Heartbeats(clock)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        """Requests of other threads, which the shipper's thread executes."""

        self._is_draining = False
        self._is_handing_over = False
        self._stop_now = threading.Event()
        self._status = SinkStatus(context)
        self._queue = ReadQueue()
        self._backlog = Backlog(self._queue)
        self._ledger = ledger
        self._breakers = TargetBreakers(context, lambda targets: self._session.hold(targets))
        self._parking = Parking(self._breakers)
        self._committer = Committer(
            context, self._queue, self._backlog, ledger, self._status,
            lambda file_id, file: tracker.finish_generation(file_id, sink_name, file), self._parking,
        )  # fmt: skip
        self._reader = ChunkReader(sink_name, stages, self._queue, self._backlog, self._committer, tracker)
        self._compressing_sink = sink if isinstance(sink, CompressingSink) else None
        framing = sink.envelope if isinstance(sink, BulkEncodingSink) else None
        self._processor = ChunkProcessor(context, framing, taps or Taps(clock))
        self._session = SinkSession(context, sink, ledger, self._stop_now)
        self._sender = Sender(
            context, self._session, limits, self._status, self._inbox.put, self._on_delivered, spawn
        )
        self._batcher = Batcher(limits, self._session.learned_limit)

    # ── requests of other threads ───────────────────────────────────────────────────────────────────────────

    def on_growth(self, file: TrackedFile) -> None:
        """Read a file that has grown, was rotated, or has ended."""
        self._backlog.mark(file)
        self._inbox.put(partial(self._queue.notify, file))

    def follow(self, file: TrackedFile, checkpoint: Checkpoint) -> None:
        """Read a file from this checkpoint on."""
        self._inbox.put(partial(self._follow, file, checkpoint))

    def on_lost(self, known: KnownFile, reason: str) -> None:
        """Count as lost the unsettled bytes of a file that cannot be read any more."""
        self._inbox.put(partial(self._committer.add_lost, known, reason))

    def drain(self, give_up_at: float = float("inf")) -> None:
        """Deliver all content of the tracked files, then end.

        A sink that has failed is tried again at once, and once more just before `give_up_at`.
        """
        self._inbox.put(partial(self._start_draining, give_up_at))

    def hand_over(self) -> None:
        """Stop reading, deliver what was read, then end. Another shipper continues from the checkpoints."""
        self._inbox.put(self._start_handing_over)

    def stop(self) -> None:
        """Commit the settled spans and end now."""
        self._stop_now.set()
        self._inbox.put(lambda: None)

    def pending(self, sizes: Mapping[int, int] | None) -> queue.SimpleQueue[dict[int, int]]:
        """Request the result of `Backlog.pending`. Return a queue to which the shipper's thread adds it."""
        answer: queue.SimpleQueue[dict[int, int]] = queue.SimpleQueue()
        self._inbox.put(lambda: answer.put(self._backlog.pending(sizes)))
        return answer

    # ── status for other threads ────────────────────────────────────────────────────────────────────────────

    @property
    def delivered_at(self) -> float:
        """When a batch was last delivered, by the monotonic clock."""
        return self._sender.delivered_at

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of log in requests without a result."""
        return self._sender.in_flight_bytes

    @property
    def is_down(self) -> bool:
        """Whether the sink accepts nothing now."""
        return is_down(self._status.snapshot().state)

    def status(self, destination: str) -> ShipperStatus:
        """Return the status and the lag of the sink. `destination`: its server and index, as text for users."""
        sink = self._status.snapshot()
        lag_bytes, lag_s = self._backlog.lag(self._context.clock)
        return ShipperStatus(
            self.pipeline, self.sink_name, destination, sink.state, sink.since, sink.error, sink.error_class,
            lag_bytes, lag_s, self.in_flight_bytes, self.counters, self._parking.snapshot(),
            self._sender.in_flight, self._sender.max_in_flight, self._is_compressing,
        )  # fmt: skip

    def lag_of_file(self, file_id: int) -> float:
        """Return the age in seconds of the oldest unsettled line of a file; 0 if none can be delivered now."""
        return self._backlog.lag_of_file(file_id, self._context.clock)

    def unsettled(self) -> int:
        """Return the unsettled bytes of all tracked files."""
        return self._backlog.unsettled()

    def unreadable(self) -> int:
        """Return the unsettled bytes of the files whose last read failed."""
        return self._backlog.unreadable()

    def progress(self) -> tuple[int, int]:
        """Return the bytes settled and the bytes seen of all tracked files."""
        return self._backlog.progress()

    @property
    def is_drained(self) -> bool:
        """Whether the shipper was asked to drain, and all content of the tracked files is settled."""
        is_done = self._sender.is_idle and self._batcher.is_empty and self._committer.is_clean
        has_read_all = self._queue.is_done and self._parking.is_idle
        return self._is_draining and is_done and has_read_all and self._inbox.empty()

    @property
    def is_handed_over(self) -> bool:
        """Whether the shipper was asked to hand over, and everything that it has read is settled."""
        is_done = self._sender.is_idle and self._batcher.is_empty and not self._committer.has_settled_spans
        return self._is_handing_over and is_done

    # ── the loop ────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Run the loop until the shipper is drained, has handed over, or is stopped."""
        self._heartbeats.begin(self.name)
        try:
            while not (self._stop_now.is_set() or self.is_drained or self.is_handed_over):
                self.run_once(self.idle_s())
            self.finish()
        except Exception as error:  # a bug: the process exits with code 1
            self.failed = True
            self._context.emit(events.Crashed(self.name, describe_crash(error)))
        finally:
            self._heartbeats.end()
            self._session.close()

    def run_once(self, wait_s: float) -> None:
        """Run one step of the loop. Wait at most `wait_s` seconds for a request."""
        self._heartbeats.beat()
        self._drain_inbox(wait_s)
        self._queue.requeue_due(self._context.clock.monotonic())
        self._sender.end_pause_if_files_changed()
        self._parking.update()
        if self._may_read():
            self._process_chunk()
        if self._may_send():
            self._sender.send(self._batcher.take())
        if self._sender.report_failure():
            self._back_off()
        is_idle = not self._sender.in_flight
        self._committer.commit(force=is_idle and self._is_last_batch(), is_quiet=is_idle and self._batcher.is_empty)

    def finish(self) -> None:
        """After the loop has ended, execute the last requests and commit the settled spans."""
        self._drain_inbox(0)
        if self._committer.commit(force=True) and self.is_handed_over:
            for cursor in self._queue.rewind_ended():  # the next shipper will not be notified of these files
                self._committer.complete(cursor)
            self._committer.commit(force=True)

    def _drain_inbox(self, wait_s: float) -> None:
        while True:
            try:
                if wait_s > 0:
                    self._inbox.get(timeout=wait_s)()
                else:
                    self._inbox.get_nowait()()
            except queue.Empty:
                return
            wait_s = 0.0

    def idle_s(self) -> float:
        """Return how many seconds the loop may wait if no request arrives."""
        now = self._context.clock.monotonic()
        if pause := self._sender.read_pause(now):
            return pause
        if self._may_read() or self._may_send():
            return 0.0
        batch_due_at = self._batcher.due_at() if self._has_slot() else float("inf")
        retry_at = self._sender.due_at(now)
        check_at = min(retry_at, now + _FILE_CHECK_S) if retry_at < float("inf") else now + _MAX_IDLE_S
        due_at = min(
            self._queue.due_at(), batch_due_at, check_at, self._committer.due_at(now), self._breakers.due_at()
        )
        return max(0.001, due_at - now)

    def _may_read(self) -> bool:
        has_ready = self._parking.has_next or (self._queue.has_ready and not self._parking.is_full)
        is_wanted = has_ready and not self._batcher.is_full and not self._is_handing_over
        return is_wanted and self._is_available()

    def _may_send(self) -> bool:
        if self._batcher.is_empty or not self._is_available() or not self._has_slot():
            return False
        is_quiet = not (self._sender.in_flight or self._queue.has_ready or self._parking.has_next)
        quiet_since = self._sender.last_send_at if is_quiet else float("inf")
        now = self._context.clock.monotonic()
        return self._batcher.is_due(now, quiet_since=quiet_since, is_last=self._is_last_batch())

    def _has_slot(self) -> bool:
        return self._sender.has_slot(self._batcher.held_bytes)

    def _is_available(self) -> bool:
        # While the state cannot be written, nothing is read or sent. This limits the memory of uncommitted results.
        now = self._context.clock.monotonic()
        return self._sender.is_available(now) and self._committer.is_available(now)

    def _is_last_batch(self) -> bool:
        has_ready = self._parking.has_next or self._queue.has_ready
        return self._is_handing_over or (self._is_draining and not has_ready)

    def _process_chunk(self) -> None:
        if self._parking.has_next:
            self._process_parked()
            return
        found = self._reader.next_chunk(self._batcher)
        if found is not None:
            cursor, chunk, stages = found
            self._process(cursor.advance(chunk), chunk, stages)

    def _process(self, span: PendingSpan, chunk: Chunk, stages: Stages) -> None:
        self._add(self._processor.process(span, chunk, stages, compress=self._is_compressing))

    @property
    def _is_compressing(self) -> bool:
        compress = self._compressing_sink.compress if self._compressing_sink else False
        return compress is True or (compress == "auto" and self._sender.is_far)

    def _process_parked(self) -> None:
        """Read parked ranges again: several in one step, because most of them are short."""
        for _ in range(_PARKED_RANGES_PER_STEP):
            if not self._parking.has_next or self._batcher.is_full:
                return
            redelivery = self._parking.next()
            found = self._reader.read_again(redelivery, self._batcher)
            if found is None:
                self._parking.postpone(redelivery)
                continue
            chunk = found.chunk
            self._parking.put_back(redelivery, chunk.end)
            span = PendingSpan(chunk.offset, chunk.end, b"", parked_for=redelivery.parked.target)
            self._process(span, chunk, found.stages)

    def _add(self, part: BatchPart) -> None:
        if part.span.settled:
            self._add_settled([part])
        else:
            self._batcher.add(part, self._context.clock.monotonic())

    def _add_settled(self, parts: Sequence[BatchPart], resume_token: str | None = None) -> None:
        self._committer.add_settled([part.documents.generation.id for part in parts], resume_token)
        for part in parts:
            if part.span.parked_for is not None:
                self._committer.add_redelivered(part.documents.generation.id, part.span)

    def _back_off(self) -> None:
        """Drop unsettled lines and start the pause. The lines are read again after it, so they need no memory."""
        if self._committer.commit(force=True):
            self._batcher.clear()
            self._queue.rewind_all()
            self._parking.reset()
            self._sender.back_off()
            self._committer.add_undated(self._backlog.find_undated())

    def _on_delivered(self, parts: Sequence[BatchPart], batch: Batch, result: DeliveryResult) -> None:
        settle(parts, batch, result, self.pipeline, self.sink_name, self._context.clock.now())
        self._breakers.refuse(result.reasons)
        spans = [part.span for part in parts if not part.span.parked]
        self._breakers.accept({*result.stored_targets, *(span.parked_for for span in spans if span.parked_for)})
        self._add_settled(parts, result.resume_token)

    def _follow(self, file: TrackedFile, checkpoint: Checkpoint) -> None:
        if checkpoint.done:
            self._committer.finish(file.generation.id, file)
            return
        cursor = Cursor(file, checkpoint)
        if waiting := self._ledger.parked(file.generation.id, self.sink_name):
            cursor.resume(*waiting)
            self._parking.adopt(cursor)
        elif checkpoint == ORIGIN:
            self._committer.add_start(file)
        self._queue.add(cursor)
        self._backlog.mark(file)
        self._context.emit(events.FileFollowed(self.pipeline, file.name, checkpoint.offset))
        self._queue.notify(file)

    def _start_draining(self, give_up_at: float) -> None:
        self._is_draining = True
        self._queue.retry_all()
        self._sender.drain(give_up_at)
        self._breakers.retry_now()
        self._committer.end_pause()

    def _start_handing_over(self) -> None:
        self._is_handing_over = True
