"""Adapts the number of requests in flight to a sink: more if it answers late, fewer if it is near or overloaded."""

from __future__ import annotations

NEAR_S = 0.02
"""A sink that answers within this time is near: more requests in flight would only compete for the CPU."""

MAX_SLOWDOWN = 2.0
"""If a request takes this many times as long as the fastest one, the sink is overloaded."""

_FORGET_FASTEST = 1.02
"""Factor by which the time of the fastest request grows with each answer, so that a slower network is noticed."""


class WorkerLimit:
    """Maximum number of requests in flight, between `least` and `most`.

    Grows by one with each answer while all requests are in use, shrinks by one if the sink is near or overloaded, and
    is halved by a refusal.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most
        self._fastest_s: float | None = None
        """Seconds until the fastest answer; None before the first answer."""

        self.limit = least
        """Maximum number of requests in flight now."""

    @property
    def is_near(self) -> bool:
        """Whether the sink answers so fast that reading and sending compete for the CPU."""
        return self._fastest_s is None or self._fastest_s < NEAR_S

    def count_answer(self, took_s: float, in_flight: int, *, is_complete: bool) -> None:
        """Adapt the limit to an answer that took `took_s` seconds. `in_flight`: requests in flight when it arrived.

        `is_complete`: the first attempt settled the whole batch.
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
