"""A server in the place of MongoDB that holds, floods or cheats: the sink gives up in time."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.sinks.mongodb.errors import DOCUMENT_ERRORS
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from tests.chaos.hostile.servers import Behaviour, Peer, Server, recovers, serving
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test
from tests.support.refusals import SECRET

HELLO = {
    "ok": 1, "isWritablePrimary": True, "ismaster": True, "helloOk": True, "minWireVersion": 0, "maxWireVersion": 21,
    "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
}  # fmt: skip
QUERY, REPLY, MESSAGE = 2004, 1, 2013
Command = dict[str, Any]
Insert = Callable[[Peer, int, int, Command], None]


def command(peer: Peer) -> tuple[int, int, Command]:
    """The next request: its number, its kind, and its first document; an insert has its documents in it."""
    length, number, _, kind = struct.unpack("<iiii", peer.read(16))
    body = peer.read(length - 16)
    start = body.index(b"\0", 4) + 9 if kind == QUERY else 5
    end = start + struct.unpack_from("<i", body, start)[0]
    asked = bson.decode(body[start:end])
    if "insert" in asked:  # they follow as another section of the message
        section = body[end + 1 : end + 1 + struct.unpack_from("<i", body, end + 1)[0]]
        asked["documents"] = bson.decode_all(section[section.index(b"\0", 4) + 1 :])
    return number, kind, asked


def reply(number: int, kind: int, document: bytes) -> bytes:
    body = struct.pack("<iqii", 8, 0, 0, 1) if kind == QUERY else struct.pack("<iB", 0, 0)
    header = struct.pack("<iiii", 16 + len(body) + len(document), 1, number, REPLY if kind == QUERY else MESSAGE)
    return header + body + document


def is_hello(asked: Command) -> bool:
    return next(iter(asked)).lower() in ("hello", "ismaster")


def speaking(insert: Insert, hello: Command = HELLO) -> Behaviour:
    """MongoDB as far as anybody asks, but for what it does with an insert."""

    def behave(peer: Peer) -> None:
        while True:
            number, kind, asked = command(peer)
            if is_hello(asked):
                if "topologyVersion" in asked:
                    peer.wait()
                peer.send(reply(number, kind, bson.encode(hello)))
            elif "insert" in asked:
                insert(peer, number, kind, asked)
            else:
                peer.send(reply(number, kind, bson.encode({"ok": 1})))

    return behave


def answers(document: Command) -> Insert:
    return lambda peer, number, kind, asked: peer.send(reply(number, kind, bson.encode(document)))


def judges(judge: Callable[[Command], Command]) -> Insert:
    """Answers an insert by what is in it."""
    return lambda peer, number, kind, asked: peer.send(reply(number, kind, bson.encode(judge(asked))))


def error(**members: Any) -> Behaviour:
    return speaking(answers({"ok": 1, "n": 0, "writeErrors": [members]}))


good = speaking(answers({"ok": 1, "n": 1}))


def trickles(peer: Peer, number: int, kind: int, asked: Command) -> None:
    peer.trickle(reply(number, kind, bson.encode({"ok": 1, "n": 1, "pad": "x" * 900})))


def announces(length: int) -> Insert:
    def behave(peer: Peer, number: int, kind: int, asked: Command) -> None:
        peer.send(struct.pack("<iiii", length, 1, number, kind))
        peer.flood(bytes(65536))

    return behave


def first(data: bytes) -> Behaviour:
    """Answers the first request of each connection so."""

    def behave(peer: Peer) -> None:
        command(peer)
        peer.send(data)
        peer.wait()

    return behave


def slow_to_read(peer: Peer) -> None:
    def insert(_: Peer, __: int, ___: int) -> None:
        """Not reached: a document of 8 MB is not read in time."""

    while True:
        size = struct.unpack("<i", peer.sock.recv(4, socket.MSG_PEEK).ljust(4, b"\0"))[0]
        if size > 1_000_000:
            peer.read_slowly()
        number, kind, asked = command(peer)
        peer.send(reply(number, kind, bson.encode(HELLO if is_hello(asked) else {"ok": 1})))


def greets_slowly(peer: Peer) -> None:
    command(peer)
    peer.trickle(struct.pack("<iiii", 1000, 1, 0, REPLY) + bytes(900))


NESTED = b"\x05\0\0\0\0"
for _ in range(20_000):
    NESTED = struct.pack("<i", len(NESTED) + 8) + b"\x03a\0" + NESTED + b"\0"

FAULTY: dict[str, Behaviour] = {
    "never answers": Peer.wait,
    "closes at once": lambda peer: None,
    "resets": Peer.reset,
    "is rubbish": lambda peer: peer.send(os.urandom(65536)),
    "is HTTP": first(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "announces 2 GiB at first": first(struct.pack("<iiii", 2**31 - 1, 1, 0, REPLY) + bytes(1 << 20)),
    "announces 47 MB at first": first(struct.pack("<iiii", 47_000_000, 1, 0, REPLY) + bytes(1 << 20)),
    "announces nothing": first(struct.pack("<iiii", 0, 1, 0, REPLY) + bytes(60)),
    "announces less than nothing": first(struct.pack("<iiii", -5, 1, 0, REPLY) + bytes(60)),
    "greets a byte at a time": greets_slowly,
    "reads a byte at a time": slow_to_read,
    "never answers an insert": speaking(lambda peer, number, kind, asked: peer.wait()),
    "answers a byte at a time": speaking(trickles),
    "announces 2 GiB, as it said it may": speaking(announces(2**31 - 1), {**HELLO, "maxMessageSizeBytes": 2**31 - 1}),
    "announces 47 MB": speaking(announces(47_000_000)),
    "announces -1": speaking(announces(-1)),
    "answers another request": speaking(
        lambda peer, number, kind, asked: peer.send(reply(7777, kind, bson.encode({"ok": 1})))
    ),
    "nests deeply": speaking(lambda peer, number, kind, asked: peer.send(reply(number, kind, NESTED))),
    "answers what is no BSON": speaking(
        lambda peer, number, kind, asked: peer.send(reply(number, kind, os.urandom(99)))
    ),
    "says not ok": speaking(answers({"ok": 0, "errmsg": "no" * 1_000_000, "code": 91})),
    "says nothing": speaking(answers({})),
    "answers with words": speaking(answers({"ok": 1, "n": "one", "writeErrors": "none"})),
    "has an error without a place": error(code=1, errmsg="x"),
    "has an error at a place in words": error(index="0", code=1, errmsg="x"),
    "has an error behind the end": error(index=7, code=1, errmsg="x"),
    "has an error before the beginning": error(index=-1, code=1, errmsg="x"),
    "has an error without words": error(index=0, code=91, errmsg=1),
    "takes no bytes": speaking(answers({"ok": 1, "n": 1}), {**HELLO, "maxMessageSizeBytes": -1}),
    "introduces itself in words": speaking(
        answers({"ok": 1, "n": 1}),
        {**HELLO, "maxMessageSizeBytes": "x", "maxWriteBatchSize": [], "maxWireVersion": "y", "minWireVersion": {}},
    ),
}


def sink_at(server: Server, timeout: float = 0.3, **settings: Any) -> MongoDBSink:
    given = {"url": f"mongodb://127.0.0.1:{server.port}/?directConnection=true", "timeout": timeout, **settings}
    return close_after_test(MongoDBSink(MongoDBSettings.model_validate(given)))


def fault_of(sink: MongoDBSink, document: str) -> DeliveryError | None:
    """Why nothing is stored; None if it is."""
    try:
        verdict = sink.write(batch_of(document))
    except DeliveryError as fault:
        return fault
    return None if verdict.stored or verdict.rejected else verdict.error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of the driver's own thread
@pytest.mark.parametrize("name", FAULTY)
def test_a_server_in_the_place_of_mongodb_cannot_hold_the_sink(name: str) -> None:
    document = '{"text":"%s"}' % ("x" * (8 << 20 if "reads" in name else 1))
    with serving(FAULTY[name]) as server:
        sink = sink_at(server)
        fault = fault_of(sink, document)
        assert fault is not None
        assert not isinstance(fault, RequestTooLarge)
        assert len(str(fault)) < 1000
        assert recovers(server, sink, good)


def test_a_reply_that_is_too_large_for_several_documents_is_asked_for_in_parts() -> None:
    with serving(FAULTY["announces 47 MB"]) as server, pytest.raises(RequestTooLarge):
        sink_at(server, 20).write(batch_of("{}", "{}"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [(16572, "Can't extract geo keys for index 'f_2dsphere' on field 'f': value '{}' is not a recognised geometry"),
     (13027, "point not in interval of [ -180, 180 ]: {}"), (16766, "hashed indexes do not support array values: {}"),
     (16328, "document is larger than capped size 20292 > 4096"), (2, "invalid key: '{}'"), (4711, "{}")],
)  # fmt: skip
def test_a_document_with_an_unknown_error_is_a_dead_letter_while_others_are_stored(code: int, reason: str) -> None:
    with serving(error(index=1, code=code, errmsg=reason.replace("{}", SECRET))) as server:
        result = RetryingWriter(sink_at(server, 20), threading.Event()).deliver(batch_of("{}", "{}"))
    assert {index: (each.kind, each.status) for index, each in result.rejected.items()} == {1: (f"code {code}", code)}
    assert SECRET.lower() not in result.rejected[1].reason.lower()


@pytest.mark.parametrize("code", sorted(DOCUMENT_ERRORS))
def test_a_document_with_a_known_error_is_a_dead_letter_although_no_other_is_stored(code: int) -> None:
    with serving(error(index=0, code=code, errmsg=f"not this: {SECRET}")) as server:
        result = RetryingWriter(sink_at(server, 20), threading.Event()).deliver(batch_of("{}"))
    rejected = [(each.kind, each.status, each.reason) for each in result.rejected.values()]
    assert rejected == [(DOCUMENT_ERRORS[code], code, "not this: …")]
    assert (result.attempts, result.postponed, result.error) == (1, {}, None)


@pytest.mark.parametrize("code", [2, 54, 13027, 16328, 16572, 16766, 4711])
def test_a_document_with_an_unknown_error_waits_while_no_other_is_stored(code: int) -> None:
    with serving(error(index=0, code=code, errmsg="not valid")) as server:
        writer = RetryingWriter(sink_at(server, 20), threading.Event())
        with pytest.raises(Misconfigured, match=f"not valid \\({code}\\)"):
            writer.deliver(batch_of("{}"))


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [(166, "Namespace d.app-view is a view, not a collection", "not to a view"), (73, "Invalid namespace", "another"),
     (26, "ns does not exist", ""), (13, "not authorized on d to execute command", "readWrite"), (4711, "new", "")],
)  # fmt: skip
def test_a_collection_that_refuses_the_whole_command_holds_back_no_other(code: int, reason: str, advice: str) -> None:
    def judge(asked: Command) -> Command:
        is_refused = asked["insert"] == "app-view"
        return {"ok": 0, "code": code, "errmsg": reason} if is_refused else {"ok": 1, "n": len(asked["documents"])}

    with serving(speaking(judges(judge))) as server:
        writer = RetryingWriter(sink_at(server, 20, collection="app-{k:none}"), threading.Event())
        result = writer.deliver(batch_of('{"k":"good"}', '{"k":"view"}', '{"k":"good"}'))
    assert (result.rejected, result.postponed, result.attempts) == ({}, {1: "app-view"}, 1)
    assert advice in str(result.reasons["app-view"])


@pytest.mark.parametrize("code", [6, 70, 133])
def test_a_shard_that_a_router_cannot_reach_holds_back_its_collection_only(code: int) -> None:
    reason = "Could not find host matching read preference"
    with serving(error(index=1, code=code, errmsg=reason)) as server:
        writer = RetryingWriter(sink_at(server, 20, collection="app-{k:none}"), threading.Event())
        result = writer.deliver(batch_of('{"k":"a"}', '{"k":"a"}'))
    assert (result.postponed, result.attempts, result.error) == ({1: "app-a"}, 1, None)


@pytest.mark.parametrize(
    ("code", "labels"),
    [(117, []), (211, []), (290, []), (355, []), (371, []), (462, ["SystemOverloadedError", "RetryableError"]),
     (4711, ["RetryableWriteError"]), (10107, ["RetryableWriteError"]), (11600, ["RetryableWriteError"])],
)  # fmt: skip
def test_an_error_that_passes_by_itself_is_no_misconfiguration(code: int, labels: list[str]) -> None:
    refusal = {"ok": 0, "code": code, "codeName": "Name", "errmsg": "not now", "errorLabels": labels}
    with serving(speaking(answers(refusal))) as server:
        fault = fault_of(sink_at(server, 20), "{}")
    assert type(fault) is Retryable
    assert fault.is_brief == (code in (10107, 11600)), "an election"
    assert "{" not in str(fault), "the driver adds a dictionary to its message"
    assert "cannot be reached" not in str(fault)


@pytest.mark.parametrize(("setting", "scope"), [("dead_letter", "unclear"), ("wait", "kept")])
def test_the_setting_decides_on_a_document_with_an_unknown_error(setting: str, scope: str) -> None:
    with serving(error(index=1, code=4711, errmsg="new")) as server:
        result = sink_at(server, 20, unknown_refusals=setting).write(batch_of("{}", "{}"))
    assert [(each.rejection.index, each.scope) for each in result.refused] == [(1, scope)]


def test_error_messages_of_megabytes_are_shortened() -> None:
    words = "no " * 1000 + " " * 2_000_000 + "words"
    for code in (1, 121):
        with serving(error(index=0, code=code, errmsg=words)) as server:
            verdict = sink_at(server, 20).write(batch_of("{}"))
            assert all(len(rejection.reason) <= 300 for rejection in verdict.rejected)
            assert len(str(verdict.error)) < 1000


PROBE = """
import sys
from pathlib import Path
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from sidecar.errors import DeliveryError
from tests.support.builders.batches import batch_of

def peak():
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) >> 10

url = f"mongodb://127.0.0.1:{sys.argv[1]}/?directConnection=true"
sink = MongoDBSink(MongoDBSettings.model_validate({"url": url, "timeout": 2}))
before = peak()
try:
    sink.write(batch_of("{}"))
except DeliveryError:
    print(peak() - before)
"""


@pytest.mark.parametrize("name", ["announces 47 MB at first", "announces 2 GiB, as it said it may"])
def test_no_reply_takes_much_memory(name: str) -> None:
    with serving(FAULTY[name]) as server:
        command = [sys.executable, "-c", PROBE, str(server.port)]
        grown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd()).stdout
    assert int(grown) < 40
