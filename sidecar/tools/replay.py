"""Replays dead letters.

A replay is idempotent: each document is sent with its original target and id, and a dead letter is removed only after
the sink has stored its document.
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

_MAX_BATCH_DOCUMENTS = 500


@dataclass(slots=True)
class ReplayResult:
    """The result of a replay."""

    stored: int = 0
    """Dead letters whose documents the sink stored; they are removed."""

    refused: int = 0
    """Dead letters whose documents the sink rejected again; they are kept."""

    failed: str = ""
    """Why the remaining dead letters were not sent; "" if all were sent."""


def replay(
    store: DeadLetterStore, selection: DeadLetterFilter, sinks: Mapping[str, Sink], now: float
) -> ReplayResult:
    """Send the documents of the selected dead letters again, each to its sink.

    Raise `ConfigurationError` if the sink of a dead letter is not in `sinks`.
    """
    result = ReplayResult()
    letters = list(store.list(selection))
    for name in dict.fromkeys(letter.sink for _, letter in letters):
        if name not in sinks:
            raise ConfigurationError(
                "there are dead letters for a sink that is not configured", location=name,
                hint="pass the configuration that contains this sink with --config, or replay only the dead letters"
                " of another sink with --sink",
            )  # fmt: skip
        _replay_to(sinks[name], store, [row for row in letters if row[1].sink == name], result, now)
    return result


def _replay_to(
    sink: Sink, store: DeadLetterStore, letters: Sequence[tuple[int, DeadLetter]], result: ReplayResult, now: float
) -> None:
    if isinstance(sink, ResumableSink):
        raise ConfigurationError(
            "this sink stores documents only in the order of its files, so dead letters cannot be replayed",
            location=letters[0][1].sink, hint="purge them with `sidecar dead-letters purge`",
        )  # fmt: skip
    writer = RetryingWriter(sink, threading.Event())
    try:
        sink.open()
        for first in range(0, len(letters), _MAX_BATCH_DOCUMENTS):
            batch = letters[first : first + _MAX_BATCH_DOCUMENTS]
            written = writer.deliver(batch_of([letter for _, letter in batch]))
            store.record_replay(batch, written.rejected, written.postponed, now)
            result.refused += len(written.rejected)
            result.stored += len(batch) - len(written.rejected) - len(written.postponed)
            result.failed = next(map(str, written.reasons.values()), result.failed)
            if written.error is not None:
                raise written.error
    except DeliveryError as error:
        result.failed = str(error)
        if isinstance(error, Misconfigured):
            result.refused += len(letters) - result.stored
    finally:
        sink.close()


def batch_of(letters: Sequence[DeadLetter]) -> Batch:
    """Return a batch of the documents of these dead letters, with their original targets and ids."""
    documents = RenderedDocuments(
        Generation(0, "", "", 0.0),
        [0] * len(letters),
        [letter.document for letter in letters],
        [letter.event_time for letter in letters],
        [letter.document_id for letter in letters],
    )
    targets = [letter.target for letter in letters]
    return Batch([documents], targets if all(targets) else None)
