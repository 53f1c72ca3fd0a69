"""HTTP/1.1 as the null servers need it: the head of a request, its body looked at in place, a response."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.null_server import Send

_HEADER = re.compile(rb"\r\n(content-length|content-encoding|expect|transfer-encoding): *([^\r\n]+)", re.IGNORECASE)
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required"}


@dataclass(frozen=True, slots=True)
class Head:
    """The part of a request before its body."""

    method: bytes
    path: bytes
    headers: dict[bytes, bytes]
    compatible: bool
    """Whether the client asked for Elasticsearch's own media type, which is then the answer's."""

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return int(self.headers.get(b"content-length", b"0"))


def parsed(head: bytes) -> Head:
    """The request line and the few headers that matter here."""
    method, target, _ = head.split(b" ", 2)
    headers = {name.lower(): value.strip().lower() for name, value in _HEADER.findall(head)}
    return Head(method, target.partition(b"?")[0], headers, b"compatible-with=8" in head)


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes from `begin` to `end` of a buffer, looked at where they are."""

    buffer: bytearray
    begin: int
    end: int

    def lines(self) -> int:
        """How many line ends it holds."""
        return self.buffer.count(b"\n", self.begin, self.end)

    def is_terminated(self) -> bool:
        """Whether it ends with a line end."""
        return self.end > self.begin and self.buffer[self.end - 1] == 10

    def starts_with(self, text: bytes) -> bool:
        """Whether it begins with this text."""
        return self.buffer.startswith(text, self.begin, self.end)

    def without(self, encoding: bytes | None) -> Body:
        """The body without gzip, if that is its encoding."""
        if encoding != b"gzip":
            return self
        whole = bytearray(zlib.decompress(self.copy(), wbits=31))
        return Body(whole, 0, len(whole))

    def copy(self) -> bytes:
        """The bytes themselves."""
        return bytes(self.buffer[self.begin : self.end])


class HTTP:
    """The protocol of one connection; `answer` makes the response to a request."""

    def __init__(self, answer: Callable[[Head, Body], bytes]) -> None:
        self._answer = answer
        self._head: Head | None = None
        self._begin = 0

    def __call__(self, buffer: bytearray, have: int, send: Send) -> int:
        if self._head is None and not self._headed(buffer, have, send):
            return 0
        assert self._head is not None
        end = self._begin + self._head.length
        if have < end:
            return 0
        send(self._answer(self._head, Body(buffer, self._begin, end)))
        self._head = None
        return end

    def _headed(self, buffer: bytearray, have: int, send: Send) -> bool:
        end = buffer.find(b"\r\n\r\n", 0, have)
        if end < 0:
            return False
        self._head, self._begin = parsed(bytes(buffer[: end + 2])), end + 4
        if self._head.headers.get(b"expect") == b"100-continue":
            send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True


def response(status: int, content: bytes, media: str = "application/json", headers: str = "") -> bytes:
    """A whole response; `headers` are further lines, each with its end."""
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{headers}Content-Type: {media}\r\nContent-Length: {len(content)}"
    return f"{head}\r\n\r\n".encode() + content
