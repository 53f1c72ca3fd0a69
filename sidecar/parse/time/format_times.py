"""Parses timestamps of built-in formats; caches one conversion per second and keeps the fraction verbatim."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from zoneinfo import ZoneInfo

from sidecar.lib.clock import Clock
from sidecar.parse.time.missing_dates import latest_day, latest_year
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import SecondCache, TimeAffixes
from sidecar.parse.time.timestamps import MONTHS, offset_at, offset_text

_ZONE = re.compile(r"Z|UTC|GMT|[+-]\d\d(?::?\d\d)?", re.ASCII)
_HOUR_S = 3600


class FormatTimes:
    """Converts the timestamps of one format.

    `to_iso` returns ISO 8601, with `Z` if it knows that the time is in UTC. `zone` is the zone of times without one.
    """

    def __init__(self, to_iso: Callable[[str, str, float], str], zone: str, clock: Clock) -> None:
        self._to_iso, self._zone, self._clock = to_iso, ZoneInfo(zone), clock
        self._seconds = SecondCache(self._convert)
        self._hour = 0

    def convert_all(self, columns: Mapping[str, Sequence[str]], count: int) -> list[str]:
        """Return RFC 3339 text for each row, from its groups `time`, `zone`, `year` and `fraction`; "" if it has no
        time.
        """
        if "time" not in columns:
            return [""] * count
        if (hour := int(self._clock.now() // _HOUR_S)) != self._hour:
            # The same time without a date means another day tomorrow.
            self._seconds.clear()
            self._hour = hour
        zones, years = columns.get("zone", repeat("", count)), columns.get("year", repeat("", count))
        keys = list(zip(columns["time"], zones, years, strict=True))
        return self._seconds.convert_all(keys, columns.get("fraction", ()))

    def _convert(self, key: tuple[str, str, str]) -> TimeAffixes:
        """Return the text before and after the fraction."""
        time, zone, year = key
        iso = self._to_iso(time, year, self._clock.now()) if time else ""
        if not iso:
            return "", ""
        if iso.endswith("Z"):
            iso, zone = iso[:-1], "Z"
        offset = offset_text(zone.replace("GMT", "Z")) if _ZONE.fullmatch(zone) else offset_at(iso, self._zone)
        return (iso, offset) if is_rfc3339(iso + offset) else ("", "")


def iso_times(time: str, year: str, now: float) -> str:
    """Convert `2026-11-23 01:00:00`, with a blank or a `T`, or with slashes."""
    return f"{time[:10].replace('/', '-')}T{time[11:]}"


def month_first_times(time: str, year: str, now: float) -> str:
    """Convert `Nov 23 01:00:00`; without a year, take the last one in which it is not in the future."""
    month, day, clock = time.split()
    return _in_year(MONTHS.get(month, "00"), day.zfill(2), clock, year, now)


def digits_first_times(time: str, year: str, now: float) -> str:
    """Convert `1123 01:00:00`, as klog writes it."""
    return _in_year(time[:2], time[2:4], time[5:], year, now)


def clock_only_times(time: str, year: str, now: float) -> str:
    """Convert `01:00:00`, of today, or of yesterday if it would be in the future; or a time with a date."""
    if len(time) > 8:
        return iso_times(time, year, now)
    try:
        return latest_day(datetime.fromisoformat(f"2000-01-01T{time}"), now).isoformat()
    except ValueError:
        return ""


def _in_year(month: str, day: str, clock: str, year: str, now: float) -> str:
    if year:
        return f"{year}-{month}-{day}T{clock}"
    latest = latest_year(lambda candidate: datetime.fromisoformat(f"{candidate}-{month}-{day}T{clock}"), now)
    return latest.isoformat() if latest else ""
