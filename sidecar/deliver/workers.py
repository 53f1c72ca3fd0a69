"""Adapts the number of requests in flight to a sink: more if it answers slowly, fewer if it is near or overloaded."""

from __future__ import annotations

NEAR_S = 0.02
"""A sink that answers within this time is near: more requests in flight would only compete for the same CPU."""

FAR_S = 0.1
"""A sink that never answers within this time is far: what is in flight has to be small."""

MAX_SLOWDOWN = 2.0
"""A sink is overloaded if a request takes more than this many times as long as the fastest one."""

_FORGET_FASTEST = 1.02
"""Factor by which the time of the fastest request grows with each answer, so that it adapts to a slower network."""


class WorkerLimit:
    """The maximum number of requests in flight, between `minimum` and `maximum`.

    It grows by one with each answer that arrives while this maximum is in flight. It shrinks by one if the sink is
    near or overloaded, and is halved if the first attempt does not settle a whole batch.
    """

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum, self._maximum = minimum, maximum
        self._fastest_s: float | None = None
        """Seconds that the fastest answer took; None before the first answer."""

        self.limit = minimum
        """Maximum number of requests in flight now."""

    @property
    def is_near(self) -> bool:
        """Whether the sink answers so fast that reading and sending compete for the CPU."""
        return self._fastest_s is None or self._fastest_s < NEAR_S

    @property
    def is_far(self) -> bool:
        """Whether even the fastest answer is so late that the memory limits the requests in flight."""
        return self._fastest_s is not None and self._fastest_s >= FAR_S

    def count_answer(self, duration_s: float, in_flight: int, *, is_complete: bool) -> None:
        """Adapt the limit to an answer after `duration_s` seconds. `in_flight`: requests in flight when it arrived.

        `is_complete`: the first attempt settled the whole batch.
        """
        if not is_complete:
            self.limit = max(self._minimum, self.limit // 2)
            return
        fastest_s = duration_s if self._fastest_s is None else min(self._fastest_s * _FORGET_FASTEST, duration_s)
        self._fastest_s = fastest_s
        if duration_s > MAX_SLOWDOWN * fastest_s or self.is_near:
            self.limit = max(self._minimum, self.limit - 1)
        elif in_flight >= self.limit:
            self.limit = min(self._maximum, self.limit + 1)
