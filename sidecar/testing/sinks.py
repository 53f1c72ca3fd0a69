"""The conformance kit for sinks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sidecar.sinks.contract import ResumableSink, Sink
from sidecar.testing.fakes import TIME, batch_of, numbered
from sidecar.testing.words import shorten


@dataclass(frozen=True)
class UnderTest:
    """The sink under test, and how to read what it stored."""

    make: Callable[[], Sink]
    """Returns a new sink for the same destination."""

    stored: Callable[[], Mapping[Any, Mapping[str, Any]]]
    """Returns all stored documents by id, or by any other key if the destination keeps no ids."""

    effectively_once: bool = True
    """Whether a batch that is written twice is stored once."""

    refused: str | None = None
    """A document that the destination always rejects, if there is one."""


@contextmanager
def open_sink(under_test: UnderTest, token: str | None = None) -> Iterator[Sink]:
    """Yield a new open sink, resumed from the token if it is resumable, and close it when the block ends."""
    sink = under_test.make()
    if isinstance(sink, ResumableSink):
        sink.resume(token)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()


def numbers(under_test: UnderTest) -> list[int]:
    """Return the numbers of the documents that are stored."""
    return sorted(int(document["number"]) for document in under_test.stored().values())


class SinkConformance:
    """Tests the rules that every sink must follow. Subclasses define the fixture `under_test`."""

    def test_every_document_is_stored(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            result = sink.write(numbered(25))
        assert sorted(result.stored) == list(range(25)), (
            "write() got 25 documents that the destination accepts, so `WriteResult.stored` must contain the indexes "
            f"0 to 24; it contains {shorten(sorted(result.stored))}"
        )
        found = numbers(under_test)
        assert found == list(range(25)), (
            "`WriteResult.stored` has 25 documents, so the destination must contain the numbers 0 to 24; "
            f"it contains {shorten(found)}"
        )

    def test_a_result_mentions_no_record_twice(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            result = sink.write(numbered(5))
        mentioned = [*result.stored, *(rejection.index for rejection in result.rejected)]
        assert len(mentioned) == len(set(mentioned)), (
            "a document is either stored or rejected, so no index may be in `WriteResult` twice; "
            f"it contains {shorten(sorted(mentioned))}"
        )

    def test_a_batch_that_is_written_twice_is_stored_once(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(numbered(5))
            again = sink.write(numbered(5))
        assert sorted(again.stored) == list(range(5)), (
            "a batch that is written again with the same ids counts as stored, even if all documents existed before; "
            f"`WriteResult.stored` contains {shorten(sorted(again.stored))} instead of 0 to 4"
        )
        found = numbers(under_test)
        if not under_test.effectively_once:
            assert found == sorted([*range(5), *range(5)]), (
                "with effectively_once=False a batch that is written twice must be stored twice: 0 to 4, each twice; "
                f"the destination contains {shorten(found)}"
            )
            return
        assert found == list(range(5)), (
            "a batch that is written again with the same ids must not be stored twice; the destination contains the "
            f"numbers {shorten(found)}; use the ids of `Batch.ids` as keys, or set `effectively_once=False`"
        )
        assert again.duplicates in (0, 5), (
            "`WriteResult.duplicates` is the number of stored documents that already existed: 5 after this second "
            f"write, or 0 from a sink that cannot find out; it is {again.duplicates}"
        )

    def test_two_equal_lines_stay_two_documents(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.write(batch_of([{"@timestamp": TIME, "number": 1}] * 2))
        found = numbers(under_test)
        assert found == [1, 1], (
            "two lines with the same text have different ids, so both must be stored; "
            f"the destination contains {found}; use `Batch.ids` as keys, not the text"
        )

    def test_a_document_is_stored_unchanged(self, under_test: UnderTest) -> None:
        document = {
            "@timestamp": TIME,
            "number": 1,
            "text": 'ä "quoted" \\ \t\x01 \U0001f600',
            "list": [1, None, 2],
        }
        with open_sink(under_test) as sink:
            sink.write(batch_of([document]))
        stored = list(under_test.stored().values())
        assert len(stored) == 1, f"one document was written, and the destination contains {len(stored)}"
        for name in ("text", "list"):
            assert stored[0].get(name) == document[name], (
                f"the field {name!r} was written as {document[name]!r} and stored as {stored[0].get(name)!r}"
            )

    def test_a_new_sink_adds_to_the_existing_documents(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            token = sink.write(numbered(3)).resume_token
        with open_sink(under_test, token) as sink:
            sink.write(numbered(3, first=3))
        found = numbers(under_test)
        assert found == list(range(6)), (
            "a new sink for the same destination must add to the existing documents: the numbers 0 to 5; "
            f"the destination contains {shorten(found)}"
        )

    def test_close_works_without_open(self, under_test: UnderTest) -> None:
        sink = under_test.make()
        for _ in range(2):
            try:
                sink.close()
            except Exception as error:
                raise AssertionError(
                    "close() must not raise, even if open() was never called or close() was already called; "
                    f"it raised {type(error).__name__}: {error}"
                ) from error

    def test_a_probe_leaves_no_document(self, under_test: UnderTest) -> None:
        with open_sink(under_test) as sink:
            sink.probe()
        found = under_test.stored()
        assert not found, f"probe() must not leave a document; the destination contains {len(found)}"

    def test_a_rejected_document_does_not_affect_the_others(self, under_test: UnderTest) -> None:
        if under_test.refused is None:
            return
        with open_sink(under_test) as sink:
            sink.write(numbered(1))
            good = json.dumps({"@timestamp": TIME, "number": 8})
            result = sink.write(batch_of([good, under_test.refused, good.replace("8", "9")], first=10_000))
        rejected = [rejection.index for rejection in result.rejected]
        assert (sorted(result.stored), rejected) == ([0, 2], [1]), (
            "the destination rejects the second of three documents, so `stored` must be [0, 2] and `rejected` must "
            f"have index 1; they are {sorted(result.stored)} and {rejected}"
        )
        assert result.rejected[0].kind, "`Rejection.kind` is empty; it must be the destination's name for the error"
        found = numbers(under_test)
        assert found == [0, 8, 9], (
            f"the other documents of the batch must be stored: 0, 8 and 9; the destination contains {found}"
        )
