"""Completes timestamps without a year or without a date, based on the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_MAX_AHEAD = timedelta(hours=24)
"""A timestamp without a year or date may be this far ahead of the clock."""

_MAX_YEARS_BETWEEN_LEAP_DAYS = 8
"""1896 to 1904, 2096 to 2104."""


def latest_year(time_in_year: Callable[[int], datetime], now: float) -> datetime | None:
    """Return the time in the last year that has this day and in which it is not after `now` (seconds since the
    epoch).

    `time_in_year` returns the local time of the application, without a zone, or raises `ValueError`.
    """
    latest = _to_utc(now) + _MAX_AHEAD
    for candidate in range(latest.year, latest.year - _MAX_YEARS_BETWEEN_LEAP_DAYS - 1, -1):
        try:
            time = time_in_year(candidate)
        except ValueError:
            continue
        if time <= latest:
            return time
    return None


def latest_day(clock: datetime, now: float) -> datetime:
    """Return the time of day of `clock` today, or yesterday if it would be in the future."""
    present = _to_utc(now)
    time = datetime.combine(present.date(), clock.time())
    # The time zone of the application may be half a day ahead of UTC.
    return time - timedelta(days=1) if time > present + _MAX_AHEAD / 2 else time


def _to_utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
