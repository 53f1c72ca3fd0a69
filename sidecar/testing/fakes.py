"""A clock, batches, a scripted sink and a log file for tests of plug-ins."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.errors import DeliveryError
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation

TIME = "2026-11-23T01:00:00.123456Z"


@dataclass
class ManualClock:
    """A clock that moves only when `advance` is called. Set `wall_offset` to make the wall clock jump."""

    at: float = 1_795_395_600.0
    wall_offset: float = 0.0

    def now(self) -> float:
        return self.at + self.wall_offset

    def monotonic(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.at += seconds


def batch_of(documents: Sequence[str | Mapping[str, Any]], *, first: int = 0, generation: int = 35) -> Batch:
    """Return a batch of these documents, as JSON text or as mappings. `first` is the offset of the first one.

    The offsets are 100 bytes apart, so the same call gives the same ids.
    """
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in documents]
    file_generation = Generation(generation, "app", "/var/log/app/app.log", 1_795_395_600.0)
    starts = [first + 100 * number for number in range(len(texts))]
    return Batch([RenderedDocuments(file_generation, starts, texts, [TIME] * len(texts))])


def numbered(count: int, *, first: int = 0) -> Batch:
    """Return a batch of `count` documents `{"@timestamp": …, "number": n}`, numbered from `first`."""
    return batch_of([{"@timestamp": TIME, "number": first + n} for n in range(count)], first=100 * first)


stored, rejected, retry, forgotten = "stored", "rejected", "retry", "forgotten"
"""The outcomes of a document in a script. The `WriteResult` contains neither a `retry` nor a `forgotten` document."""

Script = Sequence[Sequence[str] | DeliveryError]
"""For each attempt: the outcome of each document, or the error that the attempt raises."""


class ScriptedSink:
    """A sink whose attempts follow a script. After the last one it stores every document.

    `documents` has the stored documents by id, `sent` the ids of each attempt.
    """

    def __init__(self, attempts: Script = ()) -> None:
        self.documents: dict[str, str] = {}
        self.sent: list[list[str]] = []
        self._attempts = list(attempts)

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def probe(self) -> None:
        """Do nothing."""

    def write(self, batch: Batch) -> WriteResult:
        """Return or raise the outcome of the next attempt in the script."""
        self.sent.append(batch.ids)
        attempt = self._attempts.pop(0) if self._attempts else [stored] * len(batch)
        if isinstance(attempt, DeliveryError):
            raise attempt
        accepted = [i for i, outcome in enumerate(attempt) if outcome == stored]
        self.documents.update((batch.ids[i], batch.documents[i]) for i in accepted)
        rejections = [
            Rejection(i, "scripted", "as the script says") for i, outcome in enumerate(attempt) if outcome == rejected
        ]
        return WriteResult(accepted, rejections)


@dataclass
class LogFile:
    """A real log file, and a list of the lines that were written to it."""

    path: Path
    written: list[str] = field(default_factory=list)

    def write(self, *lines: str) -> None:
        """Append complete lines."""
        self.written += lines
        self.write_partial("".join(f"{line}\n" for line in lines))

    def write_partial(self, text: str) -> None:
        """Append text without a newline: an unterminated line. It is not added to `written`."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def rotate(self) -> Path:
        """Rename the file to the next free `.1`, `.2` …, as logrotate with `create` does. Return the new name."""
        number = 1
        while (older := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        self.path.rename(older)
        return older

    def truncate(self) -> None:
        """Empty the file, as logrotate with `copytruncate` does after the copy."""
        os.truncate(self.path, 0)
