"""Which documents are looked up before they are sent again."""

from __future__ import annotations

import socket
from collections.abc import Collection

import elastic_transport
import pytest

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.model.batch import Batch
from sidecar.model.documents import RenderedDocuments
from sidecar.model.file import Generation
from sidecar.sinks.common.errors import translate_errors
from sidecar.sinks.common.target_limit import BatchTargets
from sidecar.sinks.elasticsearch.bulk_response import decode_response
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS
from sidecar.sinks.elasticsearch.node import ProxyError, ResponseUnreadable
from sidecar.sinks.elasticsearch.sent_ids import SentIds, list_unknown, may_have_arrived
from sidecar.sinks.elasticsearch.timed_socket import ResponseTooLarge
from sidecar.testing import ManualClock

START = 1000.0
WINDOW = 100
APP = BatchTargets("app")


class Index:
    """An index with these ids, which records what is looked up."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.asked: list[tuple[str, list[str]]] = []

    def find(self, target: str, ids: Collection[str]) -> Collection[str]:
        self.asked.append((target, list(ids)))
        return self.ids & set(ids)


def lines(*starts: int, born: float = START + 1, number: int = 1) -> Batch:
    documents = ["{}"] * len(starts)
    return Batch([RenderedDocuments(Generation(number, "app", "/a", born), list(starts), documents, documents)])


def test_nothing_is_looked_up_without_a_reason() -> None:
    index = Index()
    assert SentIds(index.find, WINDOW, ManualClock(START)).find_stored(lines(0, 10), APP) == []
    assert index.asked == []


def test_only_ids_with_unknown_outcome_are_looked_up_in_the_stream_of_each_document() -> None:
    ids = lines(0, 10, 20).ids
    index = Index(ids[1])
    sent = SentIds(index.find, WINDOW, ManualClock(START))
    sent.add_failure(ids[:2])
    assert sent.find_stored(lines(0, 10, 20), BatchTargets(["a", "b", "a"])) == [1]
    assert index.asked == [("a", ids[:1]), ("b", ids[1:2])]


def test_an_id_that_is_stored_is_remembered_until_its_result_is_returned() -> None:
    batch = lines(0, 10)
    index = Index(batch.ids[0])
    sent = SentIds(index.find, WINDOW, ManualClock(START))
    sent.add_failure(batch.ids)
    assert sent.find_stored(batch, APP) == [0]
    assert sent.find_stored(batch, APP) == [0]
    sent.discard([batch.ids[0]])
    assert sent.find_stored(batch, APP) == []
    assert [len(ids) for _, ids in index.asked] == [2, 1]


def test_a_file_of_an_earlier_process_is_looked_up_as_far_as_that_may_have_sent_it() -> None:
    index = Index(*lines(90).ids)
    sent = SentIds(index.find, WINDOW, ManualClock(START))
    for start in (0, 90, 180, 200, 300):
        sent.find_stored(lines(start, born=START - 1), APP)
    assert [ids for _, ids in index.asked] == [lines(0).ids, lines(90).ids, lines(180).ids]


def test_what_is_written_after_the_start_is_not_looked_up() -> None:
    """A file that grows slowly would otherwise be looked up for days, until it has grown by the window."""
    index, clock = Index(lines(20, born=START - 1).ids[0]), ManualClock(START)
    sent = SentIds(index.find, WINDOW, clock)
    looked_up = []
    for start, pause in ((0, 0.0), (10, 50.0), (20, 5.0), (30, 50.0), (40, 20.0), (50, 0.0)):
        clock.advance(pause)
        before = len(index.asked)
        sent.find_stored(lines(start, born=START - 1), APP)
        looked_up.append(len(index.asked) > before)
    assert looked_up == [True, True, True, True, False, False]


def test_a_request_that_fails_lets_the_look_up_of_earlier_documents_continue() -> None:
    index, clock = Index(), ManualClock(START)
    sent = SentIds(index.find, WINDOW, clock)
    sent.find_stored(lines(0, born=START - 1), APP)
    clock.advance(50)
    sent.add_failure(["another"])
    clock.advance(50)
    sent.find_stored(lines(10, born=START - 1), APP)
    assert len(index.asked) == 2


def test_a_look_up_that_fails_is_repeated_however_long_that_takes() -> None:
    clock, asked = ManualClock(START), []

    def find(target: str, ids: Collection[str]) -> Collection[str]:
        asked.append(target)
        raise Retryable("down")

    sent = SentIds(find, WINDOW, clock)
    for _ in range(4):
        with pytest.raises(Retryable):
            sent.find_stored(lines(0, born=START - 1), APP)
        clock.advance(50)
    assert len(asked) == 4


def fail_with(error: Exception) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught, translate_errors(TRANSPORT_ERRORS, "es"):
        raise error
    return caught.value


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "is_unknown"),
    [
        (fail_with(elastic_transport.ConnectionTimeout("")), True),
        (fail_with(elastic_transport.ConnectionError("reset")), True),
        (fail_with(ResponseUnreadable("")), True),
        (fail_with(ResponseTooLarge("")), True),
        (fail_with(caused(elastic_transport.ConnectionError(""), ConnectionRefusedError())), False),
        (fail_with(caused(elastic_transport.ConnectionError(""), socket.gaierror())), False),
        (fail_with(elastic_transport.TlsError("")), False),
        (fail_with(ProxyError("")), False),
        (RequestTooLarge("the request is too large"), False),
        (Misconfigured("the file cannot be read"), False),
        (Retryable("the host has no address"), True),
    ],
)
def test_a_request_may_have_arrived_unless_the_error_excludes_it(error: DeliveryError, is_unknown: bool) -> None:
    assert may_have_arrived(error) is is_unknown


@pytest.mark.parametrize(
    ("status", "body", "unknown"),
    [
        (200, '{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}', []),
        (200, '{"errors":true,"items":[{"create":{"status":503}},{"create":{"status":429}}]}', [0]),
        (413, "{}", []),
        (429, "{}", []),
        (408, "{}", [0, 1]),
        (504, "{}", [0, 1]),
    ],
)
def test_an_answer_leaves_the_outcome_of_these_documents_open(status: int, body: str, unknown: list[int]) -> None:
    assert list(list_unknown(status, decode_response(body.encode()), 2)) == unknown
