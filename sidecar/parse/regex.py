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

_LIMIT_S = 0.1
_NO_MATCH = "the line does not match the pattern"
_TOO_SLOW = "the pattern took longer than 0.1 s on the line"


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
        for index, text in enumerate(lines.split()):
            fields = self._fields(text)
            if isinstance(fields, str):
                errors[index] = fields
                members.append(as_messages([text])[0])
                times.append("")
            else:
                members.append(self._members(fields))
                times.append(self._time(fields))
        names = frozenset([*self._names, "message"] if errors else self._names)
        return Records(lines, lines.starts(), members, times, names, errors=errors)

    def _fields(self, text: str) -> dict[str, str | None] | str:
        try:
            match = self._pattern.fullmatch(text, timeout=_LIMIT_S, concurrent=True)
        except TimeoutError:
            return _TOO_SLOW
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
