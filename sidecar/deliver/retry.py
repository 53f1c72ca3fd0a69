"""Writes one batch until each of its records is stored or rejected, or until the sink fails as a whole.

This is the only retry loop. If the first attempt stores nothing, it raises the error, the batch is dropped, and the
file is read again later. Otherwise the records that are left are written again alone. Those that are still left after
`MAX_ATTEMPTS`, and those of a target that takes no documents, are postponed: they stay in their file.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from sidecar.deliver.backoff import MAX_LEFTOVER_PAUSE_S, Backoff
from sidecar.deliver.evidence import Decision, Evidence, RefusalStreaks
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.sinks.contract import Sink, TargetingSink

TOO_LARGE = "too_large"
"""Error kind of dead letters whose document is too large for a request by itself."""

MAX_ATTEMPTS = 8
"""Attempts for a batch of which the first one stores or rejects some records."""

_LIMIT_GROWTH = 8
"""The learned request size grows by one part in this many with each large request that succeeds."""


class DeliveryResult(msgspec.Struct):
    """The result of a batch, over all attempts. Every record that is neither rejected nor postponed is stored."""

    rejected: dict[int, Rejection] = {}
    """The records that the sink will never take, by index in the batch."""

    postponed: dict[int, str] = {}
    """The records that have to be read and written again later: those of a target that takes no documents, by its
    name, and others under ""."""

    reasons: dict[str, DeliveryError] = {}
    """Why records were postponed, by target or "". There is none for records of a target that was held back."""

    stored_targets: set[str] = set()
    """Targets that took documents."""

    error: DeliveryError | None = None
    """Why the last attempt failed as a whole, although an earlier one stored some records."""

    duplicates: int = 0
    """Records that the sink had stored before."""

    failure_store: set[int] = set()
    """Records that went to the failure store of a data stream."""

    dropped: set[int] = set()
    """Records that the database has thrown away, as an ingest pipeline asked."""

    diverted: int = 0
    """Records that went to the fallback target, because there were too many targets."""

    attempts: int = 0
    resume_token: str | None = None
    """The position of a sink that keeps its own, to be committed with the checkpoints."""

    def add(self, written: WriteResult, indexes: Sequence[int]) -> None:
        """Add the counts of one attempt; `indexes` are those of its records in the batch."""
        self.duplicates += written.duplicates
        self.diverted += written.diverted
        self.failure_store.update(indexes[i] for i in written.failure_store)
        self.dropped.update(indexes[i] for i in written.dropped)
        self.stored_targets.update(written.stored_targets)
        self.resume_token = written.resume_token or self.resume_token


class RetryingWriter:
    """Writes batches to one sink. Several threads may use it at once; `stop` ends all waiting."""

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self.limit: int | None = None
        """Records in one request, learned from requests that were too large; None while there was none."""

        self._sink = sink
        self._stop = stop
        self.held_targets: Collection[str] = ()
        """Targets whose records are postponed without an attempt."""

        self._streaks = RefusalStreaks()
        self._has_many_targets = isinstance(sink, TargetingSink) and sink.has_many_targets

    def deliver(self, batch: Batch, *, may_postpone_all: bool = False) -> DeliveryResult:
        """Return the result of the whole batch. Raise `DeliveryError` if the sink fails: then nothing is settled.

        `may_postpone_all`: records were postponed before, so that it is no failure of the sink if it refuses all.
        """
        result = DeliveryResult()
        evidence = Evidence(self._streaks)
        backoff = Backoff.for_leftovers()
        indexes = self._hold_back(batch, result)
        if len(indexes) < len(batch):
            batch = batch.select(indexes)
        while indexes:
            result.attempts += 1
            is_first = result.attempts == 1
            written = self._write_within_limit(batch) if is_first else self._write_leftovers(batch, result)
            remaining = self._collect(written, evidence, indexes, result)
            has_failed = is_first and len(remaining) == len(indexes)
            if has_failed and not may_postpone_all:
                raise _error_of(written)
            if remaining and (has_failed or not self._may_retry(written, result, backoff)):
                result.postponed.update((indexes[i], "") for i in remaining)
                result.reasons[""] = _error_of(written)
                return result
            batch, indexes = batch.select(remaining), [indexes[i] for i in remaining]
        return result

    def _hold_back(self, batch: Batch, result: DeliveryResult) -> Sequence[int]:
        """Postpone the records of targets that are held. Return the indexes of the others."""
        held = self.held_targets
        if not held or not isinstance(self._sink, TargetingSink):
            return range(len(batch))
        names = self._sink.targets(batch)
        result.postponed.update((index, name) for index, name in enumerate(names) if name in held)
        return [index for index in range(len(batch)) if index not in result.postponed]

    def _may_retry(self, written: WriteResult, result: DeliveryResult, backoff: Backoff) -> bool:
        """Wait before the records that are left are written again. Return False if they have to be postponed."""
        error = written.error
        if result.error or result.attempts >= MAX_ATTEMPTS:
            return False
        pause = backoff.after(error or Retryable(""))
        if (isinstance(error, Misconfigured) and not written.refused) or pause > MAX_LEFTOVER_PAUSE_S:
            result.error = error
            return False
        return not self._stop.wait(pause)

    def _write_leftovers(self, batch: Batch, result: DeliveryResult) -> WriteResult:
        try:
            return self._write_within_limit(batch)
        except DeliveryError as error:  # what was stored before must not be written again
            result.error = error
            return WriteResult((), error=error)

    def _collect(
        self, written: WriteResult, evidence: Evidence, indexes: Sequence[int], result: DeliveryResult
    ) -> list[int]:
        """Add one attempt to the result. Return the indexes of the records whose outcome is still open."""
        size = len(indexes)
        result.add(written, indexes)
        if not (written.rejected or written.refused) and written.stored == range(size):
            self._streaks.reset(written)
            return []
        stored = set(written.stored).intersection(range(size))
        decision = evidence.decide(written, is_last=result.attempts == MAX_ATTEMPTS)
        if decision.refusing_targets and (decision.is_about_sink or not self._has_many_targets):
            raise next(iter(decision.refusing_targets.values()))
        rejected = {r.index: r for r in decision.rejected if r.index not in stored and r.index < size}
        postponed = _list_postponed(written, decision, stored.union(rejected))
        result.rejected.update((indexes[i], replace(r, index=indexes[i])) for i, r in rejected.items())
        result.postponed.update((indexes[i], target) for i, target in postponed.items())
        result.reasons |= decision.refusing_targets
        # A record that is reported both as stored and as rejected is written again.
        contradicted = {r.index for r in written.rejected} & stored
        settled = (stored - contradicted).union(rejected, postponed)
        return [i for i in range(size) if i not in settled]

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
        return first.join(second, middle)


def _list_postponed(written: WriteResult, decision: Decision, settled: AbstractSet[int]) -> dict[int, str]:
    """Return the records of targets that take no documents, with the name of the target."""
    records = (*written.rejected, *(refusal.rejection for refusal in written.refused))
    refusing = decision.refusing_targets
    return {r.index: r.target for r in records if r.target in refusing and r.index not in settled}


def _error_of(written: WriteResult) -> DeliveryError:
    refused = next((refusal.error for refusal in written.refused), None)
    return written.error or refused or Retryable("the sink did not report a result for some documents")
