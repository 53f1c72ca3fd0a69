"""Writes one batch until each of its records is stored or rejected, or until the sink fails as a whole.

This is the only retry loop. It retries only while the sink stores some records of the batch. When an attempt stores
none it raises the error, the batch is dropped, and the file is read again later.
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
"""This many records in a row that are rejected with the same error mean that the sink is misconfigured."""

TOO_LARGE = "too_large"
"""Error kind of dead letters whose document is too large for a request by itself."""

_LIMIT_GROWTH = 8
"""The learned request size grows by one part in this many with each large request that succeeds."""

_MAX_ATTEMPTS = 8
"""Attempts for a batch of which each attempt stores some records."""

_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.1, 5.0


class DeliveryResult(msgspec.Struct):
    """The result of a batch, over all attempts. Every record that is not rejected is stored."""

    rejected: dict[int, Rejection] = {}
    """The records that the sink will never take, by index in the batch."""

    duplicates: int = 0
    """Records that the sink had stored before."""

    failure_store: int = 0
    """Records that went to the failure store of a data stream."""

    diverted: int = 0
    """Records that went to the fallback target, because there were too many targets."""

    attempts: int = 0
    resume_token: str | None = None
    """The position of a sink that keeps its own, to be committed with the checkpoints."""


class RetryingWriter:
    """Writes batches to one sink. Several threads may use it at once; `stop` ends all waiting."""

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self.limit: int | None = None
        """Records in one request, learned from requests that were too large; None while there was none."""

        self._sink = sink
        self._stop = stop
        self._rejected_in_a_row = 0

    def deliver(self, batch: Batch) -> DeliveryResult:
        """Return the result of the whole batch. Raise `DeliveryError` if the sink fails: then nothing is settled."""
        result = DeliveryResult()
        indexes: Sequence[int] = range(len(batch))
        backoff = Backoff(_FIRST_PAUSE_S, _MAX_PAUSE_S)
        while True:
            result.attempts += 1
            written = self._write_within_limit(batch)
            remaining = self._collect(written, len(batch), indexes, result)
            if not remaining:
                return result
            error = written.error or Retryable("the sink did not report a result for some documents")
            if isinstance(error, Misconfigured) or result.attempts >= _MAX_ATTEMPTS:
                raise error
            pause = backoff.after(error)
            if pause > _MAX_PAUSE_S or self._stop.wait(pause):
                raise error
            batch, indexes = batch.select(remaining), [indexes[i] for i in remaining]

    def _collect(self, written: WriteResult, size: int, indexes: Sequence[int], result: DeliveryResult) -> list[int]:
        """Add one attempt to the result. Return the indexes of the records that are neither stored nor rejected."""
        result.duplicates += written.duplicates
        result.failure_store += written.failure_store
        result.diverted += written.diverted
        result.resume_token = written.resume_token or result.resume_token
        if not written.rejected and written.stored == range(size):
            self._rejected_in_a_row = 0
            return []
        stored = set(written.stored).intersection(range(size))
        rejected = {r.index: r for r in written.rejected if r.index not in stored}
        if not stored and not rejected:
            raise written.error or Retryable("the sink stored no document and gave no reason")
        self._check_uniform_rejection(stored, rejected)
        result.rejected.update((indexes[i], replace(r, index=indexes[i])) for i, r in rejected.items() if i < size)
        # A record that is reported both as stored and as rejected is written again.
        contradicted = {r.index for r in written.rejected} & stored
        return [i for i in range(size) if i in contradicted or (i not in stored and i not in rejected)]

    def _check_uniform_rejection(self, stored: set[int], rejected: dict[int, Rejection]) -> None:
        """Raise `Misconfigured` if all records are rejected with the same error."""
        # The sink is set up wrongly then, and the application's lines must not fill the dead letters.
        if stored:
            self._rejected_in_a_row = 0
            return
        kinds = {r.kind for r in rejected.values()}
        count = self._rejected_in_a_row + len(rejected)
        if len(kinds) == 1 and count >= UNIFORM_REJECTION_LIMIT:
            example = next(iter(rejected.values()))
            raise Misconfigured(
                f"all documents are rejected with the same error ({example.kind}: {example.reason})",
                location=example.target,
                hint="correct the mapping or the settings of the sink; nothing is lost meanwhile",
            )
        self._rejected_in_a_row = count

    def _write_within_limit(self, batch: Batch) -> WriteResult:
        """Make one attempt, in requests of at most `limit` records. Split a request that the sink finds too large."""
        if self.limit is not None and len(batch) > self.limit:
            return self._split_batch(batch)
        try:
            written = self._attempt(batch)
        except RequestTooLarge as error:
            return self._write_too_large(batch, error)
        if self.limit is not None and 2 * len(batch) > self.limit:
            self.limit += 1 + self.limit // _LIMIT_GROWTH
        return written

    def _attempt(self, batch: Batch) -> WriteResult:
        try:
            return self._sink.write(batch)
        except DeliveryError:
            raise
        except Exception as error:  # an error in a plug-in must not end the shipper: the records are sent again
            raise Retryable(
                f"the sink raised {type(error).__name__}", hint="report this to the author of the sink"
            ) from error

    def _write_too_large(self, batch: Batch, error: RequestTooLarge) -> WriteResult:
        size = len(batch)
        if size == 1:
            return WriteResult((), [Rejection(0, TOO_LARGE, error.message, 413)])
        written = self._split_batch(batch)
        # A document that is too large by itself says nothing about the number of records in a request.
        if all(rejection.kind != TOO_LARGE for rejection in written.rejected):
            self.limit = min(self.limit or size, size // 2)
        return written

    def _split_batch(self, batch: Batch) -> WriteResult:
        size = len(batch)
        middle = size // 2
        first = self._write_within_limit(batch.select(range(middle)))
        try:
            second = self._write_within_limit(batch.select(range(middle, size)))
        except DeliveryError as error:  # the first half is settled all the same
            second = WriteResult((), error=error)
        return WriteResult(
            stored=[*first.stored, *(i + middle for i in second.stored)],
            rejected=[*first.rejected, *(replace(r, index=r.index + middle) for r in second.rejected)],
            error=first.error or second.error,
            duplicates=first.duplicates + second.duplicates,
            failure_store=first.failure_store + second.failure_store,
            resume_token=second.resume_token or first.resume_token,
            diverted=first.diverted + second.diverted,
        )
