"""Chaos on the way to a real server: connections that break before, in the middle of and after a request, answers of
overload, slowness, and a server that is down.

It understands no protocol but counts exchanges: what a client sends after the last answer is a new request.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

_PIECE = 64 * 1024
_OVERLOADED = (
    b"HTTP/1.1 %d Busy\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
)


@dataclass(frozen=True, slots=True)
class Chances:
    """How often each fault happens, as a share of all exchanges; the rest passes."""

    before: float = 0.08
    middle: float = 0.06
    after: float = 0.1
    overload: float = 0.08
    slow: float = 0.05


USUAL, CALM = Chances(), Chances(0, 0, 0, 0, 0)
RARE = Chances(before=0.01, middle=0.01, after=0.02, overload=0, slow=0.02)
"""For a client that needs many exchanges for a batch, and pauses after each lost connection."""


@dataclass
class Proxy:
    """Listens on `port` while it is entered. `down` closes every connection; `http` lets it answer by itself."""

    upstream: tuple[str, int]
    seed: int
    http: bool
    chances: Chances = USUAL
    down: bool = False
    happened: Counter[str] = field(default_factory=Counter)
    port: int = 0

    def __enter__(self) -> Proxy:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._chance = random.Random(self.seed)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, which would keep the port until then
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _fate(self) -> str:
        if self.down:
            return "before"
        drawn = self._chance.random()
        for fate in ("before", "middle", "after", "overload", "slow"):
            drawn -= getattr(self.chances, fate)
            if drawn < 0:
                return fate
        return "pass"

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if self.down:
                return
            with socket.create_connection(self.upstream, timeout=60) as server:
                _Exchange(self, client, server).run()


class _Exchange:
    """One connection: requests up, answers down, and what goes wrong with each of them."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._fate = "pass"
        self._asking = False
        self._over = threading.Event()

    def run(self) -> None:
        back = threading.Thread(target=self._answers, daemon=True)
        back.start()
        try:
            while not self._over.is_set() and (data := self._client.recv(_PIECE)):
                if not self._asked(data):
                    break
        finally:
            self._end()
            back.join(timeout=5)

    def _asked(self, data: bytes) -> bool:
        """Pass a piece of a request on, or do what fate wants. Returns whether the connection lives on."""
        proxy = self._proxy
        if not self._asking:
            self._asking = True
            self._fate = proxy._fate()
            proxy.happened[self._fate] += 1
        if self._fate == "before":
            return False
        if self._fate == "overload" and proxy.http:
            self._client.sendall(_OVERLOADED % (429 if proxy.happened["overload"] % 2 else 503))
            return False
        if self._fate == "middle":
            self._server.sendall(data[: len(data) // 2])
            return False
        if self._fate == "slow":
            time.sleep(0.3)
        self._server.sendall(data)
        return True

    def _answers(self) -> None:
        with suppress(OSError):
            while data := self._server.recv(_PIECE):
                if self._asking and self._fate == "after":
                    break
                self._asking = False
                self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        self._over.set()
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
