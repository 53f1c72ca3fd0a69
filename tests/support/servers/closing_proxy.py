"""A proxy that closes the connection at a text, as a server does at a document that it cannot read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def closing_at(text: bytes, upstream: tuple[str, int]) -> Iterator[int]:
    """Yield the port of a proxy before `upstream`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(upstream, 5)
            for source, sink, ends_at in ((client, server, text), (server, client, None)):
                threading.Thread(target=_copy, args=(source, sink, ends_at), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _copy(source: socket.socket, sink: socket.socket, ends_at: bytes | None) -> None:
    """Copy bytes until the source ends, or until they contain a text."""
    recent = b""
    with suppress(OSError), source, sink:
        while piece := source.recv(65536):
            recent = recent[-100:] + piece
            if ends_at is not None and ends_at in recent:
                break
            sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
