"""What the null servers share: one thread, one buffer a connection, and an account of what came.

A server prints its port and serves until its standard input ends. On standard input it is asked, a word a line:
`stats` is answered with a line of JSON (requests, documents, bytes, and this server's own CPU seconds); `received`
with a line that says how many bytes follow, and what was kept: nothing, unless it was started with `--keep`.
`--delay S` sends each answer so many seconds late, as a distant server's arrives. `--tls FILE` serves TLS with the
certificate and the key in this file.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Send = Callable[[bytes], None]
Protocol = Callable[[bytearray, int, Send], int]
"""Answers the first request among the first `have` bytes of a buffer, and says how many bytes it took; 0 if the
request is not whole yet."""


@dataclass(slots=True)
class Received:
    """What came. `bodies` stays empty unless it is to be kept."""

    keep: bool
    delay_s: float = 0.0
    """Seconds by which each answer is late."""

    tls: ssl.SSLContext | None = None
    """Serves TLS; None for plain connections."""

    requests: int = 0
    documents: int = 0
    size: int = 0
    bodies: list[bytes] = field(default_factory=list)

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Received:
        """Return nothing received, with the options of the command line."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--keep", action="store_true")
        parser.add_argument("--delay", type=float, default=0.0)
        parser.add_argument("--tls", metavar="FILE")
        options = parser.parse_args(arguments)
        context = None
        if options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(options.tls)
        return cls(options.keep, options.delay, context)

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

    def __init__(self, peer: socket.socket, protocol: Protocol, send: Send) -> None:
        self.peer, self._send = peer, send
        self._protocol = protocol
        self._buffer = bytearray(1 << 22)
        self._have = 0

    def on_readable(self) -> bool:
        """Take what has come and answer each request that is whole; false when the client has gone."""
        is_connected = self._take()
        while is_connected and isinstance(self.peer, ssl.SSLSocket) and self.peer.pending():
            is_connected = self._take()
        return is_connected

    def _take(self) -> bool:
        if self._have == len(self._buffer):
            self._buffer.extend(bytes(len(self._buffer)))
        with memoryview(self._buffer) as view, view[self._have :] as free:
            taken = self.peer.recv_into(free)
        self._have += taken
        while self._have and (end := self._protocol(self._buffer, self._have, self._send)):
            self._buffer[: self._have - end] = self._buffer[end : self._have]
            self._have -= end
        return taken > 0


class Answers:
    """The answers that are sent later, in their order."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._waiting: deque[tuple[float, socket.socket, bytes]] = deque()

    def send_to(self, peer: socket.socket) -> Send:
        """Return the function that answers this client."""
        if not self._delay_s:
            return peer.sendall
        return lambda data: self._waiting.append((time.monotonic() + self._delay_s, peer, data))

    def send_due(self) -> float | None:
        """Send what is due. Return the seconds until the next answer is, None if there is none."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, peer, data = self._waiting.popleft()
            try:
                peer.sendall(data)
            except OSError:
                continue  # the client has gone
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None


def serve(received: Received, protocol: Callable[[], Protocol]) -> None:
    """Serve until standard input ends; each connection gets a protocol of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    answers = Answers(received.delay_s)
    while True:
        for key, _ in selector.select(answers.send_due()):
            if key.fileobj == 0:
                if not (words := os.read(0, 1024)):
                    return
                for word in words.decode().split():
                    sys.stdout.buffer.write(received.told(word))
                sys.stdout.buffer.flush()
            elif key.fileobj is listener:
                peer, _ = listener.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if received.tls:
                    peer = received.tls.wrap_socket(peer, server_side=True)
                selector.register(peer, selectors.EVENT_READ, Connection(peer, protocol(), answers.send_to(peer)))
            elif not _alive(key.data):
                selector.unregister(key.fileobj)
                key.data.peer.close()


def _alive(connection: Connection) -> bool:
    try:
        return connection.on_readable()
    except (ConnectionError, ssl.SSLError):
        return False
