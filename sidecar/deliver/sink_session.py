"""Opens a sink before its first batch, and closes it when no thread is writing to it."""

from __future__ import annotations

import threading
from collections.abc import Collection

from sidecar.deliver.context import SinkContext
from sidecar.deliver.retry import DeliveryResult, RetryingWriter
from sidecar.errors import DeliveryError, Retryable, SidecarError
from sidecar.lib.crash import describe_crash
from sidecar.model.batch import Batch
from sidecar.sinks.contract import ReloadingSink, ResumableSink, Sink
from sidecar.state.ledger import Ledger


class SinkSession:
    """Owns a sink, and opens and closes it. Up to `SinkType.concurrency` threads may call `deliver` at once."""

    def __init__(self, context: SinkContext, sink: Sink, ledger: Ledger, stop: threading.Event) -> None:
        self._context, self._sink, self._ledger = context, sink, ledger
        self._writer = RetryingWriter(sink, stop)
        self._is_open = self._is_closed = False
        self._opening, self._counting = threading.Lock(), threading.Lock()
        self._writing = 0
        """Number of threads in `deliver` now."""

    def learned_limit(self) -> int | None:
        """Return how many records the sink accepts in one request, or None if no request was too large yet."""
        return self._writer.limit

    def has_changed_files(self) -> bool:
        """Return whether a secret or certificate has changed since the last attempt."""
        return isinstance(self._sink, ReloadingSink) and self._sink.has_changed_files()

    def hold(self, targets: Collection[str]) -> None:
        """Postpone the documents for these targets without an attempt, from the next batch on."""
        self._writer.held_targets = targets

    def deliver(self, batch: Batch, *, may_postpone_all: bool = False) -> DeliveryResult | DeliveryError:
        """Open the sink if necessary, and write a batch. Return its result, or the error if no record is settled.

        `may_postpone_all`: all records were postponed before, so the sink has not failed if it refuses all of them.
        """
        if not self._begin():
            return Retryable("the sink is closed")
        try:
            self._open()
            return self._writer.deliver(batch, may_postpone_all=may_postpone_all)
        except DeliveryError as error:
            return error
        except Exception as error:  # raised by a plug-in or by the state: the documents are sent again
            return Retryable(str(error) if isinstance(error, SidecarError) else describe_crash(error))
        finally:
            self._end()

    def suspend(self) -> None:
        """Make a `ResumableSink` return to the committed position before the next batch."""
        self._is_open = self._is_open and not isinstance(self._sink, ResumableSink)

    def close(self) -> None:
        """Close the sink now, or as soon as no thread is writing to it."""
        with self._counting:
            self._is_closed = True
            is_idle = not self._writing
        if is_idle:
            self._sink.close()

    def _begin(self) -> bool:
        with self._counting:
            if not self._is_closed:
                self._writing += 1
            return not self._is_closed

    def _end(self) -> None:
        with self._counting:
            self._writing -= 1
            is_last = self._is_closed and not self._writing
        if is_last:
            self._sink.close()

    def _open(self) -> None:
        with self._opening:
            if self._is_open:
                return
            pipeline, name = self._context.pipeline, self._context.sink
            if isinstance(self._sink, ResumableSink):
                self._sink.resume(self._ledger.resume_token(pipeline, name))
            self._sink.open()
            if isinstance(self._sink, ResumableSink):
                self._ledger.commit(pipeline, name, [], self._sink.resume_token())
            self._is_open = True
