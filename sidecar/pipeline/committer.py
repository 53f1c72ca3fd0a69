"""Commits the results of deliveries to the state: checkpoints, dead letters, byte counts, and finished files."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import NamedTuple

from msgspec.structs import replace

from sidecar.deliver.context import SinkContext
from sidecar.deliver.sink_status import SinkStatus
from sidecar.errors import StateError
from sidecar.lib.clock import Clock
from sidecar.model.checkpoint import ORIGIN, Checkpoint, CheckpointUpdate, KnownFile
from sidecar.model.counts import ByteCounts
from sidecar.model.fingerprint import NO_TAIL
from sidecar.model.span import ParkedRange, PendingSpan, cut_ranges, join_ranges
from sidecar.pipeline.backlog import Backlog, find_waiting_since
from sidecar.pipeline.parking import Parking
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.state.ledger import Ledger
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile
from sidecar.telemetry import events
from sidecar.telemetry.counters import add

COMMIT_EVERY_S = 1.0

QUIET_COMMIT_EVERY_S = 0.75
"""Seconds between two commits if nothing is in flight. So a lone line is committed when its result arrives, and the
shipper does not wake once more for it."""

OnFinished = Callable[[int, TrackedFile | None], None]
"""Function that is called when the sink has finished a generation (the content of a file). Arguments: the id of the
generation, and its file, or None if it is not tracked. After a `StateError`, the call is repeated."""


class Committer:
    """Collects settled spans and commits them about once a second. Only the shipper's thread may use it."""

    # More than fifteen attributes: each is one kind of change that the next commit contains, or what it needs.

    def __init__(
        self, context: SinkContext, queue: ReadQueue, backlog: Backlog, ledger: Ledger, status: SinkStatus,
        on_finished: OnFinished, parking: Parking,
    ) -> None:  # fmt: skip
        self._context, self._queue, self._backlog = context, queue, backlog
        self._ledger, self._parking = ledger, parking
        self._status, self._on_finished = status, on_finished
        self._is_durable = True
        """Whether the last commit succeeded."""

        self._retry_at = float("-inf")
        self._last_commit_at = context.clock.monotonic()
        self._settled_files: set[int] = set()
        self._undated_files: set[int] = set()
        """Files whose next checkpoint only records since when their first unsettled line waits."""

        self._redelivered: defaultdict[int, list[PendingSpan]] = defaultdict(list)
        """Generation id → settled spans that were parked and have been sent again."""

        self._resume_token: str | None = None
        self._pending_updates: list[CheckpointUpdate] = []
        self._after_commit: deque[Callable[[], None]] = deque()
        """Functions to call after the next commit that succeeds."""

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self._settled_files or self._undated_files or self._pending_updates or self._after_commit)

    @property
    def has_settled_spans(self) -> bool:
        """Whether settled spans wait for a commit."""
        return bool(self._settled_files)

    def is_available(self, now: float) -> bool:
        """Return whether the state can be written. While it cannot, the shipper neither reads nor sends."""
        return self._is_durable and now >= self._retry_at

    def due_at(self, now: float) -> float:
        """Return when to commit next, or when to retry a failed commit; infinity if there is nothing to commit."""
        commit_at = float("inf") if self.is_clean else self._last_commit_at + COMMIT_EVERY_S
        return min(commit_at, self._retry_at) if self._retry_at > now else commit_at

    def block(self, error: StateError) -> None:
        """Report that the state cannot be written, and pause before the next attempt."""
        self._status.block(error)
        self._retry_at = self._context.clock.monotonic() + COMMIT_EVERY_S

    def end_pause(self) -> None:
        """Allow an attempt to write the state now."""
        self._retry_at = min(self._retry_at, self._context.clock.monotonic())

    def add_settled(self, file_ids: Iterable[int], resume_token: str | None = None) -> None:
        """Include the settled spans of these files in the next commit, and the resume token of the sink if given."""
        self._settled_files.update(file_ids)
        self._resume_token = resume_token or self._resume_token

    def add_undated(self, file_ids: Iterable[int]) -> None:
        """Include in the next commit since when the first unsettled line of these files waits."""
        self._undated_files.update(file_ids)

    def add_start(self, file: TrackedFile) -> None:
        """Include a checkpoint of this file at offset 0 in the next commit."""
        # Sinks that are added to the pipeline later have no checkpoint for this file.
        self._pending_updates.append(CheckpointUpdate(file.generation.id, ORIGIN, 0, ByteCounts()))

    def add_redelivered(self, file_id: int, span: PendingSpan) -> None:
        """Include a settled span of parked records of this file in the next commit."""
        self._settled_files.add(file_id)
        self._redelivered[file_id].append(span)

    def add_lost(self, known: KnownFile, reason: str) -> None:
        """Finish a generation that cannot be read any more. Count its unsettled bytes as lost.

        A sink without a checkpoint loses nothing, because it was added after the content had become unreadable.
        """
        checkpoint = known.checkpoints.get(self._context.sink)
        if checkpoint and not checkpoint.done:
            lost = max(0, known.seen - checkpoint.offset)
            if waiting := self._ledger.parked(known.generation.id, self._context.sink):
                position, parked = waiting
                lost = max(0, known.seen - position.offset) + sum(item.end - item.start for item in parked)
            self._add_final(known.generation.id, known.name, max(known.seen, checkpoint.offset), lost, reason)
        self.finish(known.generation.id, None)

    def finish(self, file_id: int, file: TrackedFile | None) -> None:
        """Call `on_finished` for this generation after the next commit."""
        self._after_commit.append(partial(self._on_finished, file_id, file))

    def complete(self, cursor: Cursor) -> None:
        """Finish a generation that has ended or was rotated, if the sink has settled all that can be read of it.

        Count bytes that can no longer be read as lost.
        """
        file, file_id = cursor.file, cursor.file.generation.id
        is_read = bool(file.ended) or (file.may_finish and cursor.offset >= file.size and not cursor.parked)
        if cursor.spans or not is_read or self._queue.get(file_id) is None:
            return
        lost = max(0, file.seen - cursor.settled.offset) + cursor.parked_bytes
        self._queue.remove(cursor)
        self._parking.forget(cursor)
        if lost:
            self._add_final(file_id, file.name, file.seen, lost, file.ended or "truncated")
        self.finish(file_id, file)

    def commit(self, *, force: bool = False, is_quiet: bool = False) -> bool:
        """Commit the settled spans if a commit is due or `force` is set. Return whether all are durable now.

        `is_quiet`: nothing is in flight, so a commit may be early.
        """
        if self.is_clean:
            return True
        now = self._context.clock.monotonic()
        if not force and now - self._last_commit_at < (QUIET_COMMIT_EVERY_S if is_quiet else COMMIT_EVERY_S):
            return False
        self._last_commit_at = now
        advances = list(self._list_advances())
        if not self._write([*self._pending_updates, *(advance.update for advance in advances)]):
            return False
        self._pending_updates.clear()
        self._settled_files.clear()
        self._undated_files.clear()
        self._parking.release(sum(map(len, self._redelivered.values())))
        self._redelivered.clear()
        for advance in advances:
            self._move_checkpoint(advance)
        if self._pending_updates:
            return True  # `complete` has added final checkpoints, which the next commit writes
        return self._run_after_commit()

    def _list_advances(self) -> Iterator[_Advance]:
        for file_id in self._settled_files | self._undated_files:
            if (cursor := self._queue.get(file_id)) is None:
                continue
            spans, redelivered = cursor.settled_prefix(), self._redelivered.get(file_id, [])
            if spans or redelivered or file_id in self._undated_files:
                yield _advance(cursor, spans, redelivered, self._context.clock)

    def _write(self, updates: Sequence[CheckpointUpdate]) -> bool:
        context = self._context
        try:
            dropped = self._ledger.commit(context.pipeline, context.sink, updates, self._resume_token)
        except StateError as error:
            self._is_durable = False
            self.block(error)
            return False
        self._is_durable = True
        for update in updates:
            context.counters.add_settled(update.amounts.bytes_, update.amounts.lines)
            for letter in update.dead_letters:
                add(context.counters.refusals, letter.kind, 1)
        if dropped:
            context.counters.dead_letters_dropped += dropped
            context.emit(events.DeadLettersDropped(context.pipeline, context.sink, dropped))
        return True

    def _move_checkpoint(self, advance: _Advance) -> None:
        cursor, update = advance.cursor, advance.update
        if advance.spans:
            cursor.settle(advance.spans)
        cursor.parked, cursor.parked_from = advance.parked, update.checkpoint if advance.parked else None
        cursor.set_waiting_since(update.checkpoint.waiting_since)
        cursor.file.settled[self._context.sink] = cursor.checkpoint
        cursor.file.recorded = max(cursor.file.recorded, update.seen)
        self._parking.note(cursor)
        self._backlog.refresh(cursor)
        self.complete(cursor)

    def _run_after_commit(self) -> bool:
        try:
            while self._after_commit:
                self._after_commit[0]()
                self._after_commit.popleft()
        except StateError as error:
            self.block(error)
            return False
        self._status.unblock()
        return True

    def _add_final(self, file_id: int, path: str, size: int, lost: int, reason: str) -> None:
        """Add the final checkpoint of a generation of `size` bytes, of which `lost` can no longer be read."""
        amounts = ByteCounts()
        if lost:
            amounts.add(f"lost:{reason}", lost, 0)
            self._context.emit(events.BytesLost(self._context.pipeline, self._context.sink, path, lost, reason))
        self._pending_updates.append(CheckpointUpdate(file_id, Checkpoint(size, NO_TAIL, done=True), size, amounts))


class _Advance(NamedTuple):
    """What the next commit changes for one file: its checkpoint, settled spans and parked ranges."""

    cursor: Cursor
    spans: Sequence[PendingSpan]
    parked: list[ParkedRange]
    """All ranges of the file that are parked after the commit."""

    update: CheckpointUpdate


def _advance(
    cursor: Cursor, spans: Sequence[PendingSpan], redelivered: Sequence[PendingSpan], clock: Clock
) -> _Advance:
    amounts = ByteCounts()
    for span in (*spans, *redelivered):
        amounts.merge(span.amounts)
    letters = [letter for span in (*spans, *redelivered) for letter in span.dead_letters]
    parked = _list_parked(cursor, spans, redelivered)
    position = cursor.checkpoint_after(spans) if spans else cursor.settled
    checkpoint = replace(
        _checkpoint(cursor, spans) if parked else position,
        waiting_since=find_waiting_since(cursor, position.offset, clock),
    )
    before, after = set(cursor.parked), set(parked)
    update = CheckpointUpdate(
        cursor.file.generation.id, checkpoint, cursor.file.seen, amounts,
        letters, position if parked else None, list(after - before), list(before - after),
    )  # fmt: skip
    return _Advance(cursor, spans, parked, update)


def _list_parked(
    cursor: Cursor, spans: Sequence[PendingSpan], redelivered: Sequence[PendingSpan]
) -> list[ParkedRange]:
    parked = cut_ranges(cursor.parked, [(span.start, span.end) for span in redelivered])
    added = [item for span in (*spans, *redelivered) for item in span.parked]
    return join_ranges([*parked, *added]) if added else parked


def _checkpoint(cursor: Cursor, spans: Sequence[PendingSpan]) -> Checkpoint:
    """Return the checkpoint of a file with parked records: before the first one. It moves when none is left."""
    if cursor.parked_from is not None:
        return cursor.parked_from
    clean = list(takewhile(lambda span: not span.parked, spans))
    return cursor.checkpoint_after(clean) if clean else cursor.settled
