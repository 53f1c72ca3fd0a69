"""Answers requests of scrapers, probes and browsers over HTTP. No request changes anything.

Larger replies are built in a second thread, and only a small share of the time, even if many are requested. Above the
maximum number of larger replies in progress, the oldest connection is closed. Each connection serves one request.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sidecar.admin.access import Access
from sidecar.admin.http_connections import HttpLimits, HttpServer, admit_or_evict
from sidecar.admin.http_messages import HttpRequest, Reply, RequestRefused, Routes, find_reply

_CLIENT_TIMEOUT_S = 10.0
_MAX_CONNECTIONS, _MAX_TLS_CONNECTIONS = 128, 32
"""Maximum number of connections, without and with TLS. With TLS each has a buffer of 256 KiB (asyncio.sslproto)."""

_MAX_LARGE_REPLIES = 4
_PAUSE_FACTOR, _MAX_PAUSE_S = 4, 1.0
"""Pause after a larger reply: this many times its build time, at most 1 s, because shippers need the GIL."""

_METHODS = ("GET", "HEAD")
_PROBES = ("/livez", "/readyz", "/startupz")
"""Paths that need no token, because the kubelet has none. They are answered even while larger replies are built."""


class HttpAdmin:
    """An HTTP server that listens until `close`. Raises `OSError` if it cannot listen.

    `timeout_s`: seconds in which a client must send the head of its request, and again in which it must read the
    reply.
    """

    def __init__(
        self, host: str, port: int, routes: Routes, access: Access | None = None, timeout_s: float = _CLIENT_TIMEOUT_S
    ) -> None:
        self._routes = {name: route for name, route in routes.items() if name.startswith("GET ")}
        self._access = access or Access()
        self._large: dict[asyncio.Task[None], None] = {}
        self._large_reply_lock = asyncio.Lock()
        self._worker = ThreadPoolExecutor(1, "admin replies")
        tls = self._access.tls()
        limits = HttpLimits(_MAX_TLS_CONNECTIONS if tls else _MAX_CONNECTIONS, timeout_s)
        self._server = HttpServer(host, port, self._answer, limits, tls, "admin")
        self.port = self._server.port
        """The port that it listens on, even if the configured port is 0."""

    def close(self) -> None:
        """Stop answering requests, and close the port."""
        self._server.close()
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, request: HttpRequest) -> Reply:
        self._admit(request)
        return self._reply(request) if request.path in _PROBES else await self._reply_in_worker(request)

    async def _reply_in_worker(self, request: HttpRequest) -> Reply:
        """Return a larger reply, which is built in the worker thread."""
        await self._large_reply_lock.acquire()
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        try:
            reply = await loop.run_in_executor(self._worker, self._reply, request)
        finally:
            pause_s = min(_MAX_PAUSE_S, _PAUSE_FACTOR * (loop.time() - started_at))
            loop.call_later(pause_s, self._large_reply_lock.release)
        if task := asyncio.current_task():
            admit_or_evict(self._large, task, _MAX_LARGE_REPLIES)
        return reply

    def _admit(self, request: HttpRequest) -> None:
        if not self._access.is_direct(request.headers.get("host", "")):
            raise RequestRefused(
                403, "this host name is not allowed; use an IP address or localhost, or add the name to admin.hosts"
            )
        if request.method not in _METHODS:
            raise RequestRefused(405, "only GET and HEAD are supported", {"Allow": ", ".join(_METHODS)})
        if request.path not in _PROBES and not self._access.has_token(request.headers.get("authorization", "")):
            challenge = 'Basic realm="log-sidecar", charset="UTF-8"'
            raise RequestRefused(
                401, "the token is missing or wrong; send the token of admin.token_file",
                {"WWW-Authenticate": challenge},
            )  # fmt: skip

    def _reply(self, request: HttpRequest) -> Reply:
        return find_reply(request._replace(method="GET"), self._routes)
