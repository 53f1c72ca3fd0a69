"""Event times: whatever an application writes, as RFC 3339 text that a database takes.

ISO 8601 with a zone stays as it is written, nanoseconds included; everything else is put into that form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from sidecar.lib.clock import Clock, SystemClock
from sidecar.parse.time.epoch import EPOCHS, Epoch
from sidecar.parse.time.rfc3339 import all_rfc3339, any_rfc3339, is_rfc3339
from sidecar.parse.time.second_cache import Ends, SecondCache
from sidecar.parse.time.strptime import Strptime

_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_LOOSE_LINES = re.compile(f"^{_LOOSE.pattern}$".replace(r"\s", "[ \t\f\v]"), re.ASCII | re.MULTILINE)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {name: f"{n:02}" for n, name in enumerate(_NAMES, 1)}
"""The number of a month by its English name, as two digits."""

_TO_THE_MINUTE = len("2026-11-23T01:00")

_LONGEST = 128
"""No time is longer. The application may put a whole line there, and what is read is remembered."""


class TimeFormat(Protocol):
    """One way to write times. What it makes of them is RFC 3339 text, or "" where they are not written so."""

    def one(self, text: str) -> str:
        """The time of one text without blanks round it."""
        ...

    def all(self, texts: Sequence[str]) -> list[str] | None:
        """The same for several that have no line ends, at a stroke; None if they have to be looked at one by one.

        No format but this one takes any of them, then, or it is asked before.
        """
        ...


class Timestamps:
    """Reads event times. `formats` are tried in order; without any, ISO 8601 and epoch numbers are.

    `zone` is that of times without one; `clock` says which year those without a year are of.
    """

    def __init__(self, formats: Sequence[str] = (), zone: str = "UTC", clock: Clock | None = None) -> None:
        self._zone, self._clock = ZoneInfo(zone), clock or SystemClock()
        self._formats = [self._format(name) for name in formats or ("iso8601", "epoch")]
        # No text is both ISO 8601 and a number; of other formats, the first one has to have its say before others.
        self._together = self._formats[: None if not formats else 1]
        self.as_written = not formats or formats[0] == "iso8601"

    def read(self, value: str | float | int) -> str:
        """RFC 3339 text for what the application wrote, or "" if it cannot be read."""
        text = value if isinstance(value, str) else str(value)
        if len(text) > _LONGEST:
            return ""
        if self.as_written and is_rfc3339(text):
            return text
        text = text.strip()
        for form in self._formats:
            if found := form.one(text):
                return found
        return ""

    def all(self, texts: Sequence[str]) -> list[str]:
        """The same for each of several texts."""
        return self._at_a_stroke(texts) or [self.read(text) if text else "" for text in texts]

    def _at_a_stroke(self, texts: Sequence[str]) -> list[str] | None:
        if not texts or not all(texts):
            return None
        if self.as_written and all_rfc3339(texts):
            return list(texts)
        joined = "\n".join(texts)
        if joined.count("\n") >= len(texts) or max(map(len, texts)) > _LONGEST:
            return None
        if self.as_written and "T" in joined and any_rfc3339(joined):
            return None
        bare = list(map(str.strip, texts))
        for form in self._together:
            if found := form.all(bare):
                return found if "" not in found else None
        return None

    def _format(self, name: str) -> TimeFormat:
        if name == "iso8601":
            return Iso8601(self._zone)
        if name == "common_log":
            return CommonLog()
        if name in EPOCHS:
            return Epoch(EPOCHS[name])
        return Strptime(name, self._zone, self._clock)


class Iso8601:
    """ISO 8601 as it is written by people: a blank for the `T`, a comma before the fraction, no zone, no seconds."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._seconds = SecondCache(self._ends)

    def one(self, text: str) -> str:
        """The time of one text."""
        match = _LOOSE.fullmatch(text)
        if not match:
            return ""
        whole, fraction, zone = match.groups("")
        return self._seconds.one((whole, zone), fraction)

    def all(self, texts: Sequence[str]) -> list[str] | None:
        """The times of several, if all are written so."""
        joined = "\n".join(texts)
        rows = _LOOSE_LINES.findall(joined) if _LOOSE_LINES.match(joined) else ()
        if len(rows) != len(texts):
            return None
        return self._seconds.all([(whole, zone) for whole, _, zone in rows], [fraction for _, fraction, _ in rows])

    def _ends(self, key: tuple[str, str]) -> Ends:
        written, zone = key
        whole = f"{written[:10]}T{written[11:]}" + (":00" if len(written) == _TO_THE_MINUTE else "")
        offset = offset_text(zone) if zone else offset_at(whole, self._zone)
        return (whole, offset) if is_rfc3339(whole + offset) else ("", "")


def offset_at(whole: str, zone: ZoneInfo) -> str:
    """The offset of a zone at a time in ISO 8601 without one, as RFC 3339 has it; "" if there is no such time, which
    is not looked at in UTC."""
    if zone.key == "UTC":
        return "Z"
    try:
        return offset_text(datetime.fromisoformat(whole).replace(tzinfo=zone).strftime("%z"))
    except ValueError:
        return ""


def offset_text(zone: str) -> str:
    """An offset from UTC as RFC 3339 has it: `+01`, `+0100`, `+01:00` are `+01:00`."""
    if zone in ("Z", "z", "UTC", "+0000", "+00:00", "+00", "-0000"):
        return "Z"
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return f"{zone[0]}{digits[:2]}:{digits[2:]}"


class CommonLog:
    """Times as nginx and Apache write them (`23/Nov/2026:01:00:00 +0000`), one conversion for each second."""

    def __init__(self) -> None:
        self._seconds = SecondCache(_of_common_log)

    def all(self, texts: Sequence[str]) -> list[str]:
        """The time of each text; "" for one that cannot be read."""
        if texts and max(map(len, texts)) > _LONGEST:
            texts = [text if len(text) <= _LONGEST else "" for text in texts]
        return self._seconds.all(texts)

    def one(self, text: str) -> str:
        """The same for one of them, which is not long."""
        return self._seconds.one(text)


def _of_common_log(text: str) -> Ends:
    match = _CLF.fullmatch(text)
    if not match or match[2] not in MONTHS:
        return "", ""
    day, month, year, clock, hours, minutes = match.groups()
    whole, offset = f"{year}-{MONTHS[month]}-{day}T{clock}", offset_text(hours + minutes)
    return (whole, offset) if is_rfc3339(whole + offset) else ("", "")
