"""Clocks: code that needs the time takes a `Clock`, so that tests can control it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The two clocks that the sidecar uses."""

    def now(self) -> float:
        """Return the seconds since the epoch. They may jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Return the seconds from an arbitrary start, which never go back. All intervals are measured with these."""
        ...


class SystemClock:
    """The clocks of the machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class FixedClock:
    """Always returns the same time, in seconds since the epoch, for reproducible results."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return 0.0


def iso(seconds: float) -> str:
    """Return RFC 3339 text in UTC with microseconds, as used in documents, for seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
