"""A server or proxy in the place of Elasticsearch that holds, floods or cheats: the sink gives up in time."""

from __future__ import annotations

import gzip
import json
import os
import ssl
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from sidecar.deliver.backoff import MAX_RETRY_AFTER_S, Backoff
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.chaos.hostile.servers import Behaviour, Peer, Server, recovers, serving
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test

CREATED = b'{"errors":false,"items":[{"create":{"status":201}}]}'
HEAD = b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BLANKS = b" " * (1 << 20)
TIMEOUT_S = 0.3


def request(peer: Peer) -> None:
    """Read all of a request."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.read(1)
    [length] = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    peer.read(int(length))


def answer(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def good(peer: Peer) -> None:
    while True:
        request(peer)
        peer.send(answer(CREATED))


def after_the_request(act: Callable[[Peer], None]) -> Behaviour:
    def behave(peer: Peer) -> None:
        request(peer)
        act(peer)

    return behave


def sends(data: bytes) -> Behaviour:
    return after_the_request(lambda peer: peer.send(data))


def trickles(data: bytes, before: bytes = b"") -> Behaviour:
    """What would be a good answer, if there were time to wait for it."""

    def act(peer: Peer) -> None:
        peer.send(before)
        peer.trickle(data)

    return after_the_request(act)


def floods(before: bytes, data: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(before)
        peer.flood(data)

    return after_the_request(act)


def slow_to_read(peer: Peer) -> None:
    peer.read_slowly()


def resets(before: bytes) -> Behaviour:
    def act(peer: Peer) -> None:
        peer.send(before)
        peer.reset()

    return after_the_request(act)


def refused_while_sending(peer: Peer) -> None:
    peer.read(1000)
    peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


BOMB = gzip.compress(BLANKS * 64, 9)

FAULTY: dict[str, Behaviour] = {
    "never answers": after_the_request(Peer.wait),
    "never reads": Peer.wait,
    "reads a byte at a time": slow_to_read,
    "sends its status a byte at a time": trickles(answer(CREATED)),
    "sends its headers a byte at a time": trickles(
        b"X-A: %b\r\nContent-Length: %d\r\n\r\n" % (b"b" * 900, len(CREATED)) + CREATED, HEAD
    ),
    "sends its answer a byte at a time": trickles(
        b" " * 900 + CREATED, HEAD + b"Content-Length: %d\r\n\r\n" % (900 + len(CREATED))
    ),
    "sends its chunks a byte at a time": trickles(b"1\r\n \r\n" * 200, CHUNKED),
    "asks to continue without end": floods(b"", b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n" * 100),
    "sends headers without end": floods(HEAD, b"X-A: b\r\n" * 1000),
    "sends one header without end": floods(HEAD + b"X-A: ", b"b" * 65536),
    "sends one status without end": floods(b"HTTP/1.1 200 ", b"b" * 65536),
    "sends a chunk's extension without end": floods(CHUNKED + b"1;", b"b" * 65536),
    "sends trailers without end": floods(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000),
    "sends chunks without end": floods(CHUNKED, b"100000\r\n" + BLANKS + b"\r\n"),
    "sends small chunks without end": floods(CHUNKED, b"1\r\n \r\n" * 10000),
    "announces 3 GB": floods(HEAD + b"Content-Length: 3000000000\r\n\r\n", BLANKS),
    "announces a length that is none": floods(HEAD + b"Content-Length: -1\r\n\r\n", BLANKS),
    "sends without a length and without end": floods(HEAD.replace(b"1.1", b"1.0") + b"\r\n", BLANKS),
    "sends gzip that nobody asked for": sends(answer(BOMB, b"Content-Encoding: gzip\r\n")),
    "sends an encoding that nobody knows": sends(answer(CREATED, b"Content-Encoding: br\r\n")),
    "breaks off": sends(HEAD + b"Content-Length: 100\r\n\r\n" + CREATED),
    "breaks off a chunk": sends(CHUNKED + b"99\r\n" + CREATED),
    "closes at once": lambda peer: None,
    "resets the connection": resets(b""),
    "resets the connection within the answer": resets(HEAD + b"Content-Length: 100\r\n\r\n{"),
    "says 502 without end": floods(b"HTTP/1.1 502 Bad\r\nContent-Length: 734003200\r\n\r\n", b"x" * 65536),
    "says 503 before it has read": refused_while_sending,
    "is not HTTP": sends(b"\x80" + os.urandom(999)),
    "nests deeply": sends(answer(b"[" * 5_000_000)),
    "nests deeply within": sends(answer(b'{"errors":false,"items":[{"create":' + b'{"a":' * 1_000_000)),
    "speaks of more documents": sends(answer(CREATED.replace(b"[{", b'[{"create":{"status":201}},{'))),
    "warns": sends(answer(b"{}", b'Warning: 299 x "y"\r\n')),
}
WRONG_TYPES = [
    b"null", b"1", b'""', b"[]", b"{}", b"\xff", b"\xff\xfe", b'{"errors":1,"items":[]}',
    b'{"errors":false,"items":{}}', b'{"errors":false,"items":[null]}', b'{"errors":false,"items":[{}]}',
    b'{"errors":false,"items":[{"create":1}]}', b'{"errors":false,"items":[{"create":{"status":"201"}}]}',
    b'{"errors":false,"items":[{"create":{"status":20.1}}]}',
    b'{"errors":false,"items":[{"create":{"status":%b}}]}' % (b"9" * 5000),
    b'{"errors":true,"items":[{"index":{"status":201}}]}',
]  # fmt: skip
FAULTY |= {f"answers {body[:70]!r}": sends(answer(body)) for body in WRONG_TYPES}


def sink_at(server: Server, scheme: str = "http", **settings: Any) -> ElasticsearchSink:
    given = {"hosts": [f"{scheme}://127.0.0.1:{server.port}"], "index": "app", "timeout": TIMEOUT_S, **settings}
    return close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate(given)))


@pytest.mark.parametrize("name", FAULTY)
def test_a_server_in_the_place_of_elasticsearch_cannot_hold_the_sink(name: str) -> None:
    document = json.dumps({"text": "x" * (8 << 20 if "read" in name else 1)})
    with serving(FAULTY[name]) as server:
        sink = sink_at(server)
        with pytest.raises(Retryable) as fault:
            sink.write(batch_of(document))
        assert not isinstance(fault.value, RequestTooLarge)
        assert len(str(fault.value)) < 1000
        assert recovers(server, sink, good)


def test_a_server_that_answers_with_an_alert_of_tls_cannot_hold_it_either() -> None:
    """The alert says what is wrong with the settings, whatever follows it."""
    with serving(sends(b"\x15\x03\x01\x00\x02\x02\x50" + os.urandom(999))) as server:
        sink = sink_at(server)
        with pytest.raises(Misconfigured, match="the server expects TLS"):
            sink.write(batch_of("{}"))
        assert recovers(server, sink, good)


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("name", [name for name in FAULTY if "byte at a time" in name or "never" in name])
def test_a_server_with_tls_cannot_hold_it_either(name: str, tls: ssl.SSLContext) -> None:
    document = json.dumps({"text": "x" * (8 << 20 if "read" in name else 1)})
    with serving(FAULTY[name], tls) as server:
        sink = sink_at(server, "https", verify=False)
        with pytest.raises(Retryable):
            sink.write(batch_of(document))
        assert recovers(server, sink, good)


def test_a_handshake_that_never_ends_does_not_hold_the_sink() -> None:
    slow = serving(lambda peer: peer.trickle(b"\x16\x03\x03\x40\x00" + bytes(900)))
    with slow as server, pytest.raises(Retryable, match="did not answer in time"):
        sink_at(server, "https", verify=False).write(batch_of("{}"))


@pytest.mark.parametrize(
    "packed", [BOMB, gzip.compress(CREATED)[:-9], b"\x1f\x8b" + bytes(99), CREATED, zlib.compress(CREATED), b""],
    ids=["a bomb", "broken off", "damaged", "not packed", "of another kind", "empty"],
)  # fmt: skip
def test_gzip_that_was_asked_for_is_unpacked_within_bounds(packed: bytes) -> None:
    with serving(sends(answer(packed, b"Content-Encoding: gzip\r\n"))) as server:
        sink = sink_at(server, compress=True)
        with pytest.raises(Retryable) as fault:
            sink.write(batch_of("{}"))
        assert not isinstance(fault.value, RequestTooLarge)
        assert recovers(server, sink, good)


def response(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = [b"HTTP/1.1 %d X" % status, *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


AS_JSON, GZIPPED = b"Content-Type: application/json", gzip.compress(CREATED)
UNUSUAL = {
    "gzip that nobody asked for": response(200, GZIPPED, AS_JSON, b"Content-Encoding: gzip"),
    "x-gzip": response(200, GZIPPED, AS_JSON, b"Content-Encoding: X-GZIP"),
    "an empty encoding": response(200, CREATED, AS_JSON, b"Content-Encoding:"),
    "no type": response(200, CREATED),
    "a type in capitals": response(200, CREATED, b"Content-Type: Application/JSON; charset=UTF-8"),
    "the type twice": response(200, CREATED, AS_JSON, AS_JSON),
    "the type of a text": response(200, CREATED, b"Content-Type: text/plain"),
    "no type of a document": response(200, CREATED, b"Content-Type: application/octet-stream"),
    "207": response(207, CREATED, AS_JSON),
    "no length": HEAD + b"Connection: close\r\n\r\n" + CREATED,
    "HTTP/1.0": HEAD.replace(b"1.1", b"1.0") + b"\r\n" + CREATED,
    "100 before it": b"HTTP/1.1 100 Continue\r\n\r\n" + response(200, CREATED, AS_JSON),
    "a chunk with an extension, and trailers":
        CHUNKED + b"%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(CREATED), CREATED),
    "more fields than asked for": response(
        200, b'{"took":1,"errors":false,"items":[{"create":{"_index":"a","_shards":{},"status":201}}]}', AS_JSON
    ),
    "bytes after it": response(200, CREATED, AS_JSON) + b"garbage",
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_answer_is_understood(name: str) -> None:
    with serving(sends(UNUSUAL[name])) as server:
        sink = sink_at(server, timeout=20)
        assert [list(sink.write(batch_of("{}")).stored) for _ in range(2)] == [[0], [0]]


PAGE = response(200, b"<html>maintenance</html>", b"Content-Type: text/html")


@pytest.mark.parametrize(
    "reply",
    [PAGE, *(response(status, b"{}", AS_JSON) for status in (301, 401, 404))],
    ids=["page", "301", "401", "404"],
)
def test_one_of_several_hosts_that_refuses_everything_is_skipped(reply: bytes) -> None:
    with serving(good) as server, serving(sends(reply)) as other:
        sink = sink_at(server, hosts=[f"http://127.0.0.1:{each.port}" for each in (other, server)], timeout=20)
        failures = 0
        for _ in range(20):
            try:
                assert list(sink.write(batch_of("{}")).stored) == [0]
            except Retryable:
                failures += 1
        assert failures == 1


def test_hosts_that_all_refuse_everything_are_misconfigured() -> None:
    with serving(sends(PAGE)) as server, serving(sends(PAGE)) as other:
        sink = sink_at(server, hosts=[f"http://127.0.0.1:{each.port}" for each in (other, server)], timeout=20)
        with pytest.raises(Retryable, match="a web page answers"):
            sink.write(batch_of("{}"))
        for _ in range(4):
            with pytest.raises(Misconfigured, match="a web page answers"):
                sink.write(batch_of("{}"))


PRESSURE = (
    b'{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation '
    b'[coordinating_operation_bytes=62914800, max_coordinating_bytes=53687091]"},"status":429}'
)


@pytest.mark.parametrize(
    "reply",
    [
        response(429, PRESSURE, AS_JSON),
        response(429, gzip.compress(PRESSURE), AS_JSON, b"Content-Encoding: gzip"),
        response(429, PRESSURE, AS_JSON, b"Content-Encoding: Identity"),
    ],
    ids=["plain", "gzip", "identity"],
)
def test_the_reason_of_a_refused_request_is_read_in_each_encoding(reply: bytes) -> None:
    with serving(sends(reply)) as server, pytest.raises(RequestTooLarge, match="needs 62914800 bytes"):
        sink_at(server, timeout=20, compress=True).write(batch_of("{}"))


@pytest.mark.parametrize("body", [BOMB, GZIPPED[:-5], b"no gzip", b""], ids=["bomb", "cut off", "no gzip", "empty"])
def test_a_refusal_whose_reason_cannot_be_read_is_still_a_refusal(body: bytes) -> None:
    reply = response(503, body, AS_JSON, b"Content-Encoding: gzip")
    with serving(sends(reply)) as server, pytest.raises(Retryable, match="answered 503"):
        sink_at(server, timeout=20, compress=True).write(batch_of("{}"))


def answers_early(data: bytes) -> Behaviour:
    """Answer as soon as the head is there, and never read the body."""

    def behave(peer: Peer) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += peer.read(1)
        peer.send(data)
        peer.wait()

    return behave


LARGE = json.dumps({"text": "x" * (8 << 20)})


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("status", "fault"), [(413, RequestTooLarge), (401, Misconfigured), (429, Retryable)])
def test_an_answer_to_a_request_that_nobody_reads_is_read(
    scheme: str, status: int, fault: type[DeliveryError], tls: ssl.SSLContext
) -> None:
    early = serving(answers_early(response(status, b"no")), tls if scheme == "https" else None)
    with early as server, pytest.raises(fault, match=f"answered {status}"):
        sink_at(server, scheme, verify=False, timeout=20).write(batch_of(LARGE))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_reads_late_gets_the_whole_request(scheme: str, tls: ssl.SSLContext) -> None:
    """With TLS, its tickets are there to be read meanwhile."""

    def behave(peer: Peer) -> None:
        peer.ended.wait(0.3)
        good(peer)

    with serving(behave, tls if scheme == "https" else None) as server:
        assert list(sink_at(server, scheme, verify=False, timeout=20).write(batch_of(LARGE)).stored) == [0]


@pytest.mark.parametrize(
    "page",
    [
        response(400, b"<html>The plain HTTP request was sent to HTTPS port</html>", b"Content-Type: text/html"),
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    ],
    ids=["nginx", "Go"],
)
def test_a_gateway_that_expects_tls_is_named(page: bytes) -> None:
    with serving(sends(page)) as server, pytest.raises(Misconfigured, match="the server expects TLS; write elastic"):
        sink_at(server, timeout=20).write(batch_of("{}"))


def test_an_answer_that_is_too_large_for_several_documents_is_asked_for_in_parts() -> None:
    with serving(floods(CHUNKED, b"100000\r\n" + BLANKS + b"\r\n")) as server, pytest.raises(RequestTooLarge):
        sink_at(server, timeout=20).write(batch_of("{}", "{}"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with serving(good) as other:
        location = b"Location: http://127.0.0.1:%d/_bulk\r\nContent-Length: 0\r\n\r\n" % other.port
        with serving(sends(b"HTTP/1.1 %d Elsewhere\r\n" % status + location)) as server:
            with pytest.raises(Misconfigured, match=str(status)):
                sink_at(server, username="u", password="p").write(batch_of("{}"))
            assert other.connections == 0


@pytest.mark.parametrize("error_type", ["document_parsing_exception", "x" * 1_000_000])
def test_error_messages_of_megabytes_are_shortened(error_type: str) -> None:
    error = {"type": error_type, "reason": "long " * 1000 + " " * 3_000_000 + "words " * 100_000}
    body = json.dumps({"errors": True, "items": [{"create": {"status": 400, "error": error}}]}).encode()
    with serving(sends(answer(body))) as server:
        verdict = sink_at(server, timeout=20).write(batch_of("{}"))
    assert all(len(rejection.reason) <= 300 for rejection in verdict.rejected)
    assert len(str(verdict.error)) < 1000


def test_a_late_response_is_not_used_for_the_next_request() -> None:
    """The second request is about two documents, of which the server stores none."""
    busy = b'{"create":{"status":429}}'
    full = answer(b'{"errors":true,"items":[%b,%b]}' % (busy, busy))
    two = answer(b'{"errors":false,"items":[{"create":{"status":201}},{"create":{"status":201}}]}')

    def behave(peer: Peer) -> None:
        request(peer)
        peer.send(answer(CREATED) + two)
        request(peer)
        peer.send(full)

    with serving(behave) as server:
        sink = sink_at(server, timeout=20)
        assert list(sink.write(batch_of("{}")).stored) == [0]
        assert list(sink.write(batch_of("{}", "{}")).stored) == []


@pytest.mark.parametrize(
    "header",
    ["99999999999999999999", "9" * 400, "\u00b2", "-5", "1e3", "nan", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 99 Foo",
     "Fri, 31 Dec 99999999999 23:59:59 GMT", "Fri, 31 Dec 2026 23:59:59 -9999999999", ", " * 999, "x" * 30_000],
)  # fmt: skip
def test_an_absurd_retry_after_does_no_harm(header: str) -> None:
    head = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: %b\r\n\r\n" % header.encode("latin-1")
    with serving(sends(head)) as server, pytest.raises(Retryable) as fault:
        sink_at(server, timeout=20).write(batch_of("{}"))
    assert 0 <= Backoff().after(fault.value) <= MAX_RETRY_AFTER_S + 1


PROBE = """
import sys
from pathlib import Path
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.errors import DeliveryError
from tests.support.builders.batches import batch_of

def peak():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) >> 10

def sink_at(port, **more):
    given = {"hosts": [f"http://127.0.0.1:{port}"], "index": "app", "timeout": 20, **more}
    return ElasticsearchSink(ElasticsearchSettings.model_validate(given))

sinks = [sink_at(sys.argv[1], compress=True), *map(sink_at, sys.argv[1:])]
for sink in sinks:
    sink.open()
before = peak()
for sink in sinks:
    try:
        sink.write(batch_of("{}"))
    except DeliveryError:
        print(peak() - before)
"""


def test_no_answer_takes_much_memory() -> None:
    behaviours = [
        sends(answer(BOMB, b"Content-Encoding: gzip\r\n")),
        FAULTY["sends chunks without end"],
        FAULTY["announces 3 GB"],
        FAULTY["sends without a length and without end"],
        FAULTY["says 502 without end"],
        sends(answer(b'{"error":[' + b"[]," * 2_000_000 + b"1]}")),
        sends(answer(b'{"errors":true,"items":[' + b'{"create":{"status":200}},' * 310_000 + b"0]}")),
    ]
    with ExitStack() as stack:
        ports = [str(stack.enter_context(serving(behaviour)).port) for behaviour in behaviours]
        command = [sys.executable, "-c", PROBE, *ports]
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd()).stdout
    grown = [int(line) for line in said.splitlines()]
    assert len(grown) == len(behaviours) + 1
    assert max(grown) < 40
