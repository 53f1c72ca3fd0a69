"""Answers questions of other commands, and of probes, over the Unix socket in the state directory."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sidecar.observe.socket import NAME, address

Query = Mapping[str, str]
Route = Callable[[Query], tuple[int, Mapping[str, Any]]]
"""Takes the query of a request, and returns status and answer. Called in a thread of its own."""

_IDLE_S = 10.0


class Admin:
    """The socket of one running sidecar. `routes`: "GET /live" → what answers it."""

    def __init__(self, directory: Path, routes: Mapping[str, Route]) -> None:
        self.directory = directory
        self._server: _Server | None = None
        self._routes = routes

    def open(self) -> None:
        """Listen from now on, unless another sidecar does so here. Raises `OSError` when there is no place for it."""
        with address(self.directory) as path:
            if _is_answered(path):
                return
            with suppress(FileNotFoundError):
                os.unlink(path)
            self._server = _Server(path, self._routes)
        threading.Thread(target=self._server.serve_forever, name="admin", daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
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


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, routes: Mapping[str, Route]) -> None:
        self.routes = routes
        super().__init__(path, _Handler)

    def server_bind(self) -> None:
        """The mode of an unbound socket becomes that of its name: nobody else can ever reach it."""
        os.fchmod(self.socket.fileno(), 0o600)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone away; nobody else needs to know."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _IDLE_S
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        target = urlsplit(self.path)
        route = self.server.routes.get(f"{self.command} {target.path}")
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        status, answer = route(query) if route else (404, {"text": "there is nothing under this name"})
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A Unix socket has no address of the other side."""
        return "unix"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is the base class's
        """Requests are not worth a line."""
