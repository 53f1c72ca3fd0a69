"""A MongoDB that stores nothing and answers every statement: `python -m tests.benchmarks.null_mongodb`.

Speaks OP_MSG with document sequences, and OP_QUERY for the first hello of older drivers (MongoDB wire protocol,
https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/). Of the documents only the lengths are decoded.
The `n` of an answer is the number of statements that came. What it kept is the inserted documents, one BSON after
another.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import bson

from tests.benchmarks.null_server import Received, Send, serve

_HEADER = struct.Struct("<iiii")
_INT = struct.Struct("<i")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_CHECKSUM, _MORE_TO_COME = 1, 2
_WRITES = {"insert": "documents", "update": "updates", "delete": "deletes"}
_TAKEN = ("ping", "endSessions", "killCursors", "createIndexes", "collMod")


class Wire:
    """The protocol of one connection."""

    def __init__(self, received: Received) -> None:
        self._received = received

    def __call__(self, buffer: bytearray, have: int, send: Send) -> int:
        if have < _HEADER.size:
            return 0
        length: int
        length, request, _, code = _HEADER.unpack_from(buffer)
        if not _HEADER.size < length <= 48_000_000 or code not in (_OP_MSG, _OP_QUERY):
            raise ConnectionError(f"{length} bytes of operation {code} are no request that is known here")
        if have < length:
            return 0
        if code == _OP_QUERY:
            send(_message(request, _OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(_hello())))
            return length
        flags = _INT.unpack_from(buffer, 16)[0]
        told = self._command(buffer, length - 4 if flags & _CHECKSUM else length)
        if not flags & _MORE_TO_COME:
            send(_message(request, _OP_MSG, b"\0\0\0\0\0" + bson.encode(told)))
        return length

    def _command(self, buffer: bytearray, end: int) -> dict[str, Any]:
        """The answer to an OP_MSG whose sections end at `end`."""
        command, sequences = _sections(buffer, 20, end)
        name = _first_key(buffer, command)
        if name in _WRITES:
            return self._write(name, buffer, command, sequences)
        if name in ("hello", "isMaster", "ismaster"):
            return _hello()
        if name == "buildInfo":
            return {"version": "7.0.0", "versionArray": [7, 0, 0, 0], "ok": 1.0}
        if name in _TAKEN:
            return {"ok": 1.0}
        return {"ok": 0.0, "code": 59, "codeName": "CommandNotFound", "errmsg": f"no such command: '{name}'"}

    def _write(self, name: str, buffer: bytearray, command: int, sequences: dict[str, range]) -> dict[str, Any]:
        if _WRITES[name] in sequences:
            places = sequences[_WRITES[name]]
            count, size = _count(buffer, places.start, places.stop), len(places)
            kept = bytes(buffer[places.start : places.stop]) if self._received.keep else b""
        else:
            inside = bson.decode(bytes(buffer[command : command + _INT.unpack_from(buffer, command)[0]]))
            encoded = [bson.encode(statement) for statement in inside[_WRITES[name]]]
            kept = b"".join(encoded)
            count, size = len(encoded), len(kept)
        if name == "insert":
            self._received.add(count, size)
            if self._received.keep:
                self._received.bodies.append(kept)
        return {"n": count, "nModified": count, "ok": 1.0} if name == "update" else {"n": count, "ok": 1.0}


def _sections(buffer: bytearray, at: int, end: int) -> tuple[int, dict[str, range]]:
    """Where the command stands, and where the documents of each sequence do."""
    command, sequences = at, {}
    while at < end:
        kind, begin = buffer[at], at + 1
        at = begin + _INT.unpack_from(buffer, begin)[0]
        if kind == 0:
            command = begin
        else:
            name_end = buffer.index(b"\0", begin + 4)
            sequences[buffer[begin + 4 : name_end].decode()] = range(name_end + 1, at)
    return command, sequences


def _first_key(buffer: bytearray, document: int) -> str:
    return buffer[document + 5 : buffer.index(b"\0", document + 5)].decode()


def _count(buffer: bytearray, at: int, end: int) -> int:
    count, length = 0, _INT.unpack_from
    while at < end:
        at += length(buffer, at)[0]
        count += 1
    return count


def _message(request: int, code: int, content: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(content), 0, request, code) + content


def _hello() -> dict[str, Any]:
    """A server that stands alone; it can do what MongoDB 7 can."""
    limits = {"maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
    versions = {"minWireVersion": 0, "maxWireVersion": 21, "logicalSessionTimeoutMinutes": 30, "connectionId": 1}
    primary = {"ismaster": True, "isWritablePrimary": True, "helloOk": True, "readOnly": False}
    return {**primary, **limits, **versions, "localTime": datetime.now(UTC), "ok": 1.0}


def documents(received: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, document) of each that was kept."""
    for found in bson.decode_iter(received):
        yield str(found["_id"]), found


def main(received: Received) -> None:
    """Serve until standard input ends."""
    serve(received, lambda: Wire(received))


if __name__ == "__main__":
    main(Received.from_arguments(sys.argv[1:]))
