"""Servers on loopback that do what no server should, and servers that are well again."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sidecar.errors import DeliveryError
from sidecar.sinks.contract import Sink
from tests.support.builders.batches import batch_of

Behaviour = Callable[["Peer"], None]


class Peer:
    """A connection as the server sees it. `ended` is set when the test is over."""

    def __init__(self, sock: Any, ended: threading.Event) -> None:
        self.sock, self.ended = sock, ended

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def trickle(self, data: bytes) -> None:
        """A byte every 20 ms."""
        for byte in data:
            if self.ended.wait(0.02):
                return
            self.send(bytes([byte]))

    def flood(self, data: bytes) -> None:
        """The same again and again, until the other side has enough."""
        while not self.ended.is_set():
            self.send(data)

    def wait(self) -> None:
        """Keep the connection and do nothing."""
        self.ended.wait(20)

    def read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            piece = self.sock.recv(size - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found

    def read_slowly(self) -> None:
        while not self.ended.wait(0.02) and self.sock.recv(1):
            pass

    def reset(self) -> None:
        """End the connection by RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Server:
    """Behaves as it is told at the moment, to each new connection."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour, self.connections = behaviour, 0
        self._open: list[socket.socket] = []
        self.tls, self._ended = tls, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._behave, args=(sock,), daemon=True).start()

    def _behave(self, sock: socket.socket) -> None:
        with suppress(OSError, EOFError, struct.error), sock:
            secured = self.tls.wrap_socket(sock, server_side=True) if self.tls else sock
            with secured:
                self.behaviour(Peer(secured, self._ended))

    def restart(self, behaviour: Behaviour) -> None:
        """Behave so from now on. All connections end."""
        self.behaviour = behaviour
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def recovers(server: Server, sink: Sink, good: Behaviour) -> bool:
    """Whether the same sink has a document stored once the server is well; a loaded machine may need to try often."""
    server.restart(good)
    for _ in range(50):
        with suppress(DeliveryError):
            stored = sink.write(batch_of("{}")).stored
            sink.close()
            return list(stored) == [0]
    return False


@contextmanager
def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(behaviour, tls)
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join()
