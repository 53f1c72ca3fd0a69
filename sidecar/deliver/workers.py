"""How many requests are in flight to one sink: more over a distance, fewer to a sink that is near or overloaded."""

from __future__ import annotations

NEAR_S = 0.02
"""To a sink that answers within this time, more requests in flight would only compete for the CPU."""

MAX_SLOWDOWN = 2.0
"""If a request takes this many times as long as the fastest one, the sink has enough of them."""

_FORGET_FASTEST = 1.02
"""The fastest request counts as a little slower after each one, so that a change of the network is noticed."""


class WorkerLimit:
    """A limit of requests in flight, between `least` and `most`.

    It grows by one with each answer while all are busy, and is halved by a refusal.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._fastest_s: float | None = None
        """Seconds of the fastest answer, None if there was none yet."""

        self.limit = least
        """Requests that may be in flight now."""

    @property
    def is_near(self) -> bool:
        """Return whether the sink answers so fast that reading and sending compete for the CPU."""
        return self._fastest_s is None or self._fastest_s < NEAR_S

    def count_answer(self, took_s: float, in_flight: int, *, is_complete: bool) -> None:
        """Adapt the limit to one answer. `in_flight`: how many requests were in flight when it came.

        `is_complete`: the sink took the whole batch at the first attempt.
        """
        if not is_complete:
            self.limit = max(self._least, self.limit // 2)
            return
        fastest_s = took_s if self._fastest_s is None else min(self._fastest_s * _FORGET_FASTEST, took_s)
        self._fastest_s = fastest_s
        if took_s > MAX_SLOWDOWN * fastest_s or self.is_near:
            self.limit = max(self._least, self.limit - 1)
        elif in_flight >= self.limit:
            self.limit = min(self._most, self.limit + 1)
