"""Times without their year, or without their day: which one was meant, judged by the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_AHEAD = timedelta(hours=24)
"""A time without its year, or without its day, may be ahead of the clock by so much and no more."""

_LEAP = 8
"""Years between two leap days at most (1896 to 1904, 2096 to 2104)."""


def latest_year(of_year: Callable[[int], datetime], now: float) -> datetime | None:
    """The time in the last year in which there is such a day and it is not ahead of `now` (seconds since the epoch).

    `of_year` makes the time, by the clock of the application and without a zone, or raises `ValueError`.
    """
    latest = _present(now) + _AHEAD
    for candidate in range(latest.year, latest.year - _LEAP - 1, -1):
        try:
            found = of_year(candidate)
        except ValueError:
            continue
        if found <= latest:
            return found
    return None


def latest_day(clock: datetime, now: float) -> datetime:
    """The time of day that `clock` has, on the day of `now` or on the one before if it would be ahead of it."""
    present = _present(now)
    found = datetime.combine(present.date(), clock.time())
    # A zone of its own may be half a day ahead of UTC.
    return found - timedelta(days=1) if found > present + _AHEAD / 2 else found


def _present(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
