"""The health of a sidecar: is it up, does it get on, could it work?

None of it depends on a destination, unless that is asked for: a database that is down must neither keep the
application from starting nor restart the sidecar (Kubernetes documentation, "Sidecar Containers": probes of a sidecar
count for the Pod).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.clock import Clock

BEAT_S = 60.0
"""The main loop comes round twice a second; one that has not for so long is stuck."""


class Answer(NamedTuple):
    """What a probe gets: whether all is well, and a sentence."""

    good: bool
    text: str


@dataclass(slots=True)
class Health:
    """Written by the main loop, read by whoever asks."""

    clock: Clock
    parked: str = ""
    """Why the sidecar waits for another configuration, if it does."""
    follows: bool = False
    """Whether the first look at the files is over."""
    ends: bool = False
    """Whether it was asked to end, and delivers what is left."""
    down: Callable[[], Sequence[str]] = field(default=tuple)
    """The sinks that take nothing now."""
    beat_at: float = float("-inf")

    def beat(self) -> None:
        """The main loop has come round."""
        self.beat_at = self.clock.monotonic()

    def startup(self) -> Answer:
        """Passes once the files are followed; also for a parked sidecar, which must not hold up the application."""
        if self.parked:
            return Answer(good=True, text=f"parked: {self.parked}")
        return Answer(self.follows, "follows its files" if self.follows else "still starts")

    def live(self) -> Answer:
        """Fails when the main loop is stuck."""
        stuck_s = self.clock.monotonic() - self.beat_at
        if stuck_s < BEAT_S or self.ends:
            return Answer(good=True, text="gets on")
        return Answer(good=False, text=f"the main loop has been stuck for {stuck_s:.0f} s")

    def ready(self, *, sinks: bool = False) -> Answer:
        """Passes when the configuration is good and the files are followed; with `sinks` no sink may be down."""
        if self.parked:
            return Answer(good=False, text=f"parked: {self.parked}")
        if not self.follows:
            return Answer(good=False, text="still starts")
        down = self.down() if sinks else ()
        return Answer(not down, f"down: {', '.join(down)}" if down else "ready")
