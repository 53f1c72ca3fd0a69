"""An Elasticsearch that stores nothing and answers every item: `python -m tests.bench.null_elasticsearch`.

Prints its port and serves until its standard input ends. Raw sockets, one thread, each body looked at in place: a
bulk of n lines is n / 2 items (every action here has a source), and the answer for n items is made once.

`GET /_null/stats` tells what came: requests, documents, bytes, ids (distinct ones), and this server's own CPU
seconds. With `--verify` the bodies are kept, too; `GET /_null/received` gives them back, and ids are counted.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

_HEADER = re.compile(rb"\r\n(content-length|content-encoding|expect|transfer-encoding): *([^\r\n]+)", re.IGNORECASE)
_ID = re.compile(rb'^\{"(?:create|index)":\{[^\n]*?"_id":"([^"]+)"', re.MULTILINE)
_ABOUT = {
    "name": "null",
    "cluster_name": "null",
    "cluster_uuid": "null",
    "version": {"number": "8.19.3", "build_flavor": "default", "lucene_version": "9.12.2"},
    "tagline": "You Know, for Search",
}


@dataclass(slots=True)
class Received:
    """What came in bulk requests. `bodies` stays empty unless it is to be verified."""

    keep: bool
    requests: int = 0
    documents: int = 0
    size: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def stats(self) -> dict[str, float]:
        """As `GET /_null/stats` tells it."""
        ids = {name for body in self.bodies for name in _ID.findall(body)}
        counts = {"requests": self.requests, "documents": self.documents, "bytes": self.size, "ids": len(ids)}
        return {**counts, "cpu_s": time.process_time()}


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a request before its body."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    compatible: bool
    """Whether the client asked for Elasticsearch's own media type, which is then the answer's."""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return int(self.headers.get(b"content-length", b"0"))


def parsed(head: bytes) -> Head:
    """The request line and the few headers that matter here."""
    method, target, _ = head.split(b" ", 2)
    headers = {name.lower(): value.strip().lower() for name, value in _HEADER.findall(head)}
    return Head(method, target.partition(b"?")[0], headers, b"compatible-with=8" in head)


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes from `begin` to `end` of a buffer, looked at where they are."""

    buffer: bytearray
    begin: int
    end: int

    def lines(self) -> int:
        """How many line ends it holds."""
        return self.buffer.count(b"\n", self.begin, self.end)

    def is_terminated(self) -> bool:
        """Whether it ends with a line end."""
        return self.end > self.begin and self.buffer[self.end - 1] == 10

    def starts_with(self, text: bytes) -> bool:
        """Whether it begins with this text."""
        return self.buffer.startswith(text, self.begin, self.end)

    def inflated(self) -> Body:
        """The body without gzip."""
        whole = bytearray(zlib.decompress(self.copy(), wbits=31))
        return Body(whole, 0, len(whole))

    def copy(self) -> bytes:
        """The bytes themselves."""
        return bytes(self.buffer[self.begin : self.end])


def answer(head: Head, body: Body, received: Received) -> bytes:
    """The response to one request."""
    if head.path == b"/_bulk" or head.path.endswith(b"/_bulk"):
        return _bulk(head, body, received)
    if head.path == b"/_null/stats":
        return _response(200, json.dumps(received.stats()).encode(), compatible=False)
    if head.path == b"/_null/received":
        return _response(200, b"".join(received.bodies), compatible=False)
    status, told = _elsewhere(head)
    content = b"" if head.method == b"HEAD" else json.dumps(told).encode()
    return _response(status, content, compatible=head.compatible)


def _bulk(head: Head, body: Body, received: Received) -> bytes:
    if b"transfer-encoding" in head.headers:
        return _refused(411, "the null Elasticsearch needs a Content-Length", head)
    whole = body.inflated() if head.headers.get(b"content-encoding") == b"gzip" else body
    lines = whole.lines()
    if lines % 2 or not whole.is_terminated():
        return _refused(400, "The bulk request must be terminated by a newline [\\n]", head)
    received.requests += 1
    received.documents += lines // 2
    received.size += whole.end - whole.begin
    if received.keep:
        received.bodies.append(whole.copy())
    return _answered(lines // 2, "index" if whole.starts_with(b'{"index"') else "create", head.compatible)


@lru_cache(maxsize=20_000)
def _answered(items: int, action: str, compatible: bool) -> bytes:
    item = f'{{"{action}":{{"status":201}}}}'
    return _response(200, f'{{"errors":false,"items":[{",".join([item] * items)}]}}'.encode(), compatible=compatible)


def _refused(status: int, reason: str, head: Head) -> bytes:
    told = {"error": {"type": "illegal_argument_exception", "reason": reason}, "status": status}
    return _response(status, json.dumps(told).encode(), compatible=head.compatible)


def _elsewhere(head: Head) -> tuple[int, dict[str, object]]:
    if head.path == b"/":
        return 200, dict(_ABOUT)
    if head.path.startswith(b"/_cluster/health"):
        return 200, {"cluster_name": "null", "status": "green", "timed_out": False}
    if head.method in (b"PUT", b"POST", b"HEAD"):
        return 200, {"acknowledged": True}
    reason = f"nothing is stored here, so there is no {head.path.decode('latin-1')}"
    return 404, {"error": {"type": "resource_not_found_exception", "reason": reason}, "status": 404}


_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required"}


def _response(status: int, content: bytes, *, compatible: bool) -> bytes:
    media = "application/vnd.elasticsearch+json;compatible-with=8" if compatible else "application/json"
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nX-Elastic-Product: Elasticsearch\r\n"
        f"Content-Type: {media}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection:
    """One client. Its bytes are collected in one buffer that is used again for every request."""

    def __init__(self, peer: socket.socket, received: Received) -> None:
        self.peer = peer
        self._received = received
        self._buffer = bytearray(1 << 22)
        self._have = 0
        self._head: Head | None = None
        self._begin = 0

    def on_readable(self) -> bool:
        """Take what has come and answer each request that is whole; false when the client has gone."""
        if self._have == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        with memoryview(self._buffer) as view, view[self._have :] as free:
            taken = self.peer.recv_into(free)
        self._have += taken
        while taken and self._one():
            pass
        return taken > 0

    def _one(self) -> bool:
        """Answer the first request in the buffer; false if it is not whole."""
        if self._head is None and not self._headed():
            return False
        assert self._head is not None
        end = self._begin + self._head.length
        if self._have < end:
            return False
        self.peer.sendall(answer(self._head, Body(self._buffer, self._begin, end), self._received))
        self._buffer[: self._have - end] = self._buffer[end : self._have]
        self._have, self._head = self._have - end, None
        return True

    def _headed(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, self._have)
        if end < 0:
            return False
        self._head, self._begin = parsed(bytes(self._buffer[: end + 2])), end + 4
        if self._head.headers.get(b"expect") == b"100-continue":
            self.peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True


def serve(received: Received) -> None:
    """Serve until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(peer, selectors.EVENT_READ, Connection(peer, received))
            elif not _alive(key.data):
                selector.unregister(key.fileobj)
                key.data.peer.close()


def _alive(connection: Connection) -> bool:
    try:
        return connection.on_readable()
    except ConnectionError:
        return False


if __name__ == "__main__":
    serve(Received(keep="--verify" in sys.argv))
