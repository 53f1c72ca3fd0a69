"""Answers questions about the sidecar over the Unix socket in the state directory; `http` does so over the network.

Only the socket, which the owner alone can reach, takes requests that change something. A client has ten seconds
for it and one of a few places, so that slow or many clients hold nothing up.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import socketserver
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sidecar.admin.client import NAME, short_address
from sidecar.lib.ownership import explain_distrust

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON from an object, or a text as it is; `headers` in addition to the usual ones."""

    status: int
    body: Mapping[str, Any] | bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Query], Reply]
"""Takes the query of a request. Called in a separate thread."""

Routes = Mapping[str, Route]
"""Method and path, as in "GET /livez", to what answers it."""

_IDLE_S = 10.0
_MOST_AT_ONCE = 16


class SocketAdmin:
    """The socket of one running sidecar."""

    def __init__(self, directory: Path, routes: Routes) -> None:
        self.directory = directory
        self._server: _UnixServer | None = None
        self._routes = routes

    def open(self) -> None:
        """Listen from now on. Raise `OSError` when there is no place for it, or when another process listens here.

        What is no socket, or belongs to another user, is left where it is.
        """
        with short_address(self.directory) as path:
            with suppress(FileNotFoundError):
                if reason := explain_distrust(path, stat.S_ISSOCK):
                    raise OSError(errno.EEXIST, f"{NAME} is in the way: {reason}")
                if _is_answered(path):
                    raise OSError(errno.EADDRINUSE, f"another process listens on {NAME}")
                os.unlink(path)
            self._server = _UnixServer(path, self._routes)
        self._server.begin("admin socket")

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.end()
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


class _Bounded(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each request, and a few at most; further clients are refused."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._is_over = False
        super().__init__(*arguments)

    def begin(self, name: str) -> None:
        """Answer from now on, in a thread with this name."""
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop answering, without the half a second that `shutdown` may take."""
        self._is_over = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for clients
        self._thread.join(timeout=1.0)
        self.server_close()

    def _serve(self) -> None:
        while not self._is_over:
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take it if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that has closed its connection."""


class _UnixServer(_Bounded):
    address_family = socket.AF_UNIX

    def __init__(self, path: str, routes: Routes) -> None:
        self.routes = routes
        super().__init__(path, _Handler)

    def server_bind(self) -> None:
        """The mode of an unbound socket becomes that of its name: other users can never reach it."""
        os.fchmod(self.socket.fileno(), 0o600)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    timeout = _IDLE_S
    server_version, sys_version = "log-sidecar", ""
    server: _UnixServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        reply = self._reply()
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode() + b"\n"
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def _reply(self) -> Reply:
        target = urlsplit(self.path)
        route = self.server.routes.get(f"{self.command} {target.path}")
        if route is None:
            known = any(name.endswith(f" {target.path}") for name in self.server.routes)
            return Reply(405 if known else 404, {"text": "there is nothing under this name"})
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        return route(query)

    def address_string(self) -> str:
        """Who asks is not written down."""
        return ""

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is the base class's
        """Requests are not worth a line."""
