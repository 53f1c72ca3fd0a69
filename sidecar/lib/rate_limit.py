"""How often the same thing is said: a few times, and then how many times more it happened."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from sidecar.lib.clock import Clock

Said = TypeVar("Said")

BURST, PERIOD_S = 10, 60.0
"""So many of one cause are told within such a time, and the others counted."""

_MOST_CAUSES = 256


class _Burst(Generic[Said]):
    __slots__ = ("began", "last", "more", "told")

    def __init__(self, began: float) -> None:
        self.began, self.told, self.more = began, 0, 0
        self.last: Said | None = None


class EventRateLimiter(Generic[Said]):
    """Passes on what is said to `say`, with how many of the kind were held back before it. For one thread at a time.

    What was held back is told when its time is over, by the last of it: call `due` now and then, and `rest` at the
    end. Of more than some hundred causes the longest known one is told of and forgotten.
    """

    def __init__(self, clock: Clock, say: Callable[[Said, int], None]) -> None:
        self._clock, self._say = clock, say
        self._causes: dict[Hashable, _Burst[Said]] = {}
        self._due_at = float("inf")

    def hear(self, cause: Hashable, what: Said) -> None:
        """One more of this cause."""
        self.due()
        known = self._causes.get(cause)
        if known is None:
            if len(self._causes) >= _MOST_CAUSES:
                self._close([next(iter(self._causes))])
            known = self._causes[cause] = _Burst(self._clock.monotonic())
            self._due_at = min(self._due_at, known.began + PERIOD_S)
        if known.told < BURST:
            known.told += 1
            self._say(what, 0)
        else:
            known.last, known.more = what, known.more + 1

    def due(self) -> None:
        """Tell of what was held back for long enough. Costs a look at the clock when there is nothing."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return
        self._close([cause for cause, known in self._causes.items() if now - known.began >= PERIOD_S])
        self._due_at = min((known.began + PERIOD_S for known in self._causes.values()), default=float("inf"))

    def rest(self) -> None:
        """Tell of all that was held back."""
        self._close(list(self._causes))

    def _close(self, causes: Iterable[Hashable]) -> None:
        for cause in causes:
            known = self._causes.pop(cause)
            if known.last is not None:
                self._say(known.last, known.more - 1)
