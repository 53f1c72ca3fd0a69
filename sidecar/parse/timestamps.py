"""Event times: whatever an application writes, as RFC 3339 text that a database takes.

ISO 8601 with a zone stays as it is written, nanoseconds included; everything else is put into that form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from math import floor
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

_RFC3339 = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)", re.ASCII)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {name: f"{n:02}" for n, name in enumerate(_NAMES, 1)}
"""The number of a month by its English name, as two digits."""

_MANY = msgspec.json.Decoder(list[Annotated[datetime, msgspec.Meta(tz=True)]])
_ONE = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])
_LONGEST_SAFE = len("2026-11-23T01:00:00.123456789Z")
_SHAPE = str.maketrans("123456789", "0" * 9)
_DATE = (0, 1, 2, 3, 5, 6, 8, 9)
"""Where the digits of the date are."""

_EPOCHS = {"epoch": 0, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
_GUESSES = ((11, 0), (14, 3), (17, 6), (20, 9))
"""(digits before the point up to, decimal places): 10-digit numbers are seconds until the year 5138."""

_CACHED = 4096
_LONGEST = 128
"""No time is longer. The application may put a whole line there, and what is read is remembered."""

_LEAST, _MOST = -20, 12
"""Powers of ten between which a number of seconds has to be, so that its digits are few."""

Format = Callable[[str], str]


def all_rfc3339(times: Sequence[str]) -> bool:
    """Whether every one of these, of which there is one at least, can stand as it is; judged at a stroke.

    msgspec takes a little more than Elasticsearch does: other letters between date and time, more than nine
    digits of a fraction. May say no to times that are good, never yes to one that is not.
    """
    if _are_of_one_day(times):
        return True
    joined = '","'.join(times)
    if max(map(len, times)) > _LONGEST_SAFE or joined.count("T") != len(times):
        return False
    if "z" in joined or "+" in joined or joined.count("-") != 2 * len(times):
        return all(map(is_rfc3339, times))
    try:
        return len(_MANY.decode(f'["{joined}"]')) == len(times)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False


def _are_of_one_day(times: Sequence[str]) -> bool:
    """Whether all are written as the first one is, which can stand as it is, and on the same day.

    They differ in digits only, then, which are looked at column by column.
    """
    first, many = times[0], len(times)
    width = len(first)
    if list(map(len, times)).count(width) != many or not first.endswith("Z") or not is_rfc3339(first):
        return False
    joined = "".join(times)
    if joined.translate(_SHAPE) != first.translate(_SHAPE) * many:
        return False
    if any(joined[column::width] != first[column] * many for column in _DATE):
        return False
    # Of one day and one shape, the latest one sorts last, and has the latest hour.
    if joined[11::width].strip("01") and max(times)[11:13] > "23":
        return False
    return not (joined[14::width] + joined[17::width]).strip("012345")


def is_rfc3339(text: str) -> bool:
    """Whether this can stand as it is."""
    if not _RFC3339.fullmatch(text):
        return False
    try:
        _ONE.decode(f'"{text}"')
    except msgspec.DecodeError:
        return False
    return True


class Timestamps:
    """Reads event times. `formats` are tried in order; without any, ISO 8601 and epoch numbers are."""

    def __init__(self, formats: Sequence[str] = (), zone: str = "UTC") -> None:
        self._zone = ZoneInfo(zone)
        self._formats = [self._format(name) for name in formats] or [self._iso8601, self._epoch]
        self.as_written = not formats or formats[0] == "iso8601"
        self._cache: dict[str, str] = {}

    def read(self, value: str | float | int) -> str:
        """RFC 3339 text for what the application wrote, or "" if it cannot be read."""
        text = value if isinstance(value, str) else str(value)
        if len(text) > _LONGEST:
            return ""
        if self.as_written and is_rfc3339(text):
            return text
        found = self._cache.get(text)
        if found is None:
            found = self._cache[text] = next(filter(None, (form(text.strip()) for form in self._formats)), "")
            if len(self._cache) > _CACHED:
                self._cache.clear()
        return found

    def _format(self, name: str) -> Format:
        if name == "iso8601":
            return self._iso8601
        if name == "epoch":
            return self._epoch
        if name in _EPOCHS:
            return partial(_scaled, _EPOCHS[name])
        return partial(self._strptime, name)

    def _iso8601(self, text: str) -> str:
        match = _LOOSE.fullmatch(text)
        if not match:
            return ""
        date, clock, fraction, zone = match.groups()
        whole = f"{date}T{clock if len(clock) == 8 else f'{clock}:00'}"
        offset = offset_text(zone) if zone else offset_at(whole, self._zone)
        found = f"{whole}{f'.{fraction}' if fraction else ''}{offset}"
        return found if is_rfc3339(found) else ""

    @staticmethod
    def _epoch(text: str) -> str:
        digits = len(text.lstrip("-").partition(".")[0])
        return next((_scaled(places, text) for most, places in _GUESSES if digits <= most), "")

    def _strptime(self, form: str, text: str) -> str:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            return ""
        found = found if found.tzinfo else found.replace(tzinfo=self._zone)
        if "%Y" not in form and "%y" not in form and "%s" not in form:
            found = found.replace(year=datetime.now(UTC).year)
        text = found.isoformat()
        text = text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
        return text if is_rfc3339(text) else ""


def offset_at(whole: str, zone: ZoneInfo) -> str:
    """The offset of a zone at a time in ISO 8601 without one, as RFC 3339 has it; "" if there is no such time."""
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


def _scaled(places: int, text: str) -> str:
    """RFC 3339 text for a number of seconds × 10^places since the epoch, with the digits that it has."""
    try:
        number = Decimal(text).scaleb(-places)
        if not (number.is_finite() and _LEAST <= number.adjusted() < _MOST):
            return ""
        seconds = floor(number)
        fraction = f"{number - seconds:f}".partition(".")[2][:9]
        whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ArithmeticError, ValueError, OSError):
        return ""
    return f"{whole.rjust(19, '0')}{f'.{fraction}' if fraction else ''}Z"


class CommonLog:
    """Times as nginx and Apache write them (`23/Nov/2026:01:00:00 +0000`), one conversion for each second."""

    def __init__(self) -> None:
        self._cache: dict[str, str] = {}

    def all(self, texts: Sequence[str]) -> list[str]:
        """RFC 3339 text for each; "" for one that cannot be read."""
        cache = self._cache
        for text in set(texts) - cache.keys():
            if len(text) <= _LONGEST:
                cache[text] = self._converted(text)
        found = [cache.get(text, "") for text in texts]
        if len(cache) > _CACHED:
            cache.clear()
        return found

    @staticmethod
    def _converted(text: str) -> str:
        match = _CLF.fullmatch(text)
        if not match or match[2] not in MONTHS:
            return ""
        day, month, year, clock, hours, minutes = match.groups()
        offset = "Z" if hours[1:] + minutes == "0000" else f"{hours}:{minutes}"
        found = f"{year}-{MONTHS[month]}-{day}T{clock}{offset}"
        return found if is_rfc3339(found) else ""
