"""Adds the missing year or date to a timestamp, according to the current time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_MAX_AHEAD = timedelta(hours=24)
"""How far a timestamp may be ahead of the clock, after its year or date is added."""

_MAX_YEARS_BETWEEN_LEAP_DAYS = 8
"""For example from 2096 to 2104, because 2100 is not a leap year."""


def latest_year(time_in_year: Callable[[int], datetime], now: float) -> datetime | None:
    """Return the time in the latest year in which it is at most `_MAX_AHEAD` after `now`.

    Return None if no recent year has this day.

    `time_in_year` returns the time in a year, in local time of the application, or raises `ValueError` if this year
    does not have the day. `now`: seconds since the epoch.
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
    """Return the time of day of `clock` today, or yesterday if today it would be more than 12 hours after `now`."""
    present = _to_utc(now)
    time = datetime.combine(present.date(), clock.time())
    # The time zone of the application may be half a day ahead of UTC.
    return time - timedelta(days=1) if time > present + _MAX_AHEAD / 2 else time


def _to_utc(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
