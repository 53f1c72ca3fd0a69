"""Converts timestamps in a strptime format. Caches one conversion per second, and keeps the fraction unchanged.

The directives are those of Python's `datetime.strptime`. In addition, `%f` matches up to nine digits, `%e` a day
padded with a space, `%Z` any name of a zone, and months may have their German or French names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sidecar.lib.clock import Clock
from sidecar.parse.time.missing_dates import latest_day, latest_year
from sidecar.parse.time.months import translate_months
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import SecondCache, TimeAffixes
from sidecar.parse.time.zones import Zones

_HOUR_S = 3600
_FRACTION = re.compile(r"\d{1,9}", re.ASCII)
_SEPARATOR = re.compile(r"[.,;:]")
_YEAR_DIRECTIVES = frozenset("YyGcxsDF")
_DAY_DIRECTIVES = frozenset("mbBdjUWVuwaA") | _YEAR_DIRECTIVES


class Strptime:
    """Converts timestamps of one format.

    `zones` finds the UTC offset of a timestamp that has none. `clock` supplies a missing year or date.
    """

    def __init__(self, format_text: str, zones: Zones, clock: Clock) -> None:
        self._zones, self._clock = zones, clock
        format_text = re.sub(r"(?<!%)((?:%%)*)%e", r"\1%d", format_text)
        self._format, self._separator, self._separator_count = _split_fraction(format_text)
        words = self._format.split()
        self._zone_word = words.index("%Z") if words.count("%Z") == 1 else None
        if self._zone_word is not None:
            del words[self._zone_word]
            self._format = " ".join(words)
        directives = frozenset(re.findall(r"%(.)", self._format.replace("%%", "")))
        self._has_year, self._has_day = bool(directives & _YEAR_DIRECTIVES), bool(directives & _DAY_DIRECTIVES)
        self._lines = re.compile(_lines_regex(self._separator, self._separator_count), re.ASCII | re.MULTILINE)
        self._seconds = SecondCache(self._convert_parts)
        self._expires_at = 0.0

    def convert(self, text: str) -> str:
        """Return RFC 3339 text, or "" if the text does not have this format."""
        self._expire()
        fraction, key = "", (text, "")
        if self._separator:
            pieces = text.split(self._separator, self._separator_count)
            match = _FRACTION.match(pieces[-1]) if len(pieces) > self._separator_count else None
            if match is None:
                return ""
            fraction = match[0]
            key = (text[: -len(pieces[-1]) - 1], pieces[-1][match.end() :])
        return self._seconds.convert(key, fraction)

    def convert_all(self, texts: Sequence[str]) -> list[str] | None:
        """Return the timestamps of several texts without line ends, or None if they must be converted one by one."""
        self._expire()
        if not self._separator:
            return self._seconds.convert_all([(text, "") for text in texts])
        rows = self._lines.findall("\n".join(texts))
        if len(rows) != len(texts):
            return None
        return self._seconds.convert_all(
            [(head, tail) for head, _, tail in rows], [fraction for _, fraction, _ in rows]
        )

    def _expire(self) -> None:
        """Drop the cache every hour if the format has no year, because the year may have changed."""
        if not self._has_year and (now := self._clock.now()) >= self._expires_at:
            self._seconds.clear()
            self._expires_at = (now // _HOUR_S + 1) * _HOUR_S

    def _convert_parts(self, parts: tuple[str, str]) -> TimeAffixes:
        """Return the RFC 3339 text before and after the fraction. `parts`: the parsed text before and after it."""
        text, zone = "".join(parts), ""
        if self._zone_word is not None:
            words = text.split()
            if len(words) <= self._zone_word:
                return "", ""
            zone = words.pop(self._zone_word)
            text = " ".join(words)
        time = self._read(text) or self._read(translate_months(text))
        if time is None:
            return "", ""
        if time.tzinfo is None:
            head = time.isoformat()
            tail = self._zones.offset(zone, head)
        else:
            iso = time.isoformat()
            # Without a separator the fraction is read together with the rest.
            head, tail = (iso[:26], iso[26:]) if iso[19:20] == "." else (iso[:19], iso[19:])
            tail = "Z" if tail == "+00:00" else tail
        return (head, tail) if is_rfc3339(head + tail) else ("", "")

    def _read(self, text: str) -> datetime | None:
        try:
            if self._has_year:
                return datetime.strptime(text, self._format)
            if not self._has_day:
                return latest_day(datetime.strptime(text, self._format), self._clock.now())
        except ValueError:
            return None
        # The year is appended to the text, because the year that strptime assumes has no 29th of February.
        return latest_year(
            lambda year: datetime.strptime(f"{text} {year}", f"{self._format} %Y").replace(tzinfo=None),
            self._clock.now(),
        )


def _split_fraction(format_text: str) -> tuple[str, str, int]:
    """Return the format without `%f`, the separator before `%f`, and how often this separator occurs up to `%f`."""
    at = format_text.find("%f")
    separator = format_text[at - 1 : at] if at > 0 else ""
    if not _SEPARATOR.fullmatch(separator) or format_text[at - 2 : at - 1] == "%":
        return format_text, "", 0
    return format_text[: at - 1] + format_text[at + 2 :], separator, format_text[:at].count(separator)


def _lines_regex(separator: str, separator_count: int) -> str:
    """Return a regex for timestamps, one per line. Groups: the text before the fraction, the fraction, the rest."""
    escaped = re.escape(separator)
    head = f"(?:[^{escaped}\\n]*+{escaped}){{{separator_count - 1}}}" if separator_count > 1 else ""
    return rf"^({head}[^{escaped}\n]*+){escaped}(\d{{1,9}}+)(.*+)$" if separator else ""
