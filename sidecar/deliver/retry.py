"""Writes a batch until each of its records is stored, rejected or postponed, or until the sink fails as a whole.

This is the only retry loop. If the first attempt stores and rejects nothing, its error is raised; the caller drops
the batch and reads the file again later. Otherwise only the remaining records are written again. Records that remain
after `MAX_ATTEMPTS`, and records of a target that accepts no documents, are postponed: they are read again later.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from sidecar.deliver.backoff import MAX_LEFTOVER_PAUSE_S, Backoff
from sidecar.deliver.evidence import Decision, Evidence, RefusalStreaks
from sidecar.deliver.isolation import write_in_parts
from sidecar.errors import DeliveryError, Misconfigured, RequestBlocked, RequestTooLarge, Retryable
from sidecar.lib.crash import describe_crash
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.sinks.contract import Sink, TargetingSink

TOO_LARGE = "too_large"
"""Error kind of dead letters whose document is too large, even alone in a request."""

MAX_ATTEMPTS = 8
"""Maximum number of attempts for a batch, if the first attempt stores or rejects some records."""

_LIMIT_GROWTH = 8
"""After each large request that succeeds, the learned limit grows by its own value divided by this number."""


class DeliveryResult(msgspec.Struct):
    """The result of all attempts to write a batch. Every record that is neither rejected nor postponed is stored."""

    rejected: dict[int, Rejection] = {}
    """Records that the sink will never accept, by index in the batch."""

    postponed: dict[int, str] = {}
    """Index of each record that has to be read and written again later → the target that accepts no documents, or ""
    if the cause is not a target."""

    reasons: dict[str, DeliveryError] = {}
    """Why records were postponed, by target or "". Targets that were not tried have no reason."""

    stored_targets: set[str] = set()
    """Targets that have stored documents."""

    error: DeliveryError | None = None
    """Why the last attempt failed as a whole, after an earlier attempt had stored some records."""

    duplicates: int = 0
    """Number of records that the sink had stored before."""

    failure_store: set[int] = set()
    """Indexes of the records that went to the failure store of a data stream."""

    dropped: set[int] = set()
    """Indexes of the records that an ingest pipeline of Elasticsearch has dropped."""

    diverted: int = 0
    """Number of records that went to the fallback target, because there were too many targets."""

    attempts: int = 0
    resume_token: str | None = None
    """Token of a `ResumableSink`, to be committed with the checkpoints."""

    def add(self, written: WriteResult, indexes: Sequence[int]) -> None:
        """Add the counts of one attempt. `indexes`: the index in the batch of each record of the attempt."""
        self.duplicates += written.duplicates
        self.diverted += written.diverted
        self.failure_store.update(indexes[i] for i in written.failure_store)
        self.dropped.update(indexes[i] for i in written.dropped)
        self.stored_targets.update(written.stored_targets)
        self.resume_token = written.resume_token or self.resume_token


class RetryingWriter:
    """Writes batches to one sink. Several threads may use it at once. The event `stop` ends all pauses."""

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self.limit: int | None = None
        """Maximum records in one request, learned from requests that were too large; None before the first."""

        self._sink = sink
        self._stop = stop
        self.held_targets: Collection[str] = ()
        """Targets whose records are postponed without an attempt."""

        self._streaks = RefusalStreaks()
        self._refused_requests = 0
        """Number of requests that were refused as a whole since the last one that was not."""

        self._has_many_targets = isinstance(sink, TargetingSink) and sink.has_many_targets

    def deliver(self, batch: Batch, *, may_postpone_all: bool = False) -> DeliveryResult:
        """Return the result of the whole batch. Raise `DeliveryError` if the sink fails; then no record is settled.

        `may_postpone_all`: all records were postponed before, so the sink has not failed if it refuses all of them.
        """
        result = DeliveryResult()
        evidence = Evidence(self._streaks)
        backoff = Backoff.for_leftovers()
        indexes = self._postpone_held(batch, result)
        if len(indexes) < len(batch):
            batch = batch.select(indexes)
        while indexes:
            result.attempts += 1
            is_first = result.attempts == 1
            written = self._write_within_limit(batch) if is_first else self._write_leftovers(batch, result)
            remaining = self._collect(written, evidence, indexes, result)
            has_failed = is_first and len(remaining) == len(indexes)
            if has_failed and not may_postpone_all:
                raise _find_error(written)
            if remaining and (has_failed or not self._may_retry(written, result, backoff)):
                result.postponed.update((indexes[i], "") for i in remaining)
                result.reasons[""] = _find_error(written)
                return result
            batch, indexes = batch.select(remaining), [indexes[i] for i in remaining]
        return result

    def _postpone_held(self, batch: Batch, result: DeliveryResult) -> Sequence[int]:
        """Postpone the records of `held_targets`. Return the indexes of the other records."""
        held = self.held_targets
        if not held or not isinstance(self._sink, TargetingSink):
            return range(len(batch))
        names = self._sink.targets(batch)
        result.postponed.update((index, name) for index, name in enumerate(names) if name in held)
        return [index for index in range(len(batch)) if index not in result.postponed]

    def _may_retry(self, written: WriteResult, result: DeliveryResult, backoff: Backoff) -> bool:
        """Wait before the next attempt for the remaining records. Return False if they must be postponed instead."""
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
        except DeliveryError as error:  # records that an earlier attempt stored must not be written again
            result.error = error
            return WriteResult((), error=error)

    def _collect(
        self, written: WriteResult, evidence: Evidence, indexes: Sequence[int], result: DeliveryResult
    ) -> list[int]:
        """Add one attempt to the result. Return the records to write again, by their index in the attempt."""
        size = len(indexes)
        result.add(written, indexes)
        if not (written.rejected or written.refused) and written.stored == range(size):
            self._streaks.reset(written)
            return []
        stored = set(written.stored).intersection(range(size))
        decision = evidence.decide(written, is_last=result.attempts == MAX_ATTEMPTS)
        if decision.refusing_targets and (decision.is_about_sink or not self._has_many_targets):
            error = next(iter(decision.refusing_targets.values()))
            if not evidence.has_stored:
                raise error
            result.error = error
            decision = replace(decision, refusing_targets={})  # the sink as a whole pauses
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
        """Write the batch once, in requests of at most `limit` records. Split a request that is too large."""
        if self.limit is not None and len(batch) > self.limit:
            return self._split_batch(batch)
        try:
            written = self._request(batch)
        except RequestTooLarge as error:
            return self._write_too_large(batch, error)
        if self.limit is not None and 2 * len(batch) > self.limit:
            self.limit += 1 + self.limit // _LIMIT_GROWTH
        return written

    def _request(self, batch: Batch) -> WriteResult:
        """Write the batch in one request. If requests are refused again and again, write parts, ever more rarely."""
        try:
            written = self._attempt(batch)
        except RequestBlocked as error:
            self._refused_requests += 1
            if self._refused_requests == 1 or self._refused_requests.bit_count() > 1:
                raise
            written = write_in_parts(batch, error, self._attempt)
        self._refused_requests = 0
        return written

    def _attempt(self, batch: Batch) -> WriteResult:
        try:
            return self._sink.write(batch)
        except DeliveryError:
            raise
        except Exception as error:  # an error in a plug-in must not end the shipper: the records are sent again
            raise Retryable(
                f"the sink raised {describe_crash(error)}", hint="report this to the author of the sink"
            ) from error

    def _write_too_large(self, batch: Batch, error: RequestTooLarge) -> WriteResult:
        size = len(batch)
        if size == 1:
            return WriteResult((), [Rejection(0, TOO_LARGE, error.message, error.status)])
        written = self._split_batch(batch)
        # If a single document was too large, the number of records was not the cause, so the limit stays.
        if all(rejection.kind != TOO_LARGE for rejection in written.rejected):
            self.limit = min(self.limit or size, size // 2)
        return written

    def _split_batch(self, batch: Batch) -> WriteResult:
        size = len(batch)
        middle = size // 2
        first = self._write_within_limit(batch.select(range(middle)))
        try:
            second = self._write_within_limit(batch.select(range(middle, size)))
        except DeliveryError as error:  # the result of the first half remains valid
            second = WriteResult((), error=error)
        return first.join(second, middle)


def _list_postponed(written: WriteResult, decision: Decision, settled: AbstractSet[int]) -> dict[int, str]:
    """Return index and target of each unsettled record whose target accepts no documents."""
    records = (*written.rejected, *(refusal.rejection for refusal in written.refused))
    refusing = decision.refusing_targets
    return {r.index: r.target for r in records if r.target in refusing and r.index not in settled}


def _find_error(written: WriteResult) -> DeliveryError:
    refused = next((refusal.error for refusal in written.refused), None)
    return written.error or refused or Retryable("the sink did not report a result for some documents")
