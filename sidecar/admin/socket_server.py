"""Answers requests over the Unix socket in the state directory. `http_server` answers them over the network.

Only the owner of the state can reach the socket, so only the socket accepts requests that have an effect. The number
of clients and the time for each are limited, so that slow or many clients do not delay shipping.
"""

from __future__ import annotations

import errno
import os
import socket
import socketserver
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from sidecar.admin.client import NAME, short_address
from sidecar.admin.http_messages import (
    MAX_HEAD_BYTES,
    HeadTooLong,
    RequestRefused,
    Routes,
    encode_reply,
    find_reply,
    parse_request,
)
from sidecar.lib.ownership import explain_distrust

_REQUEST_TIMEOUT_S = 10.0
_MAX_CLIENTS = 16


class SocketAdmin:
    """The admin socket of this process."""

    def __init__(self, directory: Path, routes: Routes) -> None:
        self.directory = directory
        self._server: _UnixServer | None = None
        self._routes = routes

    def open(self) -> None:
        """Start to listen. Raise `OSError` if the socket cannot be created or another process listens on it.

        A file that is not a socket or belongs to another user is not replaced.
        """
        with short_address(self.directory) as path:
            with suppress(FileNotFoundError):
                if reason := explain_distrust(path, stat.S_ISSOCK):
                    raise OSError(errno.EEXIST, f"{NAME} exists and is not replaced: {reason}")
                if _is_answered(path):
                    raise OSError(errno.EADDRINUSE, f"another process listens on {NAME}")
                os.unlink(path)
            self._server = _UnixServer(path, self._routes)
        self._server.start("admin socket")

    def close(self) -> None:
        """Stop answering requests, and remove the socket."""
        if self._server is not None:
            self._server.stop()
            self._server = None
            with suppress(OSError):
                (self.directory / NAME).unlink()


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(path)
        except OSError:
            return False
        return True


class _BoundedServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers each request in a thread. Above the maximum number of threads, clients are refused."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._slots = threading.BoundedSemaphore(_MAX_CLIENTS)
        self._is_stopping = False
        super().__init__(*arguments)

    def start(self, name: str) -> None:
        """Start to answer requests, in a thread with this name."""
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering requests. Unlike `shutdown`, this does not wait for the next poll of up to half a second."""
        self._is_stopping = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for clients
        self._thread.join(timeout=1.0)
        self.server_close()

    def _serve(self) -> None:
        while not self._is_stopping:
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the request if the number of threads allows it; else close the connection."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the request, and free its slot."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has closed its connection."""


class _UnixServer(_BoundedServer):
    address_family = socket.AF_UNIX

    def __init__(self, path: str, routes: Routes) -> None:
        self.routes = routes
        super().__init__(path, _Handler)

    def server_bind(self) -> None:
        """Restrict the mode of the socket, then bind it, so that other users can never reach it."""
        os.fchmod(self.socket.fileno(), 0o600)
        super().server_bind()


class _Handler(socketserver.StreamRequestHandler):
    timeout = _REQUEST_TIMEOUT_S
    server: _UnixServer

    def handle(self) -> None:
        method = "GET"
        try:
            request = parse_request(self._read_head())
            method = request.method
            reply = find_reply(request, self.server.routes)
        except RequestRefused as refused:
            reply = refused.reply
        self.wfile.write(encode_reply(reply, method))

    def _read_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline(MAX_HEAD_BYTES)
            if not line:
                raise ConnectionError("the client has closed its connection")
            head += line
            if len(head) > MAX_HEAD_BYTES:
                raise HeadTooLong
        return head
