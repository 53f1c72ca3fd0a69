"""A pattern of the user's own: its named groups become fields.

It runs in the `regex` library, which gives the interpreter back while it searches and has a time limit: the
standard library's `re` would stop every file, the probes and the signals while it backtracks.
"""

from __future__ import annotations

import regex

from sidecar.flow import Lines, Records
from sidecar.parse.json import TIME_FIELDS
from sidecar.parse.plain import as_messages, quoted
from sidecar.parse.timestamps import Timestamps

_LIMIT_S, _LEAST_S = 0.1, 0.001
_ALL_LIMIT_S = 1.0
_NO_MATCH = "the line does not match the pattern"
_TOO_SLOW = "the pattern took longer than 0.1 s on the line"
_TOO_SLOW_TOGETHER = "the pattern took longer than 1 ms on the line, after 1 s on others beside it"


class _Patience:
    """How long one line may take: less when others of the chunk took long, so that other files have their turn.

    One slow line may have its tenth of a second; thousands of them in one chunk would hold up the pipeline for
    minutes. An ordinary line matches within microseconds, so it is found among them all the same.
    """

    def __init__(self) -> None:
        self._left = _ALL_LIMIT_S

    @property
    def for_one(self) -> float:
        """Seconds for the next line."""
        return _LIMIT_S if self._left > 0 else _LEAST_S

    def lost(self, seconds: float) -> str:
        """A line took too long, so many seconds. Returns what is to be said of it."""
        reason = _TOO_SLOW if self._left > 0 else _TOO_SLOW_TOGETHER
        self._left -= seconds
        return reason


class Regex:
    """Named groups of a pattern, which has to match the whole line. A group that took no part makes no field."""

    def __init__(self, pattern: str, timestamps: Timestamps, field: str | None = None) -> None:
        self._pattern = regex.compile(pattern)
        self._names = list(self._pattern.groupindex)
        self._keys = quoted(self._names)
        self._timestamps = timestamps
        self._candidates = (field,) if field else TIME_FIELDS

    def parse(self, lines: Lines) -> Records:
        """One record for each line."""
        members: list[str] = []
        times: list[str] = []
        errors: dict[int, str] = {}
        patience = _Patience()
        for index, text in enumerate(lines.texts):
            fields = self._fields(text, patience)
            if isinstance(fields, str):
                errors[index] = fields
                members.append(as_messages([text])[0])
                times.append("")
            else:
                members.append(self._members(fields))
                times.append(self._time(fields))
        names = frozenset([*self._names, "message"] if errors else self._names)
        return Records(lines, lines.starts, members, times, names, errors=errors)

    def _fields(self, text: str, patience: _Patience) -> dict[str, str | None] | str:
        limit = patience.for_one
        try:
            match = self._pattern.fullmatch(text, timeout=limit, concurrent=True)
        except TimeoutError:
            return patience.lost(limit)
        return match.groupdict() if match else _NO_MATCH

    def _members(self, fields: dict[str, str | None]) -> str:
        values = [(key, fields[name]) for key, name in zip(self._keys, self._names, strict=True)]
        present = [(key, value) for key, value in values if value is not None]
        texts = quoted([value for _, value in present])
        return ",".join(f"{key}:{text}" for (key, _), text in zip(present, texts, strict=True))

    def _time(self, fields: dict[str, str | None]) -> str:
        return next(
            (found for name in self._candidates if (found := self._timestamps.read(fields.get(name) or ""))), ""
        )
