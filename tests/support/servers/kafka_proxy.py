"""A proxy before a real Kafka that replaces error codes in answers, as brokers send them that a test cannot set up.

The broker has executed the request. A transaction with a refused message is aborted by the client.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PRODUCE, INIT_PRODUCER_ID = 0, 22
_LEAST_VERSIONS = {PRODUCE: 9, INIT_PRODUCER_ID: 2}
"""API → the first version in which lengths are written as in Protocol Buffers. Newer clients use at least these."""


@dataclass
class KafkaProxy:
    """`upstream`: the address of the broker, which has to advertise that of the proxy."""

    port: int
    upstream: str = ""
    api: int = -1
    code: int = 0
    topic: str = ""
    left: int = 0
    """Number of answers that are still to be replaced."""

    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def refusing(self, code: int, *, api: int = PRODUCE, topic: str = "", times: int = 1 << 30) -> Iterator[None]:
        """Until the block ends, answer requests of this kind with this code: for a topic, or for all topics."""
        self.code, self.api, self.topic, self.left = code, api, topic, times
        try:
            yield
        finally:
            self.left = 0

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed, then end them."""
        threads, clients = list[threading.Thread](), list[socket.socket]()
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threads.append(threading.Thread(target=self._connect, args=(client,)))
                threads[-1].start()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def _connect(self, client: socket.socket) -> None:
        host, _, port = self.upstream.rpartition(":")
        asked: dict[int, tuple[int, int]] = {}
        with client, suppress(OSError), socket.create_connection((host, int(port))) as broker:
            answers = threading.Thread(target=self._pass_on, args=(broker, client, asked, False))
            answers.start()
            self._pass_on(client, broker, asked, True)
            answers.join()

    def _pass_on(
        self, source: socket.socket, to: socket.socket, asked: dict[int, tuple[int, int]], is_request: bool
    ) -> None:
        with suppress(OSError, EOFError):
            while True:
                body = _read(source, struct.unpack(">i", _read(source, 4))[0])
                if is_request:
                    api, version, number = struct.unpack_from(">hhi", body)
                    asked[number] = (api, version)
                else:
                    body = self._replaced(body, *asked.pop(struct.unpack_from(">i", body)[0]))
                to.sendall(struct.pack(">i", len(body)) + body)
        for each in (source, to):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _replaced(self, body: bytes, api: int, version: int) -> bytes:
        with self._lock:
            if api != self.api or not self.left:
                return body
            assert version >= _LEAST_VERSIONS[api], f"version {version}"
            places = [9] if api == INIT_PRODUCER_ID else list(_error_places(body, self.topic))
            if places:
                self.left -= 1
            changed = bytearray(body)
            for place in places:
                struct.pack_into(">h", changed, place, self.code)
            return bytes(changed)


def _error_places(body: bytes, topic: str) -> Iterator[int]:
    """Yield where the error codes of an answer to Produce are that reports no error."""
    place = 5
    topics, place = _number(body, place)
    for _ in range(topics - 1):
        length, place = _number(body, place)
        name = body[place : place + length - 1].decode()
        partitions, place = _number(body, place + length - 1)
        for _ in range(partitions - 1):
            if topic in ("", name):
                yield place + 4
            # index, error, three offsets and times, no errors of single records, no message, no tags
            place += 4 + 2 + 3 * 8 + 3
        place += 1


def _number(body: bytes, place: int) -> tuple[int, int]:
    """Return a number with a variable length, and the place after it."""
    value = shift = 0
    while True:
        byte = body[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place


def _read(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = source.recv(size - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


@contextmanager
def opened() -> Iterator[KafkaProxy]:
    """Serve on an address of this machine until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = KafkaProxy(listener.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(listener,))
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
