"""For those who write a sink: batches to write, a scripted sink, a clock, a log file, and the conformance kit.

The kit is a class of pytest tests. A sink passes it by saying how it is made and how it is read back:

    class TestMine(SinkConformance):
        @pytest.fixture
        def under_test(self, tmp_path):
            return UnderTest(make=lambda: MySink(...), stored=lambda: {...})
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.errors import DeliveryError
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.sinks.contract import ResumableSink, Sink

TIME = "2026-11-23T01:00:00.123456Z"


@dataclass
class ManualClock:
    """A clock that stands still until it is told to move; both readings move together."""

    at: float = 1_795_395_600.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    def advance(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self.at += seconds


def batch_of(documents: Sequence[str | Mapping[str, Any]], *, first: int = 0, generation: int = 35) -> Batch:
    """A batch of these documents (JSON text, or what becomes it), `first` being the offset of the first one.

    Each is 100 bytes behind the one before it, so the ids of the same call are the same.
    """
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in documents]
    life = Generation(generation, "app", "/var/log/app/app.log", 1_795_395_600.0)
    starts = [first + 100 * number for number in range(len(texts))]
    return Batch([RenderedDocuments(life, starts, texts, [TIME] * len(texts))])


def numbered(count: int, *, first: int = 0) -> Batch:
    """A batch of `count` documents `{"@timestamp": …, "number": n}`, numbered from `first`."""
    return batch_of([{"@timestamp": TIME, "number": first + n} for n in range(count)], first=100 * first)


stored, rejected, retry, forgotten = "stored", "rejected", "retry", "forgotten"
"""What a scripted attempt can do with a record. A fault in place of a list is raised."""

Script = Sequence[Sequence[str] | DeliveryError]


class ScriptedSink:
    """Answers attempt by attempt as the script says; after its end it stores everything. Keeps what it stored."""

    def __init__(self, attempts: Script = ()) -> None:
        self.documents: dict[str, str] = {}
        self.sent: list[list[str]] = []
        self._attempts = list(attempts)

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def probe(self) -> None:
        """Nothing to try."""

    def write(self, batch: Batch) -> WriteResult:
        """The next attempt of the script."""
        self.sent.append(batch.ids)
        attempt = self._attempts.pop(0) if self._attempts else [stored] * len(batch)
        if isinstance(attempt, DeliveryError):
            raise attempt
        taken = [i for i, what in enumerate(attempt) if what == stored]
        self.documents.update((batch.ids[i], batch.documents[i]) for i in taken)
        refused = [
            Rejection(i, "scripted", "as the script says") for i, what in enumerate(attempt) if what == rejected
        ]
        return WriteResult(taken, refused)


@dataclass
class LogFile:
    """A real log file, and all that was ever written into it."""

    path: Path
    written: list[str] = field(default_factory=list)

    def write(self, *lines: str) -> None:
        """Append whole lines."""
        self.written += lines
        self.write_partial("".join(f"{line}\n" for line in lines))

    def write_partial(self, text: str) -> None:
        """Append text as it is; for lines that are not finished. Not counted in `written`."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def rotate(self) -> Path:
        """Rename the file to the next free `.1`, `.2` …, as logrotate with `create` does; returns the new name."""
        number = 1
        while (older := self.path.with_name(f"{self.path.name}.{number}")).exists():
            number += 1
        self.path.rename(older)
        return older

    def truncate(self) -> None:
        """Empty the file, as logrotate with `copytruncate` does after the copy."""
        os.truncate(self.path, 0)


@dataclass(frozen=True)
class UnderTest:
    """A sink as the kit sees it.

    `make` gives a new sink for the same destination; `stored` reads back id → document (or a number in place of
    an id, for a destination that does not keep ids). `effectively_once`: the same batch twice is stored once.
    `refused`: a document that the destination will never take, if there is one. `exact`: numbers keep their text.
    """

    make: Callable[[], Sink]
    stored: Callable[[], Mapping[Any, Mapping[str, Any]]]
    effectively_once: bool = True
    refused: str | None = None
    exact: bool = True


@contextmanager
def open_sink(under_test: UnderTest, receipt: str | None = None) -> Iterator[Sink]:
    """The sink, opened as a shipper opens it, and closed again."""
    sink = under_test.make()
    if isinstance(sink, ResumableSink):
        sink.resume(receipt)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()


def numbers(under_test: UnderTest) -> list[int]:
    """The numbers of the documents that are stored."""
    return sorted(int(document["number"]) for document in under_test.stored().values())


class SinkConformance:
    """What every sink has to do. Subclasses give the fixture `under_test`."""

    def test_every_document_is_stored(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            verdict = sink.write(numbered(25))
        assert sorted(verdict.stored) == list(range(25))
        assert numbers(under_test) == list(range(25))

    def test_a_verdict_mentions_no_record_twice(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            verdict = sink.write(numbered(5))
        mentioned = [*verdict.stored, *(refusal.index for refusal in verdict.rejected)]
        assert len(mentioned) == len(set(mentioned))

    def test_the_same_batch_again_is_stored_and_stored_once(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(numbered(5))
            again = sink.write(numbered(5))
        assert sorted(again.stored) == list(range(5))
        expected = list(range(5)) if under_test.effectively_once else sorted([*range(5), *range(5)])
        assert numbers(under_test) == expected
        if under_test.effectively_once:
            assert again.duplicates == 5

    def test_two_equal_lines_stay_two_documents(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(batch_of([{"@timestamp": TIME, "number": 1}] * 2))
        assert numbers(under_test) == [1, 1]

    def test_what_the_application_wrote_comes_back_as_it_was(self, under_test: UnderTest) -> None:
        document = {
            "@timestamp": TIME,
            "number": 1,
            "text": 'ä "quoted" \\ \t\x01 \U0001f600',
            "list": [1, None, 2],
        }
        with open_sink(under_test) as sink:
            sink.write(batch_of([document]))
        (found,) = under_test.stored().values()
        assert (found["text"], found["list"]) == (document["text"], document["list"])

    def test_it_goes_on_after_it_was_closed_and_opened_again(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            receipt = sink.write(numbered(3)).resume_token
        with open_sink(under_test, receipt) as sink:
            sink.write(numbered(3, first=3))
        assert numbers(under_test) == list(range(6))

    def test_closing_what_was_never_opened_is_nothing(self, under_test: UnderTest) -> None:
        sink = under_test.make()
        sink.close()
        sink.close()

    def test_a_probe_leaves_nothing_behind(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.probe()
        assert numbers(under_test) == []

    def test_a_refused_document_does_not_hold_back_its_neighbours(self, under_test: UnderTest) -> None:
        if under_test.refused is None:
            return
        with open_sink(under_test) as sink:
            sink.write(numbered(1))
            good = json.dumps({"@timestamp": TIME, "number": 8})
            verdict = sink.write(batch_of([good, under_test.refused, good.replace("8", "9")], first=10_000))
        assert sorted(verdict.stored) == [0, 2]
        (refusal,) = verdict.rejected
        assert refusal.index == 1
        assert refusal.kind
        assert numbers(under_test) == [0, 8, 9]
