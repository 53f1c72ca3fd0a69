"""HTTP to one node of Elasticsearch: each request ends by a deadline, and each answer has a largest size.

The nodes of `elastic_transport` bound single operations of a socket only, so that a server that sends a byte a second
holds a request for ever, and keep whatever a server sends. Here one deadline counts for connection, TLS, request and
answer together. The resolution of the host's name alone is left to the resolver of the system and its timeouts.
"""

from __future__ import annotations

import io
import select
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from http import client as http
from typing import Any, ClassVar

import elastic_transport
import msgspec
from elastic_transport._node import NodeApiResponse  # the client exports it nowhere else
from elastic_transport.client_utils import DEFAULT

from sidecar.sinks.elasticsearch.bulk_response import decode_response

MAX_ANSWER_BYTES = 8 << 20
"""Ten times what a bulk request of 10,000 documents gets that are all refused for the same reason. Headers count."""

MAX_ERROR_BYTES = 64 << 10
"""Of the answer to a request that is refused as a whole; a longer one is judged by its status alone."""

_LONGEST_TIMEOUT_S = 3600.0
_PIECE_BYTES = 64 << 10
_GZIP = 31
_KEPT_HEADERS = ("content-type", "retry-after", "x-elastic-product")
_PLAIN = {"content-type": "text/plain"}


class AnswerTooLarge(elastic_transport.ConnectionError):
    """The answer is larger than `MAX_ANSWER_BYTES`."""


class AnswerUnreadable(elastic_transport.ConnectionError):
    """The answer is not HTTP, breaks off, or has an encoding that was not asked for."""


class BoundedHttpNode(elastic_transport.BaseNode):
    """One host, and the connections to it that wait for their next request."""

    _CLIENT_META_HTTP_CLIENT: ClassVar = ("hc", "3")

    def __init__(self, config: elastic_transport.NodeConfig) -> None:
        super().__init__(config)
        self._idle: deque[socket.socket] = deque()

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: elastic_transport.HttpHeaders | None = None,
        request_timeout: Any = DEFAULT,
    ) -> NodeApiResponse:
        timeout = self.config.request_timeout if request_timeout is DEFAULT else request_timeout
        began = time.monotonic()
        give_up_at = began + (timeout or _LONGEST_TIMEOUT_S)
        sent = self._headers.copy()
        sent.update(headers or {})
        try:
            status, kept, data = self._exchange(method, f"{self.path_prefix}{target}", body, dict(sent), give_up_at)
        except TimeoutError as error:
            raise elastic_transport.ConnectionTimeout("no answer in time") from error
        except ssl.SSLError as error:
            raise elastic_transport.TlsError(str(error)) from error
        except OSError as error:
            raise elastic_transport.ConnectionError(str(error)) from error
        except (http.HTTPException, zlib.error) as error:
            raise AnswerUnreadable(type(error).__name__) from error
        meta = elastic_transport.ApiResponseMeta(
            status, "1.1", elastic_transport.HttpHeaders(kept), time.monotonic() - began, self.config
        )
        return NodeApiResponse(meta, data)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str], give_up_at: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer. Keep the connection if it can take another request."""
        sock = self._kept() or self._connected(give_up_at)
        is_reusable = False
        try:
            connection = http.HTTPConnection(self.host, self.port)
            connection.sock = _TimedSocket(sock, give_up_at)
            is_sent = _send(connection, method, target, body, headers)
            answer = connection.getresponse()
            found = _read(answer, asked=headers.get("accept-encoding", "identity"))
            is_reusable = is_sent and answer.isclosed() and not answer.will_close
        finally:
            if not is_reusable:
                sock.close()
        if is_reusable:
            self._keep(sock)
        return found

    def _keep(self, sock: socket.socket) -> None:
        # Two threads at once may keep one connection too many, which does no harm.
        if len(self._idle) < self.config.connections_per_node:
            self._idle.append(sock)
        else:
            sock.close()

    def _kept(self) -> socket.socket | None:
        """Return an idle connection with nothing to read: bytes would be its end, or an answer to no request."""
        while self._idle:
            sock = self._idle.pop()
            if not _is_readable(sock):
                return sock
            sock.close()
        return None

    def _connected(self, give_up_at: float) -> socket.socket:
        """Return a new connection, to the first address of the host that takes one."""
        addresses = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        failure = OSError("the host has no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(_time_left(give_up_at) / (len(addresses) - tried))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                break
            except OSError as error:
                sock.close()
                failure = error
        else:
            raise failure
        return self._secured(sock, give_up_at)

    def _secured(self, sock: socket.socket, give_up_at: float) -> socket.socket:
        context = self.config.ssl_context
        if context is None:
            return sock
        try:
            sock.settimeout(_time_left(give_up_at))  # of the whole handshake
            secured: socket.socket = context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        return secured


class _TimedSocket:
    """What `http.client` needs of a socket; every operation ends by one moment. Its owner closes the socket."""

    def __init__(self, sock: socket.socket, give_up_at: float) -> None:
        self._sock, self._give_up_at = sock, give_up_at

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._sock.settimeout(_time_left(self._give_up_at))
            left = left[self._sock.send(left) :]

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._sock, self._give_up_at))

    def close(self) -> None:
        """Do nothing: the answer may not be read yet."""


class _Incoming(io.RawIOBase):
    """The bytes of one answer, up to the deadline and up to its largest size."""

    def __init__(self, sock: socket.socket, give_up_at: float) -> None:
        self._sock, self._give_up_at, self._room = sock, give_up_at, MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._room <= 0:
            raise AnswerTooLarge(f"more than {MAX_ANSWER_BYTES} bytes")
        self._sock.settimeout(_time_left(self._give_up_at))
        size = self._sock.recv_into(buffer)
        self._room -= size
        return size


def _time_left(give_up_at: float) -> float:
    """Return the seconds until then. Raise `TimeoutError` if there are none."""
    left = give_up_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _send(
    connection: http.HTTPConnection, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
) -> bool:
    """Return whether all of it was sent. A server that refuses a request need not read it, and may answer still."""
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _read(answer: http.HTTPResponse, asked: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body. Raise `AnswerTooLarge` or `AnswerUnreadable` if a needed body is that."""
    kept = {name: value for name in _KEPT_HEADERS if (value := answer.getheader(name))}
    if not 200 <= answer.status < 300:
        return _error_answer(answer, kept)
    encoding = answer.getheader("content-encoding", "identity").lower()
    if encoding not in ("identity", asked):
        raise AnswerUnreadable("its encoding was not asked for")
    pieces = _pieces(answer)
    data = _join_pieces(_decompress(pieces) if encoding == "gzip" else pieces, MAX_ANSWER_BYTES)
    if data is None:
        raise AnswerTooLarge(f"more than {MAX_ANSWER_BYTES} bytes")
    return answer.status, kept, data


def _error_answer(answer: http.HTTPResponse, kept: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return the status, with the body if it is an error of Elasticsearch; any other body is not kept."""
    is_plain = answer.getheader("content-encoding", "identity") == "identity"
    data = _join_pieces(_pieces(answer), MAX_ERROR_BYTES) if is_plain else None
    with suppress(msgspec.DecodeError, ValueError, RecursionError):
        if data and "json" in kept.get("content-type", ""):
            decode_response(data)
            return answer.status, kept, data
    return answer.status, {**kept, **_PLAIN}, b""


def _pieces(answer: http.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(_PIECE_BYTES):
        yield piece
    if answer.length:
        raise AnswerUnreadable("it breaks off")


def _decompress(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP)
    for piece in pieces:
        packed = piece
        while packed and not inflater.eof:
            yield inflater.decompress(packed, _PIECE_BYTES)
            packed = inflater.unconsumed_tail
    if not inflater.eof:
        raise AnswerUnreadable("it breaks off")


def _join_pieces(pieces: Iterable[bytes], most: int) -> bytes | None:
    """Return all of them, or None if that is more than `most` bytes; the rest is not read then."""
    whole = io.BytesIO()
    for piece in pieces:
        if whole.tell() + len(piece) > most:
            return None
        whole.write(piece)
    return whole.getvalue()


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
