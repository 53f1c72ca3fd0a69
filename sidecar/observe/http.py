"""Answers over HTTP, for scrapers, probes and browsers; nothing can be changed here.

One thread for all connections, beside the shippers. A client that is slow, or one of very many, costs a few KiB and
for ten seconds at most: the head of a request is bounded, beyond so many connections the one that has waited longest
makes place, and only a few of the larger answers are under way at once. A connection has one request (RFC 9112, 9.6).
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from sidecar.observe.access import Access
from sidecar.observe.admin import Reply, Routes

_PATIENCE_S, _LINGER_S = 10.0, 1.0
_MOST_HEAD = 8 * 1024
_MOST_CONNECTIONS = 128
_MOST_LARGE = 4

_METHODS = ("GET", "HEAD")
_KNOWN = (*_METHODS, "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_PROBES = ("/livez", "/readyz", "/startupz")
"""Asked by the kubelet, which has no token, and answered also while large answers are under way."""


class Request(NamedTuple):
    """The head of a request; names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class Refused(Exception):
    """A request that gets no answer but this."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.reply = Reply(status, {"text": text}, headers=headers or {})


class HttpAdmin:
    """Listens from its making until `close`. Raises `OSError` if it cannot.

    `patience_s`: how long a client may take for the head of its request, and again for taking the answer.
    """

    def __init__(
        self, host: str, port: int, routes: Routes, access: Access | None = None, patience_s: float = _PATIENCE_S
    ) -> None:
        self._patience_s = patience_s
        self._routes = {name[4:]: route for name, route in routes.items() if name.startswith("GET ")}
        self._access = access or Access()
        self._tls = self._access.tls()
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        """The port it listens on, also when it was told 0."""
        self._loop = asyncio.new_event_loop()
        self._open: dict[asyncio.StreamWriter, None] = {}
        self._large = asyncio.Semaphore(_MOST_LARGE)
        self._workers = ThreadPoolExecutor(2, "admin answers")
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        with suppress(RuntimeError):  # the loop has ended before
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(timeout=1.0)
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    def _run(self) -> None:
        # What a client does to its connection, such as a broken handshake, is no word of our own log worth.
        self._loop.set_exception_handler(lambda loop, context: None)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._connected, sock=self._socket, limit=_MOST_HEAD, ssl=self._tls,
            ssl_handshake_timeout=self._patience_s if self._tls else None,
            ssl_shutdown_timeout=1.0 if self._tls else None,
        )  # fmt: skip
        await self._over.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= _MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        self._open[writer] = None
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(3 * self._patience_s):
                await self._answer(reader, writer)
        self._open.pop(writer, None)
        writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = "GET"
        try:
            async with asyncio.timeout(self._patience_s):
                request = _parsed(await reader.readuntil(b"\r\n\r\n"))
            method = request.method
            self._admit(request)
            path = urlsplit(request.target).path
            if path in _PROBES:
                await self._write(writer, self._reply(request), method)
                return
            async with self._large:
                reply = await self._loop.run_in_executor(self._workers, self._reply, request)
                await self._write(writer, reply, method)
        except Refused as refused:
            await self._write(writer, refused.reply, method)
        except asyncio.LimitOverrunError:
            await self._write(writer, Refused(431, "the head of the request is too long").reply, method, reader)

    def _admit(self, request: Request) -> None:
        if not self._access.is_direct(request.headers.get("host", "")):
            raise Refused(403, "ask by address or as localhost, or name this host in admin.hosts")
        if request.method not in _METHODS:
            raise Refused(405, "nothing can be changed here; ask with GET", {"Allow": ", ".join(_METHODS)})
        path = urlsplit(request.target).path
        if path not in _PROBES and not self._access.has_token(request.headers.get("authorization", "")):
            wanted = 'Basic realm="log-sidecar", charset="UTF-8"'
            raise Refused(401, "send the token of admin.token_file", {"WWW-Authenticate": wanted})

    def _reply(self, request: Request) -> Reply:
        target = urlsplit(request.target)
        route = self._routes.get(target.path)
        if route is None:
            return Reply(404, {"text": "there is nothing under this name"})
        try:
            return route({name: values[-1] for name, values in parse_qs(target.query).items()})
        except Exception:  # a route's own fault: whoever asks is told, and the sidecar goes on
            return Reply(500, {"text": "this cannot be answered now"})

    async def _write(
        self, writer: asyncio.StreamWriter, reply: Reply, method: str, unread: asyncio.StreamReader | None = None
    ) -> None:
        """The whole answer, as fast as the client takes it. What it still sends is read for a while, since closing
        a connection with `unread` bytes would take the answer back (RFC 9112, 9.6)."""
        async with asyncio.timeout(self._patience_s):
            writer.write(_bytes_of(reply, method))
            if unread and writer.can_write_eof():
                await writer.drain()
                writer.write_eof()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LINGER_S):
                        while await unread.read(_MOST_HEAD):
                            pass
            writer.close()
            await writer.wait_closed()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)


def _parsed(head: bytes) -> Request:
    """The request line and the fields (RFC 9112, 3 and 5). Raises `Refused`."""
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if not (method.isascii() and method.isupper() and target.startswith("/") and version.startswith("HTTP/")):
        raise Refused(400, "this is no HTTP request")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise Refused(505, "HTTP/1.1 is spoken here")
    if method not in _KNOWN:
        raise Refused(501, "no such method is known here")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or (name.lower() == "host" and "host" in headers):
            raise Refused(400, "a header is malformed")
        headers[name.lower()] = value.strip()
    try:
        urlsplit(target)
    except ValueError:
        raise Refused(400, "the target is malformed") from None
    return Request(method, target, headers)


def _bytes_of(reply: Reply, method: str) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode() + b"\n"
    fields = {
        "Content-Type": reply.content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff", "Connection": "close", **reply.headers,
    }  # fmt: skip
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    return head.encode("latin-1") + (b"" if method == "HEAD" else body)
