"""Copies dead letters from the state to a sink, such as an index that all Pods share (`dead_letters.to`).

A dead letter counts as delivered when it is durable in the state. It is copied from there by a separate thread, so a
sink that is down delays only the copies. A copy that is sent again has the same id.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from sidecar.config.settings import Settings
from sidecar.deliver.backoff import Backoff
from sidecar.deliver.retry import DeliveryResult, RetryingWriter
from sidecar.errors import ConfigurationError, DeliveryError, Retryable, StateError
from sidecar.lib.clock import Clock, iso
from sidecar.lib.crash import describe_crash
from sidecar.model.batch import Batch
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.dead_letter_document import copy_id, to_document
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.pipeline.builder import pod_name
from sidecar.sinks import registry
from sidecar.sinks.contract import IdentifiedSink, ResumableSink, SinkSettings
from sidecar.state.database import Database
from sidecar.state.dead_letters import DeadLetterStore
from sidecar.telemetry import events

_POLL_S = 1.0
_LETTERS_PER_BATCH = 500
_LAST_PASS_S, _MAX_LAST_PASS_S = 2.0, 10.0
"""Maximum seconds to wait for the last copies: at a reload, and in a drain. The next start copies the rest."""


class DeadLetterCopies:
    """Runs a thread that copies dead letters, if the settings name a sink for them."""

    def __init__(self, store: Database, clock: Clock, emit: events.Emit) -> None:
        self._letters, self._clock, self._emit = DeadLetterStore(store), clock, emit
        self._give_up_at = float("-inf")
        self._copier: DeadLetterCopier | None = None

    def apply(self, settings: Settings) -> None:
        """From now on, copy dead letters to the sink that these settings name. Stop copying if they name none."""
        self.stop()
        if (name := settings.dead_letters.to) is not None:
            try:
                self._copier = DeadLetterCopier(name, settings.sinks[name], self._letters, self._emit)
            except ConfigurationError as error:  # must not keep the lines from being shipped
                self._emit(events.DeadLettersNotCopied(name, str(error)))
                return
            self._copier.start()

    def drain(self, give_up_at: float) -> None:
        """Allow `stop` to wait for the last copies until this time of the monotonic clock, but at most 10 seconds."""
        self._give_up_at = give_up_at

    def stop(self) -> None:
        """Copy what is left if the sink accepts it now, and end the thread."""
        if self._copier is not None:
            time_left = self._give_up_at - self._clock.monotonic()
            self._copier.stop()
            self._copier.join(max(_LAST_PASS_S, min(_MAX_LAST_PASS_S, time_left)))
            self._copier = None


class DeadLetterCopier(threading.Thread):
    """Copies dead letters to one sink, until it is stopped."""

    def __init__(self, name: str, settings: SinkSettings, letters: DeadLetterStore, emit: events.Emit) -> None:
        super().__init__(name=f"dead letters to {name}", daemon=True)
        self._sink_name, self._letters, self._emit = name, letters, emit
        self._sink = registry.create_sink(settings)
        if isinstance(self._sink, IdentifiedSink):
            self._sink.identify(f"dead-letters.{name}.{pod_name(os.environ)}")
        elif isinstance(self._sink, ResumableSink):
            raise ConfigurationError(
                "this sink stores documents only in the order of the log lines, so it cannot get dead letters",
                location="dead_letters.to", hint="choose another kind of sink",
            )  # fmt: skip
        self._fields = settings.document_fields()
        self._stop_now = threading.Event()
        self._writer = RetryingWriter(self._sink, self._stop_now)
        self._backoff = Backoff()
        self._is_open = False
        self._reported_reason = ""

    def stop(self) -> None:
        """End after one more attempt."""
        self._stop_now.set()

    def run(self) -> None:
        """Copy new dead letters about once a second."""
        try:
            while not self._stop_now.wait(self._copy_all()):
                pass
            self._copy_all()
        finally:
            self._sink.close()

    def _copy_all(self) -> float:
        """Copy all dead letters that are not copied yet. Return the seconds until the next attempt."""
        try:
            while rows := self._letters.uncopied(_LETTERS_PER_BATCH):
                if not self._is_open:
                    self._sink.open()
                    self._is_open = True
                self._copy(dict(rows))
        except (DeliveryError, StateError) as error:
            return self._report(error)
        except Exception as error:  # an error in a plug-in: the dead letters are copied later
            return self._report(Retryable(f"the sink raised {describe_crash(error)}"))
        if self._reported_reason:
            self._reported_reason = ""
            self._emit(events.DeadLettersCopied(self._sink_name))
        self._backoff.reset()
        return _POLL_S

    def _copy(self, letters: Mapping[int, DeadLetter]) -> None:
        result = self._writer.deliver(batch_of_copies(list(letters.values()), self._fields))
        numbers = list(letters)
        self._letters.mark_copied([number for index, number in enumerate(numbers) if index not in result.postponed])
        if result.rejected:
            first = next(iter(result.rejected.values()))
            count = len(result.rejected)
            self._emit(events.DeadLetterCopiesRejected(self._sink_name, count, first.kind, first.reason))
        if result.postponed:
            raise _reason_of(result)

    def _report(self, error: DeliveryError | StateError) -> float:
        if str(error) != self._reported_reason:
            self._reported_reason = str(error)
            self._emit(events.DeadLettersNotCopied(self._sink_name, str(error)))
        return self._backoff.after(error) if isinstance(error, DeliveryError) else _POLL_S


def batch_of_copies(letters: list[DeadLetter], fields: Mapping[str, Any]) -> Batch:
    """Return a batch with the copies of these letters. `fields`: fields that the sink needs in every document."""
    documents = RenderedDocuments(
        Generation(0, "", "", 0.0),
        [0] * len(letters),
        [to_document(letter, fields) for letter in letters],
        [iso(letter.at) for letter in letters],
        [copy_id(letter) for letter in letters],
    )
    return Batch([documents])


def _reason_of(result: DeliveryResult) -> DeliveryError:
    return result.error or next(iter(result.reasons.values()), Retryable("some copies are not stored"))
