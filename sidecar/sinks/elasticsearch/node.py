"""Sends HTTP requests to one node of the cluster, with a deadline per request and a maximum size of the response.

The nodes of `elastic_transport` limit single socket operations only, so a server that sends one byte a second blocks
a request forever. They also accept responses of any size. `BoundedHttpNode` has one deadline for connection, TLS,
request and response. Only the resolution of the host name has the timeouts of the system's resolver instead.

`_extras` of the node's configuration may contain a `proxy` and a `signer`. Requests without TLS are sent to the
proxy; for TLS the proxy opens a tunnel. The signer returns more headers for each request.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from http import client as http
from typing import Any, ClassVar

import elastic_transport
import msgspec
from elastic_transport._node import NodeApiResponse  # the client exports it nowhere else
from elastic_transport.client_utils import DEFAULT

from sidecar.sinks.common.foreign_server import TLS_SERVER, expects_tls, name_reply
from sidecar.sinks.elasticsearch.bulk_response import decode_response
from sidecar.sinks.elasticsearch.proxy import Proxy
from sidecar.sinks.elasticsearch.timed_socket import MAX_RESPONSE_BYTES, ResponseTooLarge, TimedSocket, time_left

MAX_ERROR_BYTES = 64 << 10
"""Maximum body of an error response. A longer body is ignored; the error then has only the status."""

_MAX_TIMEOUT_S = 3600.0
_READ_BYTES = 64 << 10
_GZIP = 31
_DEFAULT_PORTS = {("http", 80), ("https", 443)}
_KEPT_HEADERS = ("content-type", "retry-after", "location", "server", "x-elastic-product")
_PLAIN, _JSON = {"content-type": "text/plain"}, {"content-type": "application/json"}
_ENCODINGS = ("", "identity", "gzip", "x-gzip")


Signer = Callable[[str, str, str, Sequence[bytes]], Mapping[str, str]]
"""Called with method, URL, `Host` and the pieces of the body of a request; returns the headers that sign it. Raises
`SigningError`."""


class ResponseUnreadable(elastic_transport.ConnectionError):
    """The response is not HTTP, is incomplete, or has an unknown encoding.

    `server`: the kind of server that has answered; "" if unknown.
    """

    def __init__(self, message: str, server: str = "") -> None:
        super().__init__(message)
        self.server = server


class SigningError(elastic_transport.TransportError):
    """The request cannot be signed. The message is the class of the cause."""


class ProxyError(elastic_transport.ConnectionError):
    """The proxy cannot be reached, or refuses to connect to the server."""


class BoundedHttpNode(elastic_transport.BaseNode):
    """A host, with its idle connections."""

    _CLIENT_META_HTTP_CLIENT: ClassVar = ("hc", "3")

    def __init__(self, config: elastic_transport.NodeConfig) -> None:
        super().__init__(config)
        self._idle: deque[socket.socket] = deque()
        self._address = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        self._proxy: Proxy | None = config._extras.get("proxy")
        self._sign: Signer | None = config._extras.get("signer")

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | Sequence[bytes] | None = None,
        headers: elastic_transport.HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> NodeApiResponse:
        """Send a request. `body` may be in pieces, because joining them would double their memory."""
        timeout = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        started_at = time.monotonic()
        deadline = started_at + (timeout or _MAX_TIMEOUT_S)
        sent = self._headers.copy()
        sent.update(headers or {})
        pieces = [body] if isinstance(body, bytes) else body
        if pieces is not None:
            sent["content-length"] = str(sum(map(len, pieces)))
        path = f"{self.path_prefix}{target}"
        if self._sign is not None:
            host = self.host if (self.scheme, self.port) in _DEFAULT_PORTS else self._address
            sent.update(self._sign(method, f"{self.scheme}://{host}{path}", host, pieces or ()))
        try:
            status, kept, data = self._exchange(method, path, pieces, dict(sent), deadline)
        except (OSError, http.HTTPException, zlib.error, elastic_transport.ConnectionError) as error:
            failure = _translate(error)
            failure.add_note(self._address)
            raise failure from error
        meta = elastic_transport.ApiResponseMeta(
            status, "1.1", elastic_transport.HttpHeaders(kept), time.monotonic() - started_at, self.config
        )
        return NodeApiResponse(meta, data)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, method: str, target: str, body: Sequence[bytes] | None, headers: dict[str, str], deadline: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request. Return status, headers and body of the response.

        The server may have closed an idle connection. If sending over it fails, the request is sent over a new one.
        """
        if (idle := self._take_idle()) is not None:
            try:
                return self._exchange_over(idle, method, target, body, headers, deadline)
            except (ConnectionError, http.RemoteDisconnected):
                pass
        return self._exchange_over(self._connect(deadline), method, target, body, headers, deadline)

    def _exchange_over(
        self, sock: socket.socket, method: str, target: str, body: Sequence[bytes] | None, headers: dict[str, str],
        deadline: float,
    ) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
        """Send a request over this connection, and keep the connection if it can be reused."""
        is_reusable = False
        try:
            connection = http.HTTPConnection(self.host, self.port)
            connection.sock = TimedSocket(sock, deadline)
            if self._proxy is not None and self.config.ssl_context is None:
                target, headers = f"http://{self._address}{target}", self._proxy.add_to(headers)
            is_sent = _send(connection, method, target, body, headers)
            answer = _read_head(connection)
            found = _read(answer)
            is_reusable = is_sent and answer.isclosed() and not answer.will_close
        finally:
            if not is_reusable:
                sock.close()
        if is_reusable:
            self._keep_idle(sock)
        return found

    def _keep_idle(self, sock: socket.socket) -> None:
        # Two threads may exceed the limit by one connection, which does no harm.
        if len(self._idle) < self.config.connections_per_node:
            self._idle.append(sock)
        else:
            sock.close()

    def _take_idle(self) -> socket.socket | None:
        """Return an idle connection, or None. Close those that are readable: the server has closed them, or has sent
        a response without a request.
        """
        while self._idle:
            sock = self._idle.pop()
            if not _is_readable(sock):
                return sock
            sock.close()
        return None

    def _connect(self, deadline: float) -> socket.socket:
        if self._proxy is None:
            return self._wrap_in_tls(_open_connection(self.host, self.port, deadline), deadline)
        try:
            sock = _open_connection(self._proxy.host, self._proxy.port, deadline)
        except OSError as error:
            raise ProxyError(f"the proxy {self._proxy} cannot be reached ({error.strerror or error})") from error
        if self.config.ssl_context is not None:
            self._open_tunnel(sock, self._proxy, deadline)
        return self._wrap_in_tls(sock, deadline)

    def _open_tunnel(self, sock: socket.socket, proxy: Proxy, deadline: float) -> None:
        """Make the proxy connect to the server. If it does not, close the socket and raise `ProxyError`."""
        try:
            connection = http.HTTPConnection(self.host, self.port)
            connection.sock = TimedSocket(sock, deadline)
            connection.request("CONNECT", self._address, headers=proxy.add_to({}))
            status = _read_head(connection).status
        except (OSError, http.HTTPException) as error:
            sock.close()
            raise ProxyError(f"the proxy {proxy} does not answer ({error})") from error
        if not 200 <= status < 300:
            sock.close()
            reason = " because of the credentials" if status == 407 else ""
            raise ProxyError(f"the proxy {proxy} refuses to connect to the server{reason} (answered {status})")

    def _wrap_in_tls(self, sock: socket.socket, deadline: float) -> socket.socket:
        context = self.config.ssl_context
        if context is None:
            return sock
        try:
            sock.settimeout(time_left(deadline))  # applies to the whole handshake
            secured: socket.socket = context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        return secured


def _open_connection(host: str, port: int, deadline: float) -> socket.socket:
    """Return a new connection to the first address of the host that accepts one."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure = OSError("the host has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(time_left(deadline) / (len(addresses) - tried))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def _translate(error: Exception) -> elastic_transport.TransportError:
    """Return the exception of `elastic_transport` for an exception of a socket or of `http.client`."""
    if isinstance(error, elastic_transport.ConnectionError):
        return error
    if isinstance(error, TimeoutError):
        return elastic_transport.ConnectionTimeout("no answer in time")
    if isinstance(error, ssl.SSLError):
        return elastic_transport.TlsError(str(error))
    if isinstance(error, OSError):
        return elastic_transport.ConnectionError(str(error))
    is_other = isinstance(error, http.BadStatusLine)
    server = name_reply(str(error.args[0]).encode("latin-1", "replace")) if is_other else ""
    return ResponseUnreadable(type(error).__name__, server)


def _send(
    connection: http.HTTPConnection, method: str, target: str, body: Sequence[bytes] | None,
    headers: Mapping[str, str],
) -> bool:  # fmt: skip
    """Send a request. Return False if the server stopped reading early: it may answer before it has read all."""
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _read_head(connection: http.HTTPConnection) -> http.HTTPResponse:
    """Return the response without its body. Skip interim responses; `http.client` skips only 100."""
    answer = connection.getresponse()
    while 100 <= answer.status < 200 and answer.status != http.SWITCHING_PROTOCOLS:
        answer.headers = None  # type: ignore[assignment]  # as before the first `begin`, which reads nothing otherwise
        answer.begin()
    return answer


def _read(answer: http.HTTPResponse) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a response. Raise `ResponseTooLarge` or `ResponseUnreadable`.

    A gateway may compress a response although the request did not ask for it.
    """
    kept = {name: value for name in _KEPT_HEADERS if (value := answer.getheader(name))}
    if not 200 <= answer.status < 300:
        return _read_error(answer, kept)
    data = _join_pieces(_read_content(answer), MAX_RESPONSE_BYTES)
    if data is None:
        raise ResponseTooLarge(f"more than {MAX_RESPONSE_BYTES} bytes")
    # A gateway may change the type. No other type begins like this.
    return answer.status, {**kept, **_JSON} if data.startswith(b"{") else kept, data


def _read_error(answer: http.HTTPResponse, kept: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return status and headers of an error response, and its body if it has the form of Elasticsearch's errors.

    Raise `ResponseUnreadable` if the server expects TLS.
    """
    data = None
    with suppress(ResponseUnreadable, zlib.error):
        data = _join_pieces(_read_content(answer), MAX_ERROR_BYTES)
    if answer.status == 400 and expects_tls(data or b""):
        raise ResponseUnreadable("the server expects TLS", TLS_SERVER)
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        if data and "json" in kept.get("content-type", ""):
            decode_response(data)
            return answer.status, kept, data
    return answer.status, {**kept, **_PLAIN}, b""


def _read_content(answer: http.HTTPResponse) -> Iterator[bytes]:
    """Return the body in pieces, decompressed."""
    encoding = answer.getheader("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise ResponseUnreadable("an unknown encoding")
    pieces = _read_pieces(answer)
    return _decompress(pieces) if "gzip" in encoding else pieces


def _read_pieces(answer: http.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(_READ_BYTES):
        yield piece
    if answer.length:
        raise ResponseUnreadable("incomplete")


def _decompress(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    for piece in pieces:
        compressed = piece
        while compressed and not inflater.eof:
            yield inflater.decompress(compressed, _READ_BYTES)
            compressed = inflater.unconsumed_tail
    if not inflater.eof:
        raise ResponseUnreadable("incomplete")


def _join_pieces(pieces: Iterable[bytes], max_bytes: int) -> bytes | None:
    """Return the joined pieces, or None as soon as they have more than `max_bytes` bytes."""
    with io.BytesIO() as whole:  # an exception keeps this frame for a while, and must not keep the pieces
        for piece in pieces:
            if whole.tell() + len(piece) > max_bytes:
                return None
            whole.write(piece)
        return whole.getvalue()


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
