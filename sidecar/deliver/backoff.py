"""Computes the pause before the next attempt: exponential with equal jitter, or the time that the sink asked for.

Equal jitter: half of each step is fixed and half is random. There are three kinds of pauses: `Backoff()` after a
batch of which nothing was stored, `Backoff.for_leftovers()` between the attempts for the rest of one batch, and
`Backoff.for_targets()` before the next attempt for an index or collection that accepts no documents.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from sidecar.errors import DeliveryError, Misconfigured, Retryable

MAX_RETRY_AFTER_S = 300.0
"""Maximum pause that a sink may ask for. If it asks for more, it is tried again after this time."""

MAX_LEFTOVER_PAUSE_S = 5.0
"""Maximum pause between two attempts for the rest of a batch. The batch stays in memory during the pause."""

_FIRST_LEFTOVER_PAUSE_S = 0.1
_FIRST_TARGET_PAUSE_S, _MAX_TARGET_PAUSE_S = 5.0, 60.0
_GROWTH_FACTOR = 2.0
_MAX_GROWTH_STEPS = 16

LAST_ATTEMPT_BEFORE_END_S = 2.0
"""A sink that fails during a drain is tried once more this long before the drain ends."""


class Backoff(msgspec.Struct):
    """Computes the pause after each consecutive failure. `chance` returns a random number, 0 ≤ x < 1."""

    first_s: float = 0.5
    longest_s: float = 30.0
    misconfigured_s: float = 10.0
    chance: Callable[[], float] = random.random
    failures: int = 0

    @classmethod
    def for_leftovers(cls) -> Backoff:
        """Return the back-off between attempts for the rest of one batch."""
        return cls(_FIRST_LEFTOVER_PAUSE_S, MAX_LEFTOVER_PAUSE_S)

    @classmethod
    def for_targets(cls) -> Backoff:
        """Return the back-off between attempts for one index or collection."""
        return cls(_FIRST_TARGET_PAUSE_S, _MAX_TARGET_PAUSE_S, _FIRST_TARGET_PAUSE_S)

    def after(self, error: DeliveryError) -> float:
        """Count the failure and return the seconds to wait.

        If the sink asked for a time, this is that time, at most `MAX_RETRY_AFTER_S`, plus up to 1 s. Otherwise it is
        a random time from half of the current step to all of it.
        """
        self.failures += 1
        if isinstance(error, Retryable) and error.retry_after is not None:
            return min(MAX_RETRY_AFTER_S, max(0.0, error.retry_after)) + self.chance()
        first = self.misconfigured_s if isinstance(error, Misconfigured) else self.first_s
        step = min(self.longest_s, first * _GROWTH_FACTOR ** min(self.failures - 1, _MAX_GROWTH_STEPS))
        return step * (0.5 + 0.5 * self.chance())

    def reset(self) -> None:
        """Return to the first step, after an attempt that succeeded."""
        self.failures = 0


class RetryPause(msgspec.Struct):
    """Decides when a failed sink is tried again. A drain tries it at once, and again just before the drain ends."""

    backoff: Backoff = msgspec.field(default_factory=Backoff)
    ends_at: float = float("-inf")
    _last_chances: tuple[float, ...] = ()
    """Times at which a drain tries the sink. A time does not count if a batch was sent after it."""

    @property
    def failures(self) -> int:
        """Number of consecutive failures."""
        return self.backoff.failures

    def start(self, error: DeliveryError, now: float, last_send_at: float) -> None:
        """Start the pause after this error."""
        chances = [at for at in self._last_chances if at > last_send_at]
        self.ends_at = min([now + self.backoff.after(error), *chances])

    def reset(self) -> None:
        """Reset the number of failures, after an attempt that succeeded."""
        self.backoff.reset()

    def drain(self, now: float, give_up_at: float) -> None:
        """End the pause now, because the sidecar ends at `give_up_at`."""
        self._last_chances = (now, give_up_at - LAST_ATTEMPT_BEFORE_END_S)
        self.ends_at = min(self.ends_at, now)
