"""Answers requests of scrapers, probes and browsers over HTTP. No request changes anything.

One thread serves all connections; a second thread builds the larger replies. Each request is limited to a few KiB and
ten seconds. Above the maximum number of connections, or of larger replies in progress, the oldest is closed. Larger
replies are built only a small share of the time, even if many are requested. Each connection serves one request
(RFC 9112, 9.6).
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from sidecar.admin.access import Access
from sidecar.admin.socket_server import Reply, Routes

_CLIENT_TIMEOUT_S, _LINGER_S = 10.0, 1.0
_MAX_HEAD_BYTES = 8 * 1024
_MAX_CONNECTIONS, _MAX_TLS_CONNECTIONS = 128, 32
"""Maximum number of connections, without and with TLS. With TLS each has a buffer of 256 KiB (asyncio.sslproto)."""

_MAX_LARGE_REPLIES = 4
_PAUSE_FACTOR, _MAX_PAUSE_S = 4, 1.0
"""Pause after a larger reply: this many times its build time, at most 1 s, because shippers need the GIL."""

_ACCEPT_RETRY_S = 0.5

_METHODS = ("GET", "HEAD")
_KNOWN_METHODS = (*_METHODS, "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_PROBES = ("/livez", "/readyz", "/startupz")
"""Paths that need no token, because the kubelet has none. They are answered even while larger replies are built."""


class HttpRequest(NamedTuple):
    """The request line and the headers of a request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Header names are in lower case."""


class RequestRefused(Exception):
    """The request is answered with this error."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.reply = Reply(status, {"text": text}, headers=headers or {})


class HttpAdmin:
    """An HTTP server that listens until `close`. Raises `OSError` if it cannot listen.

    `timeout_s`: seconds in which a client must send the head of its request, and again in which it must read the
    reply.
    """

    def __init__(
        self, host: str, port: int, routes: Routes, access: Access | None = None, timeout_s: float = _CLIENT_TIMEOUT_S
    ) -> None:
        self._timeout_s = timeout_s
        self._routes = {name[4:]: route for name, route in routes.items() if name.startswith("GET ")}
        self._access = access or Access()
        self._tls = self._access.tls()
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        """The port that it listens on, even if the configured port is 0."""
        self._loop = asyncio.new_event_loop()
        self._open: dict[asyncio.Task[None], None] = {}
        self._large: dict[asyncio.Task[None], None] = {}
        self._large_reply_lock = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "admin replies")
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering requests, and close the port."""
        with suppress(RuntimeError):  # the loop has already ended
            self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(timeout=1.0)
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._socket.close()

    def _run(self) -> None:
        # Errors that a client causes, such as a broken handshake, are not logged.
        self._loop.set_exception_handler(lambda loop, context: None)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        accepting = self._loop.create_task(self._accept())
        await self._closed.wait()
        for task in (accepting, *self._open):
            task.cancel()
        await asyncio.wait((accepting, *self._open))
        await asyncio.sleep(0)  # aborted transports close at the next turn of the loop

    async def _accept(self) -> None:
        # Each connection counts before anything is read from it, even its handshake.
        limit = _MAX_TLS_CONNECTIONS if self._tls else _MAX_CONNECTIONS
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._socket)
            except OSError:  # for example, too many open files
                await asyncio.sleep(_ACCEPT_RETRY_S)
                continue
            task = self._loop.create_task(self._handle_connection(connection))
            # A task that is cancelled before it starts does not run its `finally` block.
            task.add_done_callback(partial(_close, connection))
            _admit_or_evict(self._open, task, limit)

    async def _handle_connection(self, connection: socket.socket) -> None:
        reader = asyncio.StreamReader(_MAX_HEAD_BYTES, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport: asyncio.BaseTransport | None = None
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(3 * self._timeout_s):
                    transport, _ = await self._loop.connect_accepted_socket(
                        lambda: protocol, connection, ssl=self._tls,
                        ssl_handshake_timeout=self._timeout_s if self._tls else None,
                        ssl_shutdown_timeout=_LINGER_S if self._tls else None,
                    )  # fmt: skip
                    writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
                    await self._answer(reader, writer)
        finally:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = "GET"
        try:
            async with asyncio.timeout(self._timeout_s):
                request = _parse_request(await reader.readuntil(b"\r\n\r\n"))
            method = request.method
            self._admit(request)
            path = urlsplit(request.target).path
            reply = self._reply(request) if path in _PROBES else await self._reply_in_worker(request)
        except RequestRefused as refused:
            reply = refused.reply
        except asyncio.LimitOverrunError:
            reply = RequestRefused(431, "the request line and headers are too long").reply
        await self._write(reader, writer, _encode_reply(reply, method))

    async def _reply_in_worker(self, request: HttpRequest) -> Reply:
        """Return a larger reply, which is built in the worker thread."""
        await self._large_reply_lock.acquire()
        started_at = self._loop.time()
        try:
            reply = await self._loop.run_in_executor(self._worker, self._reply, request)
        finally:
            pause_s = min(_MAX_PAUSE_S, _PAUSE_FACTOR * (self._loop.time() - started_at))
            self._loop.call_later(pause_s, self._large_reply_lock.release)
        if task := asyncio.current_task():
            _admit_or_evict(self._large, task, _MAX_LARGE_REPLIES)
        return reply

    def _admit(self, request: HttpRequest) -> None:
        if not self._access.is_direct(request.headers.get("host", "")):
            raise RequestRefused(
                403, "this host name is not allowed; use an IP address or localhost, or add the name to admin.hosts"
            )
        if request.method not in _METHODS:
            raise RequestRefused(405, "only GET and HEAD are supported", {"Allow": ", ".join(_METHODS)})
        path = urlsplit(request.target).path
        if path not in _PROBES and not self._access.has_token(request.headers.get("authorization", "")):
            challenge = 'Basic realm="log-sidecar", charset="UTF-8"'
            raise RequestRefused(
                401, "the token is missing or wrong; send the token of admin.token_file",
                {"WWW-Authenticate": challenge},
            )  # fmt: skip

    def _reply(self, request: HttpRequest) -> Reply:
        target = urlsplit(request.target)
        route = self._routes.get(target.path)
        if route is None:
            return Reply(404, {"text": "unknown path"})
        try:
            return route({name: values[-1] for name, values in parse_qs(target.query).items()})
        except Exception:  # a bug in a route: the client gets status 500, and the sidecar continues
            return Reply(500, {"text": "the reply could not be built; this is a bug in the sidecar"})

    async def _write(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes) -> None:
        """Send the reply as fast as the client reads it.

        Then read for a while what the client still sends, such as a body or further requests: closing a connection
        with unread bytes would discard the reply (RFC 9112, 9.6).
        """
        writer.transport.set_write_buffer_limits(0)
        async with asyncio.timeout(self._timeout_s):
            writer.write(reply)
            await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while not self._tls and await reader.read(_MAX_HEAD_BYTES):
                    pass
                writer.close()
                await writer.wait_closed()


def _close(connection: socket.socket, _: asyncio.Task[None]) -> None:
    connection.close()


def _admit_or_evict(active: dict[asyncio.Task[None], None], task: asyncio.Task[None], limit: int) -> None:
    """Add the task to the active ones until it ends. If `limit` tasks are active, cancel the oldest one first."""
    while len(active) >= limit:
        oldest = next(iter(active))
        del active[oldest]
        oldest.cancel()
    active[task] = None
    task.add_done_callback(lambda task: active.pop(task, None))


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Its connections inherit a small receive buffer, which limits unread requests."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_MAX_CONNECTIONS)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * _MAX_HEAD_BYTES)
    listener.setblocking(False)
    return listener


def _parse_request(head: bytes) -> HttpRequest:
    """Return the parsed request line and headers (RFC 9112, 3 and 5). Raise `RequestRefused` if they are invalid."""
    request_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, _, target_and_version = request_line.partition(" ")
    target, _, version = target_and_version.partition(" ")
    if not (method.isascii() and method.isupper() and target.startswith("/") and version.startswith("HTTP/")):
        raise RequestRefused(400, "not an HTTP request")
    if version not in ("HTTP/1.0", "HTTP/1.1"):
        raise RequestRefused(505, "only HTTP/1.0 and 1.1 are supported")
    if method not in _KNOWN_METHODS:
        raise RequestRefused(501, "unknown HTTP method")
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
