"""Destinations that go down now and then: a proxy before a server, and a lock on a database."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class TcpProxy:
    """Passes connections on to `upstream`. While it is shut, those that are open break and new ones are refused."""

    upstream: int
    port: int = 0
    _listener: socket.socket | None = None
    _open: set[socket.socket] = field(default_factory=set)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Break everything."""
        if self._listener is not None:
            _broken(self._listener)
        with self._turn:
            for end in self._open:
                _broken(end)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError), listener:
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self.upstream))
                with self._turn:
                    self._open |= {client, server}
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for end in (source, target):
            _broken(end)
        with self._turn:
            self._open -= {source, target}
        source.close()


def _broken(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nobody else can write into the database until the block ends."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


@dataclass(slots=True)
class Outages:
    """Takes the two destinations down in turn, `length_s` out of every `period_s` seconds, until it is stopped."""

    proxy: TcpProxy
    database: Path
    period_s: float
    length_s: float
    count: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """In a thread of its own."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave both destinations up."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        rest = (self.period_s - 2 * self.length_s) / 2
        while not self._over.wait(rest):
            self.proxy.shut()
            self._over.wait(self.length_s)
            self.proxy.open()
            self.count += 1
            if self._over.wait(rest):
                return
            with locked(self.database):
                self._over.wait(self.length_s)
            self.count += 1
