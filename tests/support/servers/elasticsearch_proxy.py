"""A proxy before a real Elasticsearch: asks for credentials, speaks TLS, or gives scripted answers.

It sends no `X-Elastic-Product`, as gateways that remove headers.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}
PRODUCT = {"version": {"number": "8.19.21"}, "tagline": "You Know, for Search"}
REFUSED = b'{"error":{"type":"security_exception","reason":"unable to authenticate user"},"status":401}'


@dataclass(frozen=True)
class Request:
    """What came in; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class ElasticsearchProxy:
    """`answers` are given first, one for each request; after them requests with the right `authorization` pass."""

    upstream: str = ""
    authorization: str = ""
    answers: deque[tuple[int, bytes, Mapping[str, str]]] = field(default_factory=deque)
    product: Mapping[str, Any] = field(default_factory=lambda: PRODUCT)
    requests: list[Request] = field(default_factory=list)
    interim: Sequence[int] = ()
    """Statuses of interim responses before a request is read, and again before the answer."""

    port: int = 0

    def answer(self, status: int, body: bytes = b"{}", headers: Mapping[str, str] = JSON) -> None:
        """Give this answer to the next request that has none yet."""
        self.answers.append((status, body, headers))

    def introduce(self) -> Mapping[str, Any]:
        """Return the answer to a GET, which has no entry in `requests`."""
        return self.product

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        self.requests.append(request)
        if self.answers:
            return self.answers.popleft()
        if self.authorization and request.headers.get("authorization") != self.authorization:
            return 401, REFUSED, JSON
        return self._passed_on(request)

    def _passed_on(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        connection = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=30)
        headers = {"Content-Type": request.headers["content-type"], "Accept": request.headers["accept"]}
        connection.request("POST", request.path, request.body, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body, {**JSON, "Content-Type": response.headers["Content-Type"]}


@contextmanager
def opened(
    proxy: ElasticsearchProxy, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[ElasticsearchProxy]:
    """Serve on an address of this machine until the block ends; `proxy.port` is where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, json.dumps(proxy.introduce()).encode(), JSON)

        def do_POST(self) -> None:
            self._send_interim()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send_interim()
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(*proxy.reply(Request(self.path, headers, body)))

        def _send_interim(self) -> None:
            for status in proxy.interim:
                self.send_response_only(status)
                self.send_header("Link", "</style.css>; rel=preload")
                self.end_headers()

        def _send(self, status: int, answer: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    server = Server((host, 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
