"""Times in a format of the user's own: converted once for each second, the fraction kept as it is written.

The directives are those of Python's `datetime.strptime`, but `%f` takes up to nine digits and `%Z` takes names of the
zone database.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.lib.clock import Clock
from sidecar.parse.time.missing_dates import latest_day, latest_year
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import Ends, SecondCache

_HOUR_S = 3600
_FRACTION = re.compile(r"\d{1,9}", re.ASCII)
_SET_APART = re.compile(r"[.,;:]")
_YEARS = frozenset("YyGcxsDF")
_DAYS = frozenset("mbBdjUWVuwaA") | _YEARS


class Strptime:
    """Reads one format. `zone` is that of times without one; `clock` says which year those without a year are of."""

    def __init__(self, form: str, zone: ZoneInfo, clock: Clock) -> None:
        self._zone, self._clock = zone, clock
        self._form, self._apart, self._before = _without_fraction(form)
        words = self._form.split()
        self._named = words.index("%Z") if words.count("%Z") == 1 else None
        if self._named is not None:
            del words[self._named]
            self._form = " ".join(words)
        directives = frozenset(re.findall(r"%(.)", self._form.replace("%%", "")))
        self._has_year, self._has_day = bool(directives & _YEARS), bool(directives & _DAYS)
        self._lines = re.compile(_of_lines(self._apart, self._before), re.ASCII | re.MULTILINE)
        self._seconds = SecondCache(self._ends)
        self._until = 0.0

    def one(self, text: str) -> str:
        """The time as RFC 3339 text, or "" if it is not written so."""
        self._forget()
        fraction, key = "", (text, "")
        if self._apart:
            pieces = text.split(self._apart, self._before)
            match = _FRACTION.match(pieces[-1]) if len(pieces) > self._before else None
            if match is None:
                return ""
            fraction = match[0]
            key = (text[: -len(pieces[-1]) - 1], pieces[-1][match.end() :])
        return self._seconds.one(key, fraction)

    def all(self, texts: Sequence[str]) -> list[str] | None:
        """The times of several without line ends."""
        self._forget()
        if not self._apart:
            return self._seconds.all([(text, "") for text in texts])
        rows = self._lines.findall("\n".join(texts))
        if len(rows) != len(texts):
            return None
        return self._seconds.all([(head, tail) for head, _, tail in rows], [fraction for _, fraction, _ in rows])

    def _forget(self) -> None:
        """A time without its year means another one in another hour, perhaps."""
        if not self._has_year and (now := self._clock.now()) >= self._until:
            self._seconds.clear()
            self._until = (now // _HOUR_S + 1) * _HOUR_S

    def _ends(self, parts: tuple[str, str]) -> Ends:
        """What stands before and after the fraction, given the same of the text."""
        text = "".join(parts)
        zone = self._zone
        if self._named is not None:
            words = text.split()
            if len(words) <= self._named:
                return "", ""
            zone = _zone(words.pop(self._named), zone)
            text = " ".join(words)
        found = self._read(text)
        if found is None:
            return "", ""
        written = (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()
        whole, tail = written[:19], written[19:]
        if tail.startswith("."):
            # Where nothing sets the fraction apart, it is read together with the rest.
            whole, tail = written[:26], written[26:]
        tail = "Z" if tail == "+00:00" else tail
        return (whole, tail) if is_rfc3339(whole + tail) else ("", "")

    def _read(self, text: str) -> datetime | None:
        try:
            if self._has_year:
                return datetime.strptime(text, self._form)
            if not self._has_day:
                return latest_day(datetime.strptime(text, self._form), self._clock.now())
        except ValueError:
            return None
        # The year is given with the text: of the year that strptime assumes there is no 29th of February.
        return latest_year(
            lambda year: datetime.strptime(f"{text} {year}", f"{self._form} %Y").replace(tzinfo=None),
            self._clock.now(),
        )


def _without_fraction(form: str) -> tuple[str, str, int]:
    """The format without its `%f`, the character that sets it apart, and how many of it stand up to there."""
    at = form.find("%f")
    apart = form[at - 1 : at] if at > 0 else ""
    if not _SET_APART.fullmatch(apart) or form[at - 2 : at - 1] == "%":
        return form, "", 0
    return form[: at - 1] + form[at + 2 :], apart, form[:at].count(apart)


def _of_lines(apart: str, before: int) -> str:
    """A pattern of texts that have a line each: the fraction, set apart by this, and what stands round it."""
    one = re.escape(apart)
    upto = f"(?:[^{one}\\n]*+{one}){{{before - 1}}}" if before > 1 else ""
    return rf"^({upto}[^{one}\n]*+){one}(\d{{1,9}}+)(.*+)$" if apart else ""


def _zone(name: str, otherwise: ZoneInfo) -> ZoneInfo:
    """The zone of this IANA name. Short names such as CET or EST mean several zones, or one without summer time."""
    if name in ("UTC", "GMT", "Z"):
        return ZoneInfo("UTC")
    if "/" not in name:
        return otherwise
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise
