"""Accepts connections and answers the HTTP requests on them, for the status page and for the webhook.

One thread serves all connections. Heads, bodies, time and the number of connections are limited; above the maximum,
the connection that was used least recently is closed.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from sidecar.admin.http_messages import (
    MAX_HEAD_BYTES,
    HeadTooLong,
    HttpRequest,
    Reply,
    RequestRefused,
    body_length,
    encode_reply,
    parse_request,
)

_LINGER_S = 1.0
_BACKLOG = 128
_LARGE_BODY_BYTES = 64 * 1024
_ACCEPT_RETRY_S = 0.5

# asyncio would reserve 256 KiB for each TLS connection; an API server keeps up to 25. A TLS record has 16 KiB.
asyncio.sslproto.SSLProtocol.max_size = 32 * 1024

Answer = Callable[[HttpRequest], Awaitable[Reply]]
"""Returns the reply to a request, in the thread of the connections. May raise `RequestRefused`."""


class HttpLimits(NamedTuple):
    """What clients may use."""

    connections: int
    timeout_s: float
    """Time in which a client must send its request, and again in which it must read the reply."""

    idle_s: float = 0.0
    """Time in which the next request must follow on the same connection; 0: each serves one (RFC 9112, 9.6)."""

    body_bytes: int = 0
    """Maximum size of a body; 0: no body is read."""

    large_bodies: int = 0
    """Maximum number of bodies above 64 KiB that are received at one time; above it, the oldest is given up."""


class HttpServer:
    """Answers HTTP requests until `close`. Raises `OSError` if it cannot listen.

    `name`: the name of its thread.
    """

    def __init__(
        self, host: str, port: int, answer: Answer, limits: HttpLimits, tls: ssl.SSLContext | None, name: str
    ) -> None:
        self._answer, self._limits, self._tls = answer, limits, tls
        self._socket = _listen(host, port, receives_bodies=limits.body_bytes > 0)
        self.port: int = self._socket.getsockname()[1]
        """The port that it listens on, even if the configured port is 0."""
        self.refusals: Counter[int] = Counter()
        """HTTP status → requests that were refused with it."""
        self._loop = asyncio.new_event_loop()
        self._open: dict[asyncio.Task[None], None] = {}
        self._large: dict[asyncio.Task[None], None] = {}
        self._closed = asyncio.Event()
        self._is_draining = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Close each connection after its next reply, so that clients use another server."""
        self._is_draining = True

    def close(self) -> None:
        """Stop answering requests, and close the port."""
        with suppress(RuntimeError):  # the loop has already ended
            self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(timeout=1.0)
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
        while True:
            try:
                connection, _ = await self._loop.sock_accept(self._socket)
            except OSError:  # for example, too many open files
                await asyncio.sleep(_ACCEPT_RETRY_S)
                continue
            task = self._loop.create_task(self._handle_connection(connection))
            # A task that is cancelled before it starts does not run its `finally` block.
            task.add_done_callback(partial(_close, connection))
            # Each connection counts before anything is read from it, even its handshake.
            admit_or_evict(self._open, task, self._limits.connections)

    async def _handle_connection(self, connection: socket.socket) -> None:
        timeout_s, is_reused = self._limits.timeout_s, self._limits.idle_s > 0
        reader = asyncio.StreamReader(MAX_HEAD_BYTES, self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        transport: asyncio.BaseTransport | None = None
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(None if is_reused else 3 * timeout_s):
                    transport, _ = await self._loop.connect_accepted_socket(
                        lambda: protocol, connection, ssl=self._tls,
                        ssl_handshake_timeout=timeout_s if self._tls else None,
                        ssl_shutdown_timeout=_LINGER_S if self._tls else None,
                    )  # fmt: skip
                    writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
                    # Not 0: with TLS, asyncio would pause and resume writing in turns although nothing is buffered.
                    writer.transport.set_write_buffer_limits(high=1, low=0)
                    await self._serve_connection(reader, writer)
        finally:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wait_s, is_last = self._limits.timeout_s, False
        while not is_last:
            reply, is_last = await self._reply(reader, writer, wait_s)
            async with asyncio.timeout(self._limits.timeout_s):
                writer.write(reply)
                await writer.drain()
            wait_s = self._limits.idle_s
        await self._end(reader, writer)

    async def _reply(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait_s: float
    ) -> tuple[bytes, bool]:
        """Return the reply to the next request, and whether it is the last one of the connection."""
        method, is_last = "GET", True
        try:
            async with asyncio.timeout(wait_s):
                request = parse_request(await reader.readuntil(b"\r\n\r\n"))
            request = request._replace(has_certificate=bool(writer.get_extra_info("peercert")))
            method = request.method
            self._keep_longest()
            if self._limits.body_bytes:
                request = request._replace(body=await self._read_body(request, reader, writer))
            reply = await self._answer(request)
            is_last = self._is_draining or not self._limits.idle_s or not request.may_be_followed
        except RequestRefused as refused:
            reply = self._refuse(refused)
        except asyncio.LimitOverrunError:
            reply = self._refuse(HeadTooLong())
        return encode_reply(reply, method, is_last=is_last), is_last

    def _refuse(self, refused: RequestRefused) -> Reply:
        self.refusals[refused.reply.status] += 1
        return refused.reply

    def _keep_longest(self) -> None:
        """Let this connection be the last one to be closed above the limit."""
        if (task := asyncio.current_task()) in self._open:
            self._open[task] = self._open.pop(task)

    async def _read_body(
        self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        length = body_length(request, self._limits.body_bytes)
        if request.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        task = asyncio.current_task()
        if task and length > _LARGE_BODY_BYTES:
            admit_or_evict(self._large, task, self._limits.large_bodies)
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await reader.readexactly(length)
        finally:
            if task:
                self._large.pop(task, None)

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Close the connection after the client has read the reply.

        Read for a while what the client still sends, such as a body or further requests: closing a connection with
        unread bytes would discard the reply (RFC 9112, 9.6).
        """
        if writer.can_write_eof():
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while not self._tls and await reader.read(MAX_HEAD_BYTES):
                    pass
                writer.close()
                await writer.wait_closed()


def _close(connection: socket.socket, _: asyncio.Task[None]) -> None:
    connection.close()


def admit_or_evict(active: dict[asyncio.Task[None], None], task: asyncio.Task[None], limit: int) -> None:
    """Add the task to the active ones until it ends. If `limit` tasks are active, cancel the first one."""
    while len(active) >= limit:
        oldest = next(iter(active))
        del active[oldest]
        oldest.cancel()
    active[task] = None
    task.add_done_callback(lambda task: active.pop(task, None))


def _listen(host: str, port: int, *, receives_bodies: bool) -> socket.socket:
    """Return a listening socket; without a host, one for all addresses of IPv6 and IPv4.

    Without bodies its connections inherit a small receive buffer, which limits unread requests.
    """
    is_dual = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual or ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=is_dual)
    if not receives_bodies:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * MAX_HEAD_BYTES)
    listener.setblocking(False)
    return listener
