"""A sink that refuses whole requests because of single documents: the others are stored."""

from __future__ import annotations

import threading
from collections.abc import Collection

import pytest

from sidecar.deliver.isolation import MAX_REQUESTS_WITHOUT_SUCCESS, REQUEST_BLOCKED
from sidecar.deliver.retry import DeliveryResult, RetryingWriter
from sidecar.errors import DeliveryError, RequestBlocked, RequestTooLarge, Retryable
from sidecar.model.batch import Batch, WriteResult
from tests.support.builders.batches import batch_of


class Firewall:
    """Refuses each request with one of these texts, and stores all other documents."""

    def __init__(self, *attacks: str, max_records: int = 1 << 30, may_reject: bool = True) -> None:
        self.attacks: Collection[str] = attacks
        self.max_records, self.may_reject = max_records, may_reject
        self.stored: list[str] = []
        self.requests = 0

    def open(self) -> None: ...

    def close(self) -> None: ...

    def probe(self) -> None: ...

    def write(self, batch: Batch) -> WriteResult:
        self.requests += 1
        if len(batch) > self.max_records:
            raise RequestTooLarge("413")
        if not set(self.attacks).isdisjoint(batch.documents):
            raise RequestBlocked("answered 403 by nginx", status=403, may_reject=self.may_reject)
        self.stored += batch.documents
        return WriteResult(range(len(batch)))


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def deliver_twice(sink: Firewall, count: int) -> DeliveryResult:
    """Deliver the same batch twice: the first refusal may have another cause."""
    writer, batch = RetryingWriter(sink, threading.Event()), batch_of(*numbers(count))
    with pytest.raises(RequestBlocked):
        writer.deliver(batch)
    return writer.deliver(batch)


@pytest.mark.parametrize(
    "attacks", [["0"], ["99"], ["42"], ["0", "1", "2"], ["0", "50", "99"], numbers(60)[10:]], ids=" ".join
)
def test_only_the_documents_because_of_which_requests_are_refused_are_dead_letters(attacks: list[str]) -> None:
    sink = Firewall(*attacks)
    result = deliver_twice(sink, 100)
    assert sorted(map(str, result.rejected)) == sorted(attacks)
    assert sorted(sink.stored, key=int) == [number for number in numbers(100) if number not in attacks]
    assert {(each.kind, each.status, each.reason) for each in result.rejected.values()} == {
        (REQUEST_BLOCKED, 403, "answered 403 by nginx")
    }
    assert result.postponed == {}


def test_one_document_among_ten_thousand_is_found_with_few_requests() -> None:
    sink = Firewall("7777")
    assert list(deliver_twice(sink, 10_000).rejected) == [7777]
    assert sink.requests < 35


def test_a_limit_of_the_size_and_a_firewall_work_together() -> None:
    sink = Firewall("5", max_records=8)
    assert list(deliver_twice(sink, 100).rejected) == [5]
    assert len(sink.stored) == len(set(sink.stored)) == 99


def test_documents_that_are_to_wait_are_postponed() -> None:
    sink = Firewall("5", may_reject=False)
    result = deliver_twice(sink, 20)
    assert (result.rejected, list(result.postponed)) == ({}, [5])
    assert len(sink.stored) == 19


def test_a_sink_that_refuses_everything_gets_few_requests_and_no_document_is_a_dead_letter() -> None:
    sink = Firewall(*numbers(1000))
    writer, batch = RetryingWriter(sink, threading.Event()), batch_of(*numbers(1000))
    requests = []
    for _ in range(64):
        before = sink.requests
        with pytest.raises(RequestBlocked):
            writer.deliver(batch)
        requests.append(sink.requests - before)
    divided = [number for number, count in enumerate(requests, 1) if count > 1]
    assert divided == [2, 4, 8, 16, 32, 64]
    assert max(requests) == 1 + MAX_REQUESTS_WITHOUT_SUCCESS


def test_a_refusal_that_ends_in_between_rejects_nothing() -> None:
    class Recovering(Firewall):
        def write(self, batch: Batch) -> WriteResult:
            if self.requests == 5:
                self.attacks = ()
            return super().write(batch)

    sink = Recovering(*numbers(100))
    assert deliver_twice(sink, 100).rejected == {}
    assert sorted(sink.stored, key=int) == numbers(100)


@pytest.mark.parametrize("has_stored", [False, True])
def test_another_error_ends_the_search_and_what_was_stored_stays_stored(has_stored: bool) -> None:
    class Ending(Firewall):
        def write(self, batch: Batch) -> WriteResult:
            if self.requests >= 2 and bool(self.stored) == has_stored:
                raise Retryable("answered 503")
            return super().write(batch)

    sink = Ending("70")
    writer, batch = RetryingWriter(sink, threading.Event()), batch_of(*numbers(100))
    with pytest.raises(RequestBlocked):
        writer.deliver(batch)
    if not has_stored:
        with pytest.raises(Retryable, match="503"):
            writer.deliver(batch)
        return
    result = writer.deliver(batch)
    assert (result.rejected, sorted(result.postponed)) == ({}, list(range(50, 100)))
    assert isinstance(result.reasons[""], DeliveryError)
