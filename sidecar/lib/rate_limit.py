"""Limits how often similar events are logged. The first events are logged in full; later ones are only counted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from sidecar.lib.clock import Clock

Event = TypeVar("Event")

MAX_EVENTS_PER_BURST, PERIOD_S = 10, 60.0
"""Log at most `MAX_EVENTS_PER_BURST` events per cause within `PERIOD_S`; count the rest."""

_MAX_CAUSES = 256


class _Burst(Generic[Event]):
    __slots__ = ("last", "started_at", "suppressed", "written")

    def __init__(self, started_at: float) -> None:
        self.started_at, self.written, self.suppressed = started_at, 0, 0
        self.last: Event | None = None


class EventRateLimiter(Generic[Event]):
    """Passes events to `write`, except those above the limit per cause and period. Not thread-safe.

    At the end of a period, the last suppressed event is written with the number of the other suppressed events. Call
    `flush_due` regularly and `flush_all` at the end. A cause above `_MAX_CAUSES` ends the period of the oldest cause.
    """

    def __init__(self, clock: Clock, write: Callable[[Event, int], None]) -> None:
        self._clock, self._write = clock, write
        self._causes: dict[Hashable, _Burst[Event]] = {}
        self._due_at = float("inf")

    def submit(self, cause: Hashable, event: Event) -> None:
        """Write or suppress one event of this cause."""
        self.flush_due()
        burst = self._causes.get(cause)
        if burst is None:
            if len(self._causes) >= _MAX_CAUSES:
                self._close([next(iter(self._causes))])
            burst = self._causes[cause] = _Burst(self._clock.monotonic())
            self._due_at = min(self._due_at, burst.started_at + PERIOD_S)
        if burst.written < MAX_EVENTS_PER_BURST:
            burst.written += 1
            self._write(event, 0)
        else:
            burst.last, burst.suppressed = event, burst.suppressed + 1

    def flush_due(self) -> None:
        """Write the last suppressed event of each cause whose period has ended."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return
        self._close([cause for cause, burst in self._causes.items() if now - burst.started_at >= PERIOD_S])
        self._due_at = min((burst.started_at + PERIOD_S for burst in self._causes.values()), default=float("inf"))

    def flush_all(self) -> None:
        """End all periods, and write the last suppressed event of each cause."""
        self._close(list(self._causes))

    def _close(self, causes: Iterable[Hashable]) -> None:
        for cause in causes:
            burst = self._causes.pop(cause)
            if burst.last is not None:
                self._write(burst.last, burst.suppressed - 1)
