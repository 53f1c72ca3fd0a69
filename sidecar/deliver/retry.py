"""Carries one batch until each of its records is settled, or until the destination takes nothing at all.

The only retry loop. It keeps a batch in memory only while some of it is being taken; a destination that takes
nothing makes it give up with the fault, and the file is read again later.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from sidecar.deliver.backoff import Backoff
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.sinks.contract import Sink

UNIFORM_REJECTION_LIMIT = 10
"""So many records in a row refused alike, and none stored, are not bad records but a bad set-up."""

TOO_LARGE = "too_large"
"""Kind of the dead letters whose document is too large for a request by itself."""

_GROWTH = 8
_PARTIAL_ATTEMPTS = 8
_PARTIAL_FIRST_S, _PARTIAL_LONGEST_S = 0.1, 5.0


class DeliveryResult(msgspec.Struct):
    """What became of a batch: everything that is not in `rejected` (by index) is stored."""

    rejected: dict[int, Rejection] = {}
    duplicates: int = 0
    failure_store: int = 0
    diverted: int = 0
    attempts: int = 0
    resume_token: str | None = None


class RetryingWriter:
    """Delivers batches to one sink; may be used by several threads at once.

    `stop` ends all waiting. After `RequestTooLarge` the writer sends at most `limit` records at a time. The limit
    grows by an eighth with each part that comes near it and goes through.
    """

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self.limit: int | None = None
        self._sink = sink
        self._stop = stop
        self._refused_in_a_row = 0

    def deliver(self, batch: Batch) -> DeliveryResult:
        """Raises `DeliveryError` when the destination takes nothing; no record counts as settled then."""
        outcome = DeliveryResult()
        indexes: Sequence[int] = range(len(batch))
        wait = Backoff(_PARTIAL_FIRST_S, _PARTIAL_LONGEST_S)
        while True:
            outcome.attempts += 1
            verdict = self._write_within_limit(batch)
            left = self._collect(verdict, len(batch), indexes, outcome)
            if not left:
                return outcome
            fault = verdict.error or Retryable("the destination did not say what became of some documents")
            if isinstance(fault, Misconfigured) or outcome.attempts >= _PARTIAL_ATTEMPTS:
                raise fault
            pause = wait.after(fault)
            if pause > _PARTIAL_LONGEST_S or self._stop.wait(pause):
                raise fault
            batch, indexes = batch.only(left), [indexes[i] for i in left]

    def _collect(self, verdict: WriteResult, size: int, indexes: Sequence[int], outcome: DeliveryResult) -> list[int]:
        """Take what is settled into the outcome; returns the indexes that are not."""
        outcome.duplicates += verdict.duplicates
        outcome.failure_store += verdict.failure_store
        outcome.diverted += verdict.diverted
        outcome.resume_token = verdict.resume_token or outcome.resume_token
        if not verdict.rejected and verdict.stored == range(size):
            self._refused_in_a_row = 0
            return []
        stored = set(verdict.stored).intersection(range(size))
        rejected = {r.index: r for r in verdict.rejected if r.index not in stored}
        if not stored and not rejected:
            raise verdict.error or Retryable("the destination took nothing and did not say why")
        self._check_uniform_rejection(stored, rejected)
        outcome.rejected.update((indexes[i], replace(r, index=indexes[i])) for i, r in rejected.items() if i < size)
        contradicted = {r.index for r in verdict.rejected} & stored
        return [i for i in range(size) if i in contradicted or (i not in stored and i not in rejected)]

    def _check_uniform_rejection(self, stored: set[int], rejected: dict[int, Rejection]) -> None:
        """A whole batch refused alike is no flood of dead letters, but a destination that is set up wrongly."""
        if stored:
            self._refused_in_a_row = 0
            return
        kinds = {r.kind for r in rejected.values()}
        refused = self._refused_in_a_row + len(rejected)
        if len(kinds) == 1 and refused >= UNIFORM_REJECTION_LIMIT:
            example = next(iter(rejected.values()))
            raise Misconfigured(
                f"all documents are refused alike ({example.kind}: {example.reason})", location=example.target,
                hint="mend the mapping or the settings of the destination; nothing is lost meanwhile",
            )  # fmt: skip
        self._refused_in_a_row = refused

    def _write_within_limit(self, batch: Batch) -> WriteResult:
        """Make one attempt, in parts of `limit` records; halve what the sink finds too large."""
        if self.limit is not None and len(batch) > self.limit:
            return self._split_batch(batch)
        try:
            verdict = self._attempt(batch)
        except RequestTooLarge as fault:
            return self._write_too_large(batch, fault)
        if self.limit is not None and 2 * len(batch) > self.limit:
            self.limit += 1 + self.limit // _GROWTH
        return verdict

    def _attempt(self, batch: Batch) -> WriteResult:
        try:
            return self._sink.write(batch)
        except DeliveryError:
            raise
        except Exception as error:  # a plug-in's own fault must not end the shipping: its records come again
            raise Retryable(
                f"the sink failed with {type(error).__name__}", hint="report this to its author"
            ) from error

    def _write_too_large(self, batch: Batch, fault: RequestTooLarge) -> WriteResult:
        """Send the halves. Nothing is learned from a batch that holds a document which is too large by itself."""
        size = len(batch)
        if size == 1:
            return WriteResult((), [Rejection(0, TOO_LARGE, fault.message, 413)])
        verdict = self._split_batch(batch)
        if all(rejection.kind != TOO_LARGE for rejection in verdict.rejected):
            self.limit = min(self.limit or size, size // 2)
        return verdict

    def _split_batch(self, batch: Batch) -> WriteResult:
        size = len(batch)
        middle = size // 2
        first = self._write_within_limit(batch.only(range(middle)))
        try:
            second = self._write_within_limit(batch.only(range(middle, size)))
        except DeliveryError as later:
            second = WriteResult((), error=later)
        return WriteResult(
            stored=[*first.stored, *(i + middle for i in second.stored)],
            rejected=[*first.rejected, *(replace(r, index=r.index + middle) for r in second.rejected)],
            error=first.error or second.error,
            duplicates=first.duplicates + second.duplicates,
            failure_store=first.failure_store + second.failure_store,
            resume_token=second.resume_token or first.resume_token,
            diverted=first.diverted + second.diverted,
        )
