"""Sends dead letters again.

Sending again is idempotent: a document goes to the target and under the id that it had, and a letter leaves the state
only when the sink has stored the document.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import ConfigurationError, DeliveryError, Misconfigured
from sidecar.model.batch import Batch
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.sinks.contract import ResumableSink, Sink
from sidecar.state.dead_letters import DeadLetterFilter, DeadLetterStore

_BATCH = 500


@dataclass(slots=True)
class ReplayResult:
    """How many letters were stored and rejected again, and why the rest was not sent."""

    stored: int = 0
    refused: int = 0
    failed: str = ""


def replay(store: DeadLetterStore, wanted: DeadLetterFilter, sinks: Mapping[str, Sink], now: float) -> ReplayResult:
    """Send the letters that match again, each to its sink.

    Raise `ConfigurationError` when a letter's sink is not in `sinks`.
    """
    result = ReplayResult()
    letters = list(store.list(wanted))
    for name in dict.fromkeys(letter.sink for _, letter in letters):
        if name not in sinks:
            raise ConfigurationError(
                "there are dead letters for a sink that is not configured", location=name,
                hint="name the configuration that they were made with, or choose with --sink",
            )  # fmt: skip
        mine = [(number, letter) for number, letter in letters if letter.sink == name]
        _replay_to(sinks[name], store, mine, result, now)
    return result


def _replay_to(
    sink: Sink, store: DeadLetterStore, letters: Sequence[tuple[int, DeadLetter]], result: ReplayResult, now: float
) -> None:
    if isinstance(sink, ResumableSink):
        raise ConfigurationError("cannot take single documents again", location=letters[0][1].sink, hint="purge them")
    courier = RetryingWriter(sink, threading.Event())
    try:
        sink.open()
        for first in range(0, len(letters), _BATCH):
            batch = letters[first : first + _BATCH]
            rejected = courier.deliver(batch_of([letter for _, letter in batch])).rejected
            store.record_replay(batch, rejected, now)
            result.refused += len(rejected)
            result.stored += len(batch) - len(rejected)
    except DeliveryError as error:
        result.failed = str(error)
        if isinstance(error, Misconfigured):
            result.refused += len(letters) - result.stored
    finally:
        sink.close()


def batch_of(letters: Sequence[DeadLetter]) -> Batch:
    """A batch that sends these documents to the targets and under the ids that they had."""
    documents = RenderedDocuments(
        Generation(0, "", "", 0.0),
        [0] * len(letters),
        [letter.document for letter in letters],
        [letter.event_time for letter in letters],
        [letter.document_id for letter in letters],
    )
    targets = [letter.target for letter in letters]
    return Batch([documents], targets if all(targets) else None)
