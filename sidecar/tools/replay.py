"""Replays dead letters.

A replay is idempotent: each document is sent with its original target and id, and a dead letter is removed only after
the sink has stored its document.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import ConfigurationError, DeliveryError, Misconfigured
from sidecar.model.batch import Batch, Rejection
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.dead_letter_document import from_document
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.pipeline.builder import pod_name
from sidecar.sinks.archive_contract import Archive
from sidecar.sinks.contract import IdentifiedSink, ResumableSink, Sink
from sidecar.state.dead_letters import DeadLetterFilter

_MAX_BATCH_DOCUMENTS = 500


@dataclass(slots=True)
class ArchivedLetters:
    """The dead letters in the index or collection of a sink. A letter that is stored is deleted there."""

    archive: Archive

    def list(self, selection: DeadLetterFilter) -> Iterator[tuple[Any, DeadLetter]]:
        """Yield the matching letters with their keys. Other documents are left out."""
        for found in self.archive.read():
            letter = from_document(found.content)
            if letter is not None and selection.matches(letter):
                yield found.key, letter

    def record_replay(
        self, letters: Sequence[tuple[Any, DeadLetter]], rejected: Mapping[int, Rejection], unsent: Container[int],
        now: float,
    ) -> None:  # fmt: skip
        """Delete the letters that a sink has stored. Keep those that it rejected again or could not store now."""
        self.archive.delete(
            [key for index, (key, _) in enumerate(letters) if index not in rejected and index not in unsent]
        )


@dataclass(slots=True)
class ReplayResult:
    """The result of a replay."""

    stored: int = 0
    """Dead letters whose documents the sink stored; they are removed."""

    refused: int = 0
    """Dead letters whose documents the sink rejected again; they are kept."""

    failed: str = ""
    """Why the remaining dead letters were not sent; "" if all were sent."""


class LetterSource(Protocol):
    """Where dead letters are replayed from: the state, or an archive."""

    def list(self, selection: DeadLetterFilter) -> Iterator[tuple[Any, DeadLetter]]: ...

    def record_replay(
        self, letters: Sequence[tuple[Any, DeadLetter]], rejected: Mapping[int, Rejection], unsent: Container[int],
        now: float,
    ) -> None: ...  # fmt: skip


def replay(store: LetterSource, selection: DeadLetterFilter, sinks: Mapping[str, Sink], now: float) -> ReplayResult:
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
    sink: Sink, store: LetterSource, letters: Sequence[tuple[Any, DeadLetter]], result: ReplayResult, now: float
) -> None:
    name = letters[0][1].sink
    if isinstance(sink, IdentifiedSink):
        sink.identify(f"replay.{name}.{pod_name(os.environ)}")
    elif isinstance(sink, ResumableSink):
        raise ConfigurationError(
            "this sink stores documents only in the order of its files, so dead letters cannot be replayed",
            location=name, hint="purge them with `sidecar dead-letters purge`",
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
