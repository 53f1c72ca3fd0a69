"""Times as known formats write them: converted once for each second, the fraction kept as it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from zoneinfo import ZoneInfo

from sidecar.lib.clock import Clock
from sidecar.parse.time.missing_dates import latest_day, latest_year
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import Ends, SecondCache
from sidecar.parse.time.timestamps import MONTHS, offset_at, offset_text

_ZONE = re.compile(r"Z|UTC|GMT|[+-]\d\d(?::?\d\d)?", re.ASCII)
_HOUR_S = 3600


class FormatTimes:
    """Reads the times of one format, whose `shape` makes ISO 8601 of them, with `Z` if it knows.

    `zone` is that of times without one.
    """

    def __init__(self, shape: Callable[[str, str, float], str], zone: str, clock: Clock) -> None:
        self._shape, self._zone, self._clock = shape, ZoneInfo(zone), clock
        self._seconds = SecondCache(self._ends)
        self._hour = 0

    def all(self, columns: Mapping[str, Sequence[str]], count: int) -> list[str]:
        """RFC 3339 text for each row, from its groups `time`, `zone`, `year` and `fraction`; "" for no time."""
        if "time" not in columns:
            return [""] * count
        if (hour := int(self._clock.now() // _HOUR_S)) != self._hour:
            # A clock without its day means another day tomorrow.
            self._seconds.clear()
            self._hour = hour
        zones, years = columns.get("zone", repeat("", count)), columns.get("year", repeat("", count))
        keys = list(zip(columns["time"], zones, years, strict=True))
        return self._seconds.all(keys, columns.get("fraction", ()))

    def _ends(self, key: tuple[str, str, str]) -> Ends:
        """What stands before and after the fraction."""
        time, zone, year = key
        found = self._shape(time, year, self._clock.now()) if time else ""
        if not found:
            return "", ""
        if found.endswith("Z"):
            found, zone = found[:-1], "Z"
        tail = offset_text(zone.replace("GMT", "Z")) if _ZONE.fullmatch(zone) else offset_at(found, self._zone)
        return (found, tail) if is_rfc3339(found + tail) else ("", "")


def iso_times(time: str, year: str, now: float) -> str:
    """`2026-11-23 01:00:00`, with a blank or a `T`, or with slashes."""
    return f"{time[:10].replace('/', '-')}T{time[11:]}"


def month_first_times(time: str, year: str, now: float) -> str:
    """`Nov 23 01:00:00`: in the year, or in the last one in which it is not ahead of the present."""
    month, day, clock = time.split()
    return _in_year(MONTHS.get(month, "00"), day.zfill(2), clock, year, now)


def digits_first_times(time: str, year: str, now: float) -> str:
    """`1123 01:00:00`, as klog writes it."""
    return _in_year(time[:2], time[2:4], time[5:], year, now)


def clock_only_times(time: str, year: str, now: float) -> str:
    """`01:00:00`: of the day of the present, or of the day before if it would be ahead of it; or a whole time."""
    if len(time) > 8:
        return iso_times(time, year, now)
    try:
        return latest_day(datetime.fromisoformat(f"2000-01-01T{time}"), now).isoformat()
    except ValueError:
        return ""


def _in_year(month: str, day: str, clock: str, year: str, now: float) -> str:
    if year:
        return f"{year}-{month}-{day}T{clock}"
    found = latest_year(lambda candidate: datetime.fromisoformat(f"{candidate}-{month}-{day}T{clock}"), now)
    return found.isoformat() if found else ""
