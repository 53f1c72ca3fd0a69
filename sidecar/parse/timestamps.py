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

from sidecar.clock import Clock, SystemClock
from sidecar.parse.strptime import Strptime

_RFC3339 = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
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

_TO_THE_MINUTE = len("2026-11-23T01:00")

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
    """Reads event times. `formats` are tried in order; without any, ISO 8601 and epoch numbers are.

    `zone` is that of times without one; `clock` says which year those without a year are of.
    """

    def __init__(self, formats: Sequence[str] = (), zone: str = "UTC", clock: Clock | None = None) -> None:
        self._zone, self._clock = ZoneInfo(zone), clock or SystemClock()
        self._seconds: dict[tuple[str, str | None], tuple[str, str]] = {}
        self._epochs: dict[str, str] = {}
        self._common_log = CommonLog()
        self._formats = [self._format(name) for name in formats] or [self._iso8601, self._epoch]
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
            if found := form(text):
                return found
        return ""

    def _format(self, name: str) -> Format:
        if name == "iso8601":
            return self._iso8601
        if name == "epoch":
            return self._epoch
        if name == "common_log":
            return self._common_log.one
        if name in _EPOCHS:
            return partial(self._scaled, _EPOCHS[name])
        return partial(self._checked, Strptime(name, self._zone, self._clock).read)

    @staticmethod
    def _checked(form: Format, text: str) -> str:
        found = form(text)
        return found if _RFC3339.fullmatch(found) else ""

    def _iso8601(self, text: str) -> str:
        match = _LOOSE.fullmatch(text)
        if not match:
            return ""
        whole, fraction, zone = match.groups()
        found = self._seconds.get((whole, zone))
        if found is None:
            if len(self._seconds) >= _CACHED:
                self._seconds.clear()
            found = self._seconds[whole, zone] = self._ends(whole, zone)
        head, tail = found
        return f"{head}.{fraction}{tail}" if fraction and head else head + tail

    def _ends(self, written: str, zone: str | None) -> tuple[str, str]:
        """What stands before and after the fraction."""
        whole = f"{written[:10]}T{written[11:]}" + (":00" if len(written) == _TO_THE_MINUTE else "")
        offset = offset_text(zone) if zone else offset_at(whole, self._zone)
        return (whole, offset) if is_rfc3339(whole + offset) else ("", "")

    def _epoch(self, text: str) -> str:
        digits = len(text.lstrip("-").partition(".")[0])
        for most, places in _GUESSES:
            if digits <= most:
                return self._scaled(places, text)
        return ""

    def _scaled(self, places: int, text: str) -> str:
        """RFC 3339 text for a number of seconds × 10^places since the epoch, with the digits that it has."""
        whole, _, fraction = (text[:-places], "", text[-places:]) if places else text.partition(".")
        digits = whole + fraction
        if not (digits.isdigit() and digits.isascii() and 0 < len(whole) <= _MOST) or text[-1] == ".":
            return _scaled(places, text)
        head = self._epochs.get(whole)
        if head is None:
            if len(self._epochs) >= _CACHED:
                self._epochs.clear()
            head = self._epochs[whole] = _scaled(0, whole)[:-1]
        return f"{head}.{fraction[:9]}Z" if fraction and head else head and f"{head}Z"


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

    def one(self, text: str) -> str:
        """The same for one of them."""
        found = self._cache.get(text)
        return self.all([text])[0] if found is None else found

    @staticmethod
    def _converted(text: str) -> str:
        match = _CLF.fullmatch(text)
        if not match or match[2] not in MONTHS:
            return ""
        day, month, year, clock, hours, minutes = match.groups()
        offset = "Z" if hours[1:] + minutes == "0000" else f"{hours}:{minutes}"
        found = f"{year}-{MONTHS[month]}-{day}T{clock}{offset}"
        return found if is_rfc3339(found) else ""
