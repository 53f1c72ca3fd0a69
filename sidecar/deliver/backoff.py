"""How long to wait before the next attempt: exponential with full jitter, the destination's own wish first."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.errors import DeliveryError, Misconfigured, Retryable

MAX_RETRY_AFTER_S = 300.0
"""So long a destination may ask to be left alone; it is tried again then, whatever it asked for."""


@dataclass(slots=True)
class Backoff:
    """Seconds to wait after each failure in a row. `chance` gives 0 ≤ x < 1."""

    first_s: float = 0.5
    longest_s: float = 30.0
    misconfigured_s: float = 10.0
    chance: Callable[[], float] = random.random
    failures: int = 0

    def after(self, fault: DeliveryError) -> float:
        """The wait after this fault; at least half of the current step, so that jitter never means at once."""
        self.failures += 1
        if isinstance(fault, Retryable) and fault.retry_after is not None:
            return min(MAX_RETRY_AFTER_S, max(0.0, fault.retry_after)) + self.chance()
        first = self.misconfigured_s if isinstance(fault, Misconfigured) else self.first_s
        step = min(self.longest_s, first * 2.0 ** min(self.failures - 1, 16))
        return step * (0.5 + 0.5 * self.chance())

    def reset(self) -> None:
        """An attempt has succeeded."""
        self.failures = 0
