"""Defines the clocks. Code that needs the time gets a `Clock` as an argument, so that tests can control it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Returns the time: wall-clock time, and time for measuring intervals."""

    def now(self) -> float:
        """Return the seconds since the epoch. They may jump forward and back."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary start. They never go back, so intervals are measured with them."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class FixedClock:
    """Always returns the same time, for reproducible results. `at`: seconds since the epoch."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return 0.0


def iso(seconds: float) -> str:
    """Convert seconds since the epoch to RFC 3339 text in UTC with microseconds, the form used in documents."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_iso(text: str) -> float | None:
    """Convert RFC 3339 text with a zone to seconds since the epoch. Return None for other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
