"""An Elasticsearch that stores nothing and answers every item: `python -m tests.bench.null_elasticsearch`.

Prints its port. `GET /_null` tells what came since the last `GET /_null`: documents, distinct ids, bytes. Ids are
only kept with `--verify`. One thread, raw sockets, answers made once for each number of items.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
from functools import lru_cache

_ID = re.compile(rb'^\{"create":\{[^\n]*?"_id":"([^"]+)"', re.MULTILINE)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Null:
    """What came since the last question."""

    def __init__(self, *, verify: bool) -> None:
        self.verify = verify
        self.documents = 0
        self.bytes = 0
        self.ids: set[bytes] = set()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The response to one request."""
        if head.startswith(b"GET /_null"):
            told = {"documents": self.documents, "ids": len(self.ids), "bytes": self.bytes}
            self.documents, self.bytes, self.ids = 0, 0, set()
            return _response(json.dumps(told).encode())
        if b"/_bulk" not in head.partition(b"\r\n")[0]:
            return _response(b"{}")
        items = body.count(b"\n") // 2
        self.documents += items
        self.bytes += len(body)
        if self.verify:
            self.ids.update(_ID.findall(body))
        return _bulk_response(items)


@lru_cache(maxsize=10_000)
def _bulk_response(items: int) -> bytes:
    return _response(b'{"errors":false,"items":[' + b",".join([b'{"create":{"status":201}}'] * items) + b"]}")


def _response(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


class Connection:
    """One client: collects bytes until a request is whole."""

    def __init__(self, peer: socket.socket, null: Null) -> None:
        self.peer, self.null = peer, null
        self.parts: list[bytes] = []
        self.have = 0
        self.need = 0

    def on_readable(self) -> bool:
        """Take what has come; returns false when the client has gone."""
        piece = self.peer.recv(1 << 20)
        if not piece:
            return False
        self.parts.append(piece)
        self.have += len(piece)
        if self.have >= self.need:
            self._whole()
        return True

    def _whole(self) -> None:
        data = b"".join(self.parts)
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            self.parts, self.need = [data], 0
            return
        length = _LENGTH.search(data, 0, end)
        self.need = end + (int(length[1]) if length else 0)
        if len(data) < self.need:
            self.parts = [data]
            return
        self.peer.setblocking(True)
        self.peer.sendall(self.null.answer(data[:end], data[end : self.need]))
        rest = data[self.need :]
        self.parts, self.have, self.need = ([rest] if rest else []), len(rest), 0


def serve(null: Null) -> None:
    """Serve until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, None)
    selector.register(sys.stdin, selectors.EVENT_READ, "end")
    while True:
        for key, _ in selector.select():
            if key.data == "end":
                return
            if key.data is None:
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(peer, selectors.EVENT_READ, Connection(peer, null))
            elif not key.data.on_readable():
                selector.unregister(key.fileobj)
                key.data.peer.close()


if __name__ == "__main__":
    serve(Null(verify="--verify" in sys.argv))
