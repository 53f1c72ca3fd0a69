"""Time comes in by the front door: whoever needs it takes a `Clock`, and a test brings its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Both readings of time that the sidecar uses."""

    def now(self) -> float:
        """Seconds since the epoch; may jump in both directions."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. All intervals are measured with this one."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class FixedClock:
    """It is always the same time, in seconds since the epoch: for what has to come out the same on any day."""

    def __init__(self, at: float) -> None:
        self._at = at

    def now(self) -> float:
        return self._at

    def monotonic(self) -> float:
        return 0.0


def iso(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 text in UTC with microseconds, as it stands in documents."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
