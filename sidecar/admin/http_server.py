"""Answers over HTTP, for scrapers, probes and browsers; nothing can be changed here.

One thread serves all connections, another one makes the larger answers. Limits: a few KiB and ten seconds per
request; above the maximum of connections, or of larger answers in progress, the oldest is closed. Answers are made in
a small share of the time, however many are requested. A connection has one request (RFC 9112, 9.6).
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

from sidecar.admin.access import Access
from sidecar.admin.socket_server import Reply, Routes

_PATIENCE_S, _LINGER_S = 10.0, 1.0
_MOST_HEAD = 8 * 1024
_MOST_CONNECTIONS, _MOST_SECURED = 128, 32
"""With TLS each has a buffer of 256 KiB (asyncio.sslproto), from the first byte of its handshake on."""

_MOST_LARGE = 4
_REST, _LONGEST_REST_S = 4, 1.0
"""After a larger answer was made, none is for so many times as long: shippers want the interpreter, too."""

_BETWEEN_FAULTS_S = 0.5

_METHODS = ("GET", "HEAD")
_KNOWN = (*_METHODS, "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_PROBES = ("/livez", "/readyz", "/startupz")
"""Asked by the kubelet, which has no token, and answered also while large answers are under way."""


class HttpRequest(NamedTuple):
    """The head of a request; names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class RequestRefused(Exception):
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
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        """The port it listens on, also if the configured port is 0."""
        self._loop = asyncio.new_event_loop()
        self._open: dict[asyncio.Task[None], None] = {}
        self._large: dict[asyncio.Task[None], None] = {}
        self._turn = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "admin answers")
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        with suppress(RuntimeError):  # the loop has ended before
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(timeout=1.0)
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    def _run(self) -> None:
        # What a client does to its connection, such as a broken handshake, is no word of our own log worth.
        self._loop.set_exception_handler(lambda loop, context: None)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        accepting = self._loop.create_task(self._accept())
        await self._over.wait()
        for task in (accepting, *self._open):
            task.cancel()
        await asyncio.wait((accepting, *self._open))

    async def _accept(self) -> None:
        """Each connection is counted before anything is read of it, also of its handshake."""
        most = _MOST_SECURED if self._tls else _MOST_CONNECTIONS
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._socket)
            except OSError:  # no descriptor is left, for instance
                await asyncio.sleep(_BETWEEN_FAULTS_S)
                continue
            _admit_or_evict(self._open, self._loop.create_task(self._connected(connection)), most)

    async def _connected(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader(_MOST_HEAD, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport: asyncio.BaseTransport | None = None
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(3 * self._patience_s):
                    transport, _ = await self._loop.connect_accepted_socket(
                        lambda: protocol, connection, ssl=self._tls,
                        ssl_handshake_timeout=self._patience_s if self._tls else None,
                        ssl_shutdown_timeout=_LINGER_S if self._tls else None,
                    )  # fmt: skip
                    writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
                    await self._answer(reader, writer)
        finally:
            transport.abort() if isinstance(transport, asyncio.WriteTransport) else connection.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = "GET"
        try:
            async with asyncio.timeout(self._patience_s):
                request = _parse_request(await reader.readuntil(b"\r\n\r\n"))
            method = request.method
            self._admit(request)
            path = urlsplit(request.target).path
            reply = self._reply(request) if path in _PROBES else await self._made(request)
        except RequestRefused as refused:
            reply = refused.reply
        except asyncio.LimitOverrunError:
            reply = RequestRefused(431, "the head of the request is too long").reply
        await self._write(reader, writer, _encode_reply(reply, method))

    async def _made(self, request: HttpRequest) -> Reply:
        """One of the larger answers, made in another thread."""
        await self._turn.acquire()
        began = self._loop.time()
        try:
            reply = await self._loop.run_in_executor(self._worker, self._reply, request)
        finally:
            rest_s = min(_LONGEST_REST_S, _REST * (self._loop.time() - began))
            self._loop.call_later(rest_s, self._turn.release)
        if task := asyncio.current_task():
            _admit_or_evict(self._large, task, _MOST_LARGE)
        return reply

    def _admit(self, request: HttpRequest) -> None:
        if not self._access.is_direct(request.headers.get("host", "")):
            raise RequestRefused(403, "ask by address or as localhost, or name this host in admin.hosts")
        if request.method not in _METHODS:
            raise RequestRefused(405, "nothing can be changed here; ask with GET", {"Allow": ", ".join(_METHODS)})
        path = urlsplit(request.target).path
        if path not in _PROBES and not self._access.has_token(request.headers.get("authorization", "")):
            wanted = 'Basic realm="log-sidecar", charset="UTF-8"'
            raise RequestRefused(401, "send the token of admin.token_file", {"WWW-Authenticate": wanted})

    def _reply(self, request: HttpRequest) -> Reply:
        target = urlsplit(request.target)
        route = self._routes.get(target.path)
        if route is None:
            return Reply(404, {"text": "there is nothing under this name"})
        try:
            return route({name: values[-1] for name, values in parse_qs(target.query).items()})
        except Exception:  # a fault of a route: the client gets 500, and the sidecar continues
            return Reply(500, {"text": "this cannot be answered now"})

    async def _write(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """All of it, as fast as the client takes it. What it still sends, such as a body or further requests, is read
        for a while, since closing a connection with unread bytes would take the answer back (RFC 9112, 9.6)."""
        writer.transport.set_write_buffer_limits(0)
        async with asyncio.timeout(self._patience_s):
            writer.write(answer)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while not self._tls and await reader.read(_MOST_HEAD):
                    pass
                writer.close()
                await writer.wait_closed()


def _admit_or_evict(taken: dict[asyncio.Task[None], None], task: asyncio.Task[None], most: int) -> None:
    """Give the task a place until it ends; beyond so many the one that has been there longest ends now."""
    while len(taken) >= most:
        oldest = next(iter(taken))
        del taken[oldest]
        oldest.cancel()
    taken[task] = None
    task.add_done_callback(lambda task: taken.pop(task, None))


def _listen(host: str, port: int) -> socket.socket:
    """Limit what a client can send at once; accepted connections inherit the buffers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * _MOST_HEAD)
    listener.setblocking(False)
    return listener


def _parse_request(head: bytes) -> HttpRequest:
    """The request line and the fields (RFC 9112, 3 and 5). Raises `RequestRefused`."""
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    if not (method.isascii() and method.isupper() and target.startswith("/") and version.startswith("HTTP/")):
        raise RequestRefused(400, "this is no HTTP request")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise RequestRefused(505, "HTTP/1.1 is spoken here")
    if method not in _KNOWN:
        raise RequestRefused(501, "no such method is known here")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or (name.lower() == "host" and "host" in headers):
            raise RequestRefused(400, "a header is malformed")
        headers[name.lower()] = value.strip()
    try:
        urlsplit(target)
    except ValueError:
        raise RequestRefused(400, "the target is malformed") from None
    return HttpRequest(method, target, headers)


def _encode_reply(reply: Reply, method: str) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode() + b"\n"
    fields = {
        "Content-Type": reply.content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff", "Connection": "close", **reply.headers,
    }  # fmt: skip
    head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    return head.encode("latin-1") + (b"" if method == "HEAD" else body)
