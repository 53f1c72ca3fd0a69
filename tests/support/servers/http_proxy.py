"""An HTTP proxy: forwards requests with an absolute URL, and opens tunnels for CONNECT."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class HttpProxy:
    """`authorization` is what a client has to send; `status` other than 200 refuses every request."""

    authorization: str = ""
    status: int = 200
    requests: list[str] = field(default_factory=list)
    """Method and target of each request."""
    port: int = 0

    def judge(self, authorization: str | None) -> int:
        return 407 if self.authorization and authorization != self.authorization else self.status


@contextmanager
def opened(proxy: HttpProxy) -> Iterator[HttpProxy]:
    """Serve on this machine until the block ends; `proxy.port` is where."""

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if not self._admits():
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), 5) as upstream:
                self.send_response(200)
                self.end_headers()
                _relay(self.connection, upstream)

        def do_POST(self) -> None:
            if not self._admits():
                return
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            lines = [f"{self.command} {target.path}?{target.query} HTTP/1.0"]
            lines += [
                f"{name}: {value}" for name, value in self.headers.items() if not name.lower().startswith("proxy-")
            ]
            with socket.create_connection((target.hostname or "", target.port or 80), 5) as upstream:
                upstream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
                while piece := upstream.recv(65536):
                    self.wfile.write(piece)

        def do_GET(self) -> None:
            self.do_POST()

        def _admits(self) -> bool:
            proxy.requests.append(f"{self.command} {self.path}")
            status = proxy.judge(self.headers.get("Proxy-Authorization"))
            if status != 200:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            return status == 200

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes in both directions until one side ends."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            piece = ready.recv(65536)
            if not piece:
                return
            (other if ready is one else one).sendall(piece)
