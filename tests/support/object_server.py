"""An HTTPS server with a few objects, which answers as the Kubernetes API does: as much as the webhook asks for."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import trustme

Object = dict[str, Any]
TOKEN = "token-of-the-pod"


class ObjectServer:
    """Objects by path. Each change makes a new `resourceVersion`, and a change of an older one is a conflict."""

    def __init__(self, account: Path, objects: dict[str, Object]) -> None:
        self.objects = {path: {**item, "metadata": {"resourceVersion": "1"}} for path, item in objects.items()}
        self.requests: list[str] = []
        """Method and last part of the path of each request."""
        self.status = 0
        """The status of all answers, unless it is 0."""
        self.account = account
        authority = trustme.CA()
        authority.cert_pem.write_to_path(account / "ca.crt")
        (account / "token").write_text(f"{TOKEN}\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = ("127.0.0.1", self._server.server_address[1])
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Answer nothing more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, item: Any) -> tuple[int, Object]:
        """The status and the body of an answer."""
        self.requests.append(f"{method} {path.rpartition('/')[2]}")
        if self.status:
            return self.status, {}
        if path not in self.objects:
            return 404, {}
        current = self.objects[path]
        if method == "GET":
            return 200, current
        version = current["metadata"]["resourceVersion"]
        if method == "PUT" and item["metadata"]["resourceVersion"] != version:
            return 409, {}
        changed = item if method == "PUT" else _merge(current, item)
        self.objects[path] = {**changed, "metadata": {"resourceVersion": str(int(version) + 1)}}
        return 200, self.objects[path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                item = json.loads(self.rfile.read(length)) if length else None
                is_known = self.headers["Authorization"] == f"Bearer {TOKEN}"
                status, answer = server.answer(self.command, self.path, item) if is_known else (401, {})
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_PATCH = respond  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


def _merge(current: Any, change: Any) -> Any:
    """A strategic merge: elements of a list are found by their names."""
    if isinstance(change, list):
        changes = {each["name"]: each for each in change}
        return [_merge(each, changes.get(each["name"], {})) for each in current]
    if isinstance(change, dict):
        return {**current, **{name: _merge(current.get(name), value) for name, value in change.items()}}
    return change


@contextmanager
def serving(account: Path, objects: dict[str, Object]) -> Iterator[ObjectServer]:
    """The server until the end of the block. `account` becomes the directory of a service account."""
    server = ObjectServer(account, objects)
    try:
        yield server
    finally:
        server.close()
