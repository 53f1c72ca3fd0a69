"""What the null servers share: one thread, one buffer a connection, and an account of what came.

A server prints its port and serves until its standard input ends. On standard input it is asked, a word a line:
`stats` is answered with a line of JSON (requests, documents, bytes, and this server's own CPU seconds); `received`
with a line that says how many bytes follow, and what was kept: nothing, unless it was started with `--keep`.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Send = Callable[[bytes], None]
Protocol = Callable[[bytearray, int, Send], int]
"""Answers the first request among the first `have` bytes of a buffer, and says how many bytes it took; 0 if the
request is not whole yet."""


@dataclass(slots=True)
class Received:
    """What came. `bodies` stays empty unless it is to be kept."""

    keep: bool
    requests: int = 0
    documents: int = 0
    size: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def add(self, documents: int, size: int) -> None:
        """Count one request."""
        self.requests += 1
        self.documents += documents
        self.size += size

    def told(self, word: str) -> bytes:
        """The answer to a word on standard input."""
        if word == "received":
            whole = b"".join(self.bodies)
            return b"%d\n%b" % (len(whole), whole)
        counts = {"requests": self.requests, "documents": self.documents, "bytes": self.size}
        return json.dumps({**counts, "cpu_s": time.process_time()}).encode() + b"\n"


class Connection:
    """One client. Its bytes are collected in one buffer that is used again for every request."""

    def __init__(self, peer: socket.socket, protocol: Protocol) -> None:
        self.peer = peer
        self._protocol = protocol
        self._buffer = bytearray(1 << 22)
        self._have = 0

    def on_readable(self) -> bool:
        """Take what has come and answer each request that is whole; false when the client has gone."""
        if self._have == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        with memoryview(self._buffer) as view, view[self._have :] as free:
            taken = self.peer.recv_into(free)
        self._have += taken
        while self._have and (end := self._protocol(self._buffer, self._have, self.peer.sendall)):
            self._buffer[: self._have - end] = self._buffer[end : self._have]
            self._have -= end
        return taken > 0


def serve(received: Received, protocol: Callable[[], Protocol]) -> None:
    """Serve until standard input ends; each connection gets a protocol of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                if not (words := os.read(0, 1024)):
                    return
                for word in words.decode().split():
                    sys.stdout.buffer.write(received.told(word))
                sys.stdout.buffer.flush()
            elif key.fileobj is listener:
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(peer, selectors.EVENT_READ, Connection(peer, protocol()))
            elif not _alive(key.data):
                selector.unregister(key.fileobj)
                key.data.peer.close()


def _alive(connection: Connection) -> bool:
    try:
        return connection.on_readable()
    except ConnectionError:
        return False
