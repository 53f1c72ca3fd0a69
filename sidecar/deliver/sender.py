"""Sends batches to one sink, each in a separate thread, and pauses after a batch that failed as a whole."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from sidecar.deliver.backoff import RetryPause
from sidecar.deliver.batcher import BatchLimits, BatchPart
from sidecar.deliver.context import SinkContext
from sidecar.deliver.delivery_threads import DeliveryThreads, Task
from sidecar.deliver.retry import DeliveryResult
from sidecar.deliver.sink_session import SinkSession
from sidecar.deliver.sink_status import SinkStatus
from sidecar.deliver.workers import NEAR_S, WorkerLimit
from sidecar.errors import DeliveryError
from sidecar.model.batch import Batch
from sidecar.telemetry import events

READ_PAUSE_AFTER_SEND_S = NEAR_S
"""Seconds for which reading pauses after a batch is sent to a sink that answers quickly, so that reader and sender do
not compete for the interpreter lock. Then reading continues even if the sink has not answered."""

Spawn = Callable[[Task], None]
"""Function that runs a task without waiting for it."""

OnDelivered = Callable[[Sequence[BatchPart], Batch, DeliveryResult], None]
"""Function that is called with each batch whose documents are all stored, rejected or postponed."""


class Sender:
    """Owns the batches in flight to one sink. The shipper's thread calls all methods.

    `post` makes the shipper's thread run a task. By default `spawn` runs each batch in a thread.
    """

    def __init__(
        self, context: SinkContext, session: SinkSession, limits: BatchLimits, status: SinkStatus,
        post: Callable[[Task], None], on_delivered: OnDelivered, spawn: Spawn | None = None,
    ) -> None:  # fmt: skip
        self._context, self._session, self._limits, self._status = context, session, limits, status
        self._workers = WorkerLimit(limits.concurrency, limits.max_concurrency or limits.concurrency)
        self._post, self._on_delivered = post, on_delivered
        self._spawn = spawn or DeliveryThreads(f"{context.pipeline} to {context.sink} (batch)").run
        self._pause = RetryPause()
        self.delivered_at = context.clock.monotonic()
        self.last_send_at = float("-inf")
        self.in_flight = 0
        self.in_flight_bytes = 0
        """Bytes of log in the batches in flight."""

        self._held_bytes = 0
        """Bytes of memory of the documents in flight."""

        self._failure: DeliveryError | None = None
        """The first error since the last `back_off`. No batch is sent before the next `back_off`."""

    @property
    def is_idle(self) -> bool:
        """Whether no batch is in flight, and `back_off` need not be called."""
        return not self.in_flight and self._failure is None

    def has_slot(self, held_bytes: int) -> bool:
        """Return whether one more batch, which takes `held_bytes` of memory, may be in flight.

        After a failure only one may be in flight, until a batch succeeds.
        """
        if self.in_flight >= self.max_in_flight:
            return False
        fits = self._held_bytes + held_bytes <= self._limits.in_flight_bytes
        return fits or self.in_flight < self._limits.concurrency

    @property
    def max_in_flight(self) -> int:
        """How many batches may be in flight now, if the memory allows it."""
        return 1 if self._pause.failures else self._workers.limit

    @property
    def is_far(self) -> bool:
        """Whether the sink answers so late that documents should be compressed."""
        return self._workers.is_far

    def is_available(self, now: float) -> bool:
        """Return whether batches may be read and sent: the sink did not fail, or the pause has ended."""
        return self._failure is None and now >= self._pause.ends_at

    def end_pause_if_files_changed(self) -> None:
        """End the pause after a failure if a secret or certificate of the sink has changed."""
        now = self._context.clock.monotonic()
        if now < self._pause.ends_at and self._session.has_changed_files():
            self._pause.ends_at = now

    def due_at(self, now: float) -> float:
        """Return when the pause after a failure ends; infinity if there is none."""
        return self._pause.ends_at if self._pause.ends_at > now else float("inf")

    def read_pause(self, now: float) -> float:
        """Return for how many seconds reading should pause because of the batch that was sent last."""
        if not (self.in_flight and self._workers.is_near):
            return 0.0
        return max(0.0, self.last_send_at + READ_PAUSE_AFTER_SEND_S - now)

    def send(self, parts: Sequence[BatchPart]) -> None:
        """Start to write a batch. If it does not fail, `on_delivered` is called with its result."""
        self.last_send_at = self._context.clock.monotonic()
        self._count_in_flight(parts, 1)
        self._spawn(partial(self._deliver, parts))

    def report_failure(self) -> bool:
        """Return whether a batch has failed and no other is in flight. If so, report that the sink is down."""
        if self._failure is None or self.in_flight:
            return False
        self._status.report_down(self._failure)
        return True

    def back_off(self) -> None:
        """After a failure, start the pause. The caller reads the lines of failed batches again."""
        if self._failure is None:
            return
        self._session.suspend()
        self._pause.start(self._failure, self._context.clock.monotonic(), self.last_send_at)
        self._failure = None
        gc.collect()  # an exception and the frames of its traceback form a cycle, which keeps the batch in memory

    def drain(self, give_up_at: float) -> None:
        """Try a sink that has failed again at once, and once more just before `give_up_at`."""
        self._pause.drain(self._context.clock.monotonic(), give_up_at)

    def _count_in_flight(self, parts: Sequence[BatchPart], sign: Literal[1, -1]) -> None:
        self.in_flight += sign
        self.in_flight_bytes += sign * sum(part.log_bytes for part in parts)
        self._held_bytes += sign * sum(part.held_bytes for part in parts)

    def _deliver(self, parts: Sequence[BatchPart]) -> None:
        """Write a batch and post its result. At an exit, this thread may run longer than that of the shipper."""
        batch = Batch([part.documents for part in parts])
        began = self._context.clock.monotonic()
        was_postponed = all(part.span.parked_for is not None for part in parts)
        result = self._session.deliver(batch, may_postpone_all=was_postponed)
        duration_s = self._context.clock.monotonic() - began
        self._post(partial(self._on_result, parts, batch, result, duration_s))

    def _on_result(
        self, parts: Sequence[BatchPart], batch: Batch, result: DeliveryResult | DeliveryError, duration_s: float
    ) -> None:
        is_complete = isinstance(result, DeliveryResult) and result.attempts == 1 and not result.postponed
        self._workers.count_answer(duration_s, self.in_flight, is_complete=is_complete)
        self._count_in_flight(parts, -1)
        counters = self._context.counters
        if isinstance(result, DeliveryError):
            counters.retries += 1
            self._status.count_failure(result)
            self._failure = self._failure or result
            return
        counters.retries += max(0, result.attempts - 1)
        counters.duplicates += result.duplicates
        self._status.count_diverted(result.diverted)
        counters.latency.add(duration_s)
        counters.attempts.add(max(0, result.attempts - 1))
        counters.documents.add(len(batch))
        if result.error is None:
            self._status.report_up()
            self._pause.reset()
        else:
            self._status.count_failure(result.error)
            self._failure = self._failure or result.error
        self.delivered_at = self._context.clock.monotonic()
        self._on_delivered(parts, batch, result)
        if result.rejected:
            first = next(iter(result.rejected.values()))
            self._context.emit(
                events.Rejected(
                    self._context.pipeline, self._context.sink, len(result.rejected), first.kind, first.reason
                )
            )
