"""A receiver of OTLP over HTTP that stores nothing: `python -m tests.benchmarks.null_otlp`.

Counts the log records of each request by walking the lengths of the protocol buffers (opentelemetry-proto,
`collector/logs/v1/logs_service.proto`). An empty response says that all of them were taken. What it kept is a line of
JSON for each record: its attributes and, as `body`, its text.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.null_http import HTTP, Body, Head, response
from tests.benchmarks.null_server import Received, serve

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_RECORDS = (1, 2, 2)
"""The fields that lead from a request to its records: resource_logs, scope_logs, log_records."""
_BODY, _ATTRIBUTES = 5, 6


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, type, begin, end) of each field of a message; for a varint its value stands in place of the begin."""
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, kind, value, at
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if size is None:
            size, at = _varint(data, at)
        yield number, kind, at, at + size
        at += size


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each log record of a request begins and ends."""

    def within(begin: int, end: int, path: tuple[int, ...]) -> Iterator[tuple[int, int]]:
        for number, _, first, last in _fields(data, begin, end):
            if number != path[0]:
                continue
            if len(path) == 1:
                yield first, last
            else:
                yield from within(first, last, path[1:])

    return within(0, len(data), _RECORDS)


def _value(data: bytes, begin: int, end: int) -> Any:
    """An AnyValue: texts, truths, whole numbers and fractions; what is nested is not looked into."""
    for number, _, first, last in _fields(data, begin, end):
        match number:
            case 1:
                return data[first:last].decode()
            case 2:
                return bool(first)
            case 3:
                return first
            case 4:
                return struct.unpack_from("<d", data, first)[0]
    return None


def record(data: bytes, begin: int, end: int) -> dict[str, Any]:
    """The attributes of a record, and its text as `body`."""
    found: dict[str, Any] = {}
    for number, _, first, last in _fields(data, begin, end):
        if number == _BODY:
            found["body"] = _value(data, first, last)
        elif number == _ATTRIBUTES:
            parts = {part: places for part, _, *places in _fields(data, first, last)}
            found[data[slice(*parts[1])].decode()] = _value(data, *parts[2]) if 2 in parts else None
    return found


def answer(head: Head, body: Body, received: Received) -> bytes:
    """The response to one request."""
    if head.path != b"/v1/logs":
        return response(404, b"", "text/plain")
    if b"transfer-encoding" in head.headers:
        return response(411, b"", "text/plain")
    data = body.without(head.headers.get(b"content-encoding")).copy()
    found = list(records(data))
    received.add(len(found), len(data))
    if received.keep:
        received.bodies += [json.dumps(record(data, *places)).encode() + b"\n" for places in found]
    return response(200, b"", "application/x-protobuf")


def main(received: Received) -> None:
    """Serve until standard input ends."""
    serve(received, lambda: HTTP(lambda head, body: answer(head, body, received)))


if __name__ == "__main__":
    main(Received.from_arguments(sys.argv[1:]))
