"""Takes bytes apart into choices, so that one byte string is a whole case: settings, lines, and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_SEGMENTS = ("log", "offset", "file", "path", "event", "ingested", "host", "name", "service", "original", "a", "x_")
_NAMES = (
    "@timestamp", "time", "ts", "timestamp", "message", "error", "error.message", "log.offset", "log.file",
    "log.level", "log.file.path", "event.ingested", "host.name", "service.name", "original.log",
    "original.log.offset", "_id", "_source", "_id.x", "kubernetes.labels", "b.c", "", ".", "log.", ".log", "a..b",
    "x\\ty", "l\\u006fg",
    "\\u0000", "\\u005fid", "\\ud83d\\ude00", "\\ud800", "ä", "\\\"", "truncated", "partial",
)  # fmt: skip
_SCALARS = (
    "null", "true", "false", "0", "-0", "7", "64.40", "1e5", "1E400", "-1e-400", "9223372036854775808", "1" * 40,
    "1" * 5000, "1795395600", "1795395600123", "1795395600.5", '""', '"x"', '"{}"', '"}\\n{"', '"\\ud800"',
    '"\\u0000"', '"😀"', '"2026-11-23T01:00:00Z"', '"2026-11-23T01:00:00.123456789+01:00"', '"2026-11-23 01:00:00,5"',
    '"2026-11-23T01:00:00z"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"1850-01-01 00:00:00"',
    '"23/Nov/0026 01:00:00"', '"1e-99999"', '"Infinity"', '"2016-12-31T23:59:60Z"', '"web-1"', "[]", "{}", "[[[]]]",
    '[{"log":1}]',
)  # fmt: skip
_SPACES = ("", "", "", " ", "\t", "  ", "\r")

TOKENS = tuple(
    token.encode()
    for token in (
        *_NAMES, *_SCALARS, '{"', '":', ',"', '"}', "}\n{", "\n", "\r\n", "\0", "\ufeff", '":{"', "\\u", "[" * 1200,
        '{"a":' * 1200, '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8.5"',
    )
)  # fmt: skip
"""Pieces of input that mean something to one of the stages."""


class FuzzedInput:
    """Choices made from bytes. When the bytes are used up, each choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_left(self) -> bool:
        """Whether there is something to choose from."""
        return self._at < len(self._data)

    def below(self, limit: int) -> int:
        """A number of at least 0 and less than `limit`, which is at most 256."""
        return next(iter(self.take(1)), 0) % limit

    def one_of(self, things: Sequence[T]) -> T:
        """One of these."""
        return things[self.below(len(things))]

    def take(self, count: int) -> bytes:
        """The next bytes, as they are."""
        found = self._data[self._at : self._at + count]
        self._at += len(found)
        return found

    def piece(self) -> bytes:
        """A few bytes as they are, or a piece that means something."""
        length = self.below(32)
        return self.take(length) if length else self.one_of(TOKENS)

    def text(self) -> str:
        """A few characters."""
        return self.take(self.below(16)).decode(errors="replace")

    def json_object(self, depth: int = 0) -> str:
        """A valid JSON object on one line, as far as names and values go; some are spelt in odd ways."""
        members = [self._member(depth) for _ in range(self.below(5))]
        return f"{{{self.one_of(_SPACES)}{f'{self.one_of(_SPACES)},'.join(members)}}}"

    def _member(self, depth: int) -> str:
        return (
            f'{self.one_of(_SPACES)}"{self._name()}"{self.one_of(_SPACES)}:{self.one_of(_SPACES)}{self._value(depth)}'
        )

    def _name(self) -> str:
        if self.below(2):
            return self.one_of(_NAMES)
        return ".".join(self.one_of(_SEGMENTS) for _ in range(1 + self.below(4)))

    def _value(self, depth: int) -> str:
        if depth < 4 and self.below(3) == 1:
            return self.json_object(depth + 1)
        return self.one_of(_SCALARS)
