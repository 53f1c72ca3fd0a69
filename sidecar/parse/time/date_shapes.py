"""Converts dates and times in many notations, with months as numbers or names, to ISO 8601 without a zone.

An ambiguous date such as 01/02/2026 is not accepted; it needs a configured format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from sidecar.lib.clock import Clock
from sidecar.parse.time.missing_dates import latest_day, latest_year
from sidecar.parse.time.months import month_number
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import SecondCache, TimeAffixes
from sidecar.parse.time.zones import Zones

_CLOCK = r"(?P<clock>\d?\d:\d\d(?::\d\d)?)"
_MONTH = r"(?P<name>[^\W\d_]{3,9}\.?)"
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,? +)?"
_ISO_SHAPES = (
    rf"(?P<year>\d{{4}})([-/.])(?P<month>\d\d)\2(?P<day>\d\d)(?:[Tt]|,?[ \t]+| - |_|:){_CLOCK}",
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ](?P<clock>\d\d)",
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)[T ]?(?P<digits>\d{6}|\d{4})",
    rf"(?P<year>\d{{4}})(?P<month>\d\d)(?P<day>\d\d)[T -]{_CLOCK}",
    rf"(?P<year>\d{{4}})-?(?P<ordinal>\d{{3}})T(?:{_CLOCK}|(?P<digits>\d{{6}}))",
    rf"(?P<year>\d{{4}})-?W(?P<week>\d\d)-?(?P<weekday>[1-7])T(?:{_CLOCK}|(?P<digits>\d{{6}}))",
)
_SHAPES = (
    *_ISO_SHAPES,
    rf"{_WEEKDAY}(?P<day>\d?\d)(?:[ /-]|\. ?){_MONTH}[ /-](?P<year>\d{{4}})(?:::|[ :T]| - ){_CLOCK}",
    rf"{_WEEKDAY}(?P<day>\d?\d)(?:[ /-]|\. ?){_MONTH} {_CLOCK}",
    rf"{_WEEKDAY}(?P<day>\d\d)-{_MONTH}-(?P<short>\d\d) {_CLOCK}",
    rf"{_WEEKDAY}{_MONTH} +(?P<day>\d?\d),? +(?:(?P<year>\d{{4}})[, ] ?)?{_CLOCK}",
    rf"(?P<day>\d?\d)\.(?P<month>\d?\d)\.(?P<year>\d{{4}})(?:,? |T){_CLOCK}",
)
_PROGRAM_SHAPES = (
    rf"(?P<short>\d\d)/(?P<month>\d\d)/(?P<day>\d\d) {_CLOCK}",
    rf"(?P<month>\d?\d)/(?P<day>\d?\d)/(?P<year>\d{{4}}),? {_CLOCK}",
    rf"(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d) +(?:{_CLOCK}|(?P<digits>\d{{6}}))",
    rf"(?P<month>\d\d)-?(?P<day>\d\d) {_CLOCK}",
    _CLOCK,
)
"""Notations that are used only for the log format of a known program, because they are ambiguous elsewhere."""

_EPOCH = re.compile(r"[1-9]\d{8,9}", re.ASCII)
_TEXT = re.compile(
    r"(?P<head>.*?(?:\d:\d\d(?::\d\d)?|[T ]\d\d(?:\d\d){0,2}|\d{14}))(?:[.,](?P<fraction>\d{1,9})\d*)?"
    r"(?: ?(?P<meridiem>[AaPp])\.?[Mm]\.?)?"
    r"(?:,? ?\[?(?P<zone>(?:GMT|UTC)?[+-]\d\d(?::?\d\d)?|(?:GMT|UTC)[+-]\d|[A-Za-z]{1,5}"
    r"|[A-Z][A-Za-z_]+(?:/[\w+-]+){1,2}|[A-Z][a-z]+(?: [A-Z][a-z]+){1,2} Time)\]?)?"
    r"(?: ?(?:\([^()]{1,40}\)|\[[A-Z][\w/+-]{1,39}\]))?(?: (?P<year>\d{4}))?",
    re.ASCII | re.DOTALL,
)
_TAI64N = re.compile(r"@([0-9a-f]{16})([0-9a-f]{8})", re.ASCII)
_TAI64_EPOCH = (1 << 62) + 10


# Compiled when a text needs them, because that takes 5 ms and most logs have times in RFC 3339.
@cache
def _iso_shapes() -> list[re.Pattern[str]]:
    return [re.compile(shape, re.ASCII) for shape in _ISO_SHAPES]


@cache
def _certain_shapes() -> list[re.Pattern[str]]:
    return [re.compile(shape) for shape in _SHAPES]


@cache
def _all_shapes() -> list[re.Pattern[str]]:
    return [*_certain_shapes(), *(re.compile(shape, re.ASCII) for shape in _PROGRAM_SHAPES)]


def local_time(text: str, year: str, now: float) -> str:
    """Return the time that a known program wrote, in ISO 8601: without a zone, or with `Z` if it is an epoch number.

    If the text has no year or date, assume the latest one that is not in the future. Return "" if the text is not a
    time.
    """
    if _EPOCH.fullmatch(text):
        return f"{datetime.fromtimestamp(int(text), UTC):%Y-%m-%dT%H:%M:%S}Z"
    return _convert(_all_shapes(), text, year, now)


def utc_time(text: str, offset_minutes: float, now: float) -> str:
    """Return the time that a known program wrote, with a fraction and this offset from UTC, in ISO 8601 with `Z`.

    Return "" if the text is not a time.
    """
    head, point, fraction = text.rpartition(".")
    try:
        utc = datetime.fromisoformat(local_time(head, "", now)) - timedelta(minutes=offset_minutes)
    except (ValueError, OverflowError):
        return ""
    return f"{utc.isoformat()}{point}{fraction}Z"


class DateText:
    """Converts timestamps in any unambiguous notation, with or without a zone."""

    def __init__(self, zones: Zones, clock: Clock, *, only_iso: bool = False) -> None:
        self._zones, self._clock = zones, clock
        self._shapes = _iso_shapes if only_iso else _certain_shapes
        self._seconds = SecondCache(self._convert_parts)
        self._hour = 0

    def convert(self, text: str) -> str:
        """Return the timestamp as RFC 3339, or "" if the text is not a time."""
        if tai := _TAI64N.fullmatch(text):
            return _convert_tai64n(*tai.groups())
        match = _TEXT.fullmatch(text)
        if match is None:
            return ""
        if (hour := int(self._clock.now() // 3600)) != self._hour:
            # The year of a time without a year may have changed.
            self._seconds.clear()
            self._hour = hour
        head, fraction, meridiem, zone, year = match.group("head", "fraction", "meridiem", "zone", "year")
        return self._seconds.convert(
            (f"{head} {meridiem}M" if meridiem else head, zone or "", year or ""), fraction or ""
        )

    def convert_all(self, texts: Sequence[str]) -> list[str] | None:
        """Return the timestamps of several texts, or None if one of them is not a time."""
        if not self.convert(texts[0]):
            return None
        times = {text: self.convert(text) for text in set(texts)}
        return None if "" in times.values() else [times[text] for text in texts]

    def _convert_parts(self, key: tuple[str, str, str]) -> TimeAffixes:
        text, zone, year = key
        local = _convert(self._shapes(), text, year, self._clock.now())
        if not local or not self._zones.is_known(zone):
            return "", ""
        offset = self._zones.offset(zone, local)
        return (local, offset) if is_rfc3339(local + offset) else ("", "")


def _convert(shapes: Sequence[re.Pattern[str]], text: str, year: str, now: float) -> str:
    meridiem = text[-2:].upper() if text[-2:].upper() in ("AM", "PM") else ""
    text = text[:-2].rstrip() if meridiem else text
    for shape in shapes:
        if match := shape.fullmatch(text):
            try:
                parts = {name: value for name, value in match.groupdict().items() if value}
                time_read = _compose(parts, meridiem, year, now)
            except (ValueError, OverflowError):
                continue
            return f"{time_read:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") if time_read else ""
    return ""


def _compose(parts: dict[str, str], meridiem: str, year: str, now: float) -> datetime | None:
    clock, ahead = _clock(parts, meridiem)
    if "year" in parts or year or "short" in parts:
        whole_year = int(parts.get("year") or year or _century(parts["short"], now) + parts["short"])
        return datetime.combine(_day(parts, whole_year), clock) + ahead
    if not parts.keys() & {"month", "name"}:
        return latest_day(datetime.combine(date(2000, 1, 1), clock), now) + ahead
    latest = latest_year(lambda candidate: datetime.combine(_day(parts, candidate), clock), now)
    return latest + ahead if latest else None


def _clock(parts: dict[str, str], meridiem: str) -> tuple[time, timedelta]:
    """Return the time of day, and a duration to add: one second for a leap second, or one day for 24:00."""
    digits = parts["digits"].ljust(6, "0") if "digits" in parts else ""
    written = [digits[:2], digits[2:4], digits[4:]] if digits else parts["clock"].split(":")
    hour, minute, second = (int(number) for number in [*written, "0", "0"][:3])
    if meridiem:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if meridiem == "PM" else 0)
    if (hour, minute, second) == (24, 0, 0):
        return time(), timedelta(days=1)
    if second == 60:
        return time(hour, minute, 59), timedelta(seconds=1)
    return time(hour, minute, second), timedelta()


def _day(parts: dict[str, str], year: int) -> date:
    if "ordinal" in parts:
        day = date(year, 1, 1) + timedelta(days=int(parts["ordinal"]) - 1)
        if day.year != year:
            raise ValueError
        return day
    if "week" in parts:
        return date.fromisocalendar(year, int(parts["week"]), int(parts["weekday"]))
    return date(year, int(parts.get("month") or month_number(parts["name"]) or "0"), int(parts["day"]))


def _century(short: str, now: float) -> str:
    """Return the century for a two-digit year: the latest century in which the year is not after next year."""
    this_year = datetime.fromtimestamp(now, UTC).year
    century = this_year // 100
    return str(century if century * 100 + int(short) <= this_year + 1 else century - 1)


def _convert_tai64n(seconds: str, nanoseconds: str) -> str:
    """Return the timestamp for a TAI64N label, or "". Like multilog, ignore the leap seconds since 1972."""
    try:
        local = f"{datetime.fromtimestamp(int(seconds, 16) - _TAI64_EPOCH, UTC):%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    except (ValueError, OverflowError, OSError):
        return ""
    fraction = int(nanoseconds, 16)
    return f"{local}.{fraction:09}Z" if fraction < 10**9 else ""
