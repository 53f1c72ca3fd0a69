"""A socket with one deadline for a request and its response, as `http.client` uses it.

A server may answer before it has read the whole request, for example that it is too large, and not read the rest. So
while a request is sent, the socket notices a response.
"""

from __future__ import annotations

import io
import re
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

import elastic_transport

MAX_RESPONSE_BYTES = 8 << 20
"""Maximum size of a response with its headers: ten times that of a response that rejects 10,000 documents."""

_EARLY_BYTES = 4096
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")
"""A whole interim response (RFC 9110, 15.2), such as 102 or 103. The response to the request follows it."""

_INTERIM_START = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d")


class ResponseTooLarge(elastic_transport.ConnectionError):
    """The response is larger than `MAX_RESPONSE_BYTES`."""


class TimedSocket:
    """The part of a socket that `http.client` needs. Does not close the socket."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._early = b""
        """The beginning of a response that the server has sent before it has read the request."""

    def sendall(self, data: bytes) -> None:
        """Send data. Raise `BrokenPipeError` if the server answers instead of reading it."""
        left = memoryview(data)
        self._sock.settimeout(0)  # otherwise a write of TLS would wait for the server
        while left:
            if not self._is_read():
                raise BrokenPipeError("the server answers before it has read the request")
            with suppress(BlockingIOError, ssl.SSLWantWriteError):
                left = left[self._sock.send(left) :]

    def makefile(self, _: str) -> io.BufferedReader:
        """Return the response."""
        return io.BufferedReader(_Incoming(self._sock, self._deadline, self._early))

    def close(self) -> None:
        """Do nothing, because the response may not have been read yet."""

    def _is_read(self) -> bool:
        """Wait until the server reads on. Return False if it sends a response, or ends the connection, instead."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | select.POLLOUT)
        while True:
            for _, event in poll.poll(1000 * time_left(self._deadline)):
                if event != select.POLLIN:
                    return True  # or there is an error, which `send` raises
                with suppress(BlockingIOError, ssl.SSLWantReadError):  # if it was a message of TLS
                    if self._receive_early():
                        return False

    def _receive_early(self) -> bool:
        """Receive what the server sends meanwhile. Return whether it is more than interim responses."""
        received = self._sock.recv(_EARLY_BYTES)
        self._early = _drop_interim(self._early + received)
        is_interim = _INTERIM_START.match(self._early) and len(self._early) <= _EARLY_BYTES
        return not received or (bool(self._early) and not is_interim)


class _Incoming(io.RawIOBase):
    """Reads the bytes of one response, up to the deadline and the maximum size."""

    def __init__(self, sock: socket.socket, deadline: float, early: bytes) -> None:
        self._sock, self._deadline, self._bytes_left, self._early = sock, deadline, MAX_RESPONSE_BYTES, early

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._bytes_left <= 0:
            raise ResponseTooLarge(f"more than {MAX_RESPONSE_BYTES} bytes")
        size = self._read_early(buffer) if self._early else self._receive(buffer)
        self._bytes_left -= size
        return size

    def _read_early(self, buffer: Any) -> int:
        size = min(len(buffer), len(self._early))
        buffer[:size], self._early = self._early[:size], self._early[size:]
        return size

    def _receive(self, buffer: Any) -> int:
        self._sock.settimeout(time_left(self._deadline))
        return self._sock.recv_into(buffer)


def _drop_interim(data: bytes) -> bytes:
    while found := _INTERIM.match(data):
        data = data[found.end() :]
    return data


def time_left(deadline: float) -> float:
    """Return the seconds until the deadline. Raise `TimeoutError` if it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left
