"""The health of a sidecar: is it up, does it get on, could it work?

None of it depends on a destination, unless that is asked for: a database that is down must neither keep the
application from starting nor restart the sidecar (Kubernetes documentation, "Sidecar Containers": probes of a sidecar
count for the Pod).

Alive means that each loop that ships makes progress: the main loop, the watchers and the shippers. A thread that
delivers a batch does not count, because it may wait for its sink; its shipper comes around meanwhile. Neither do the
threads that answer over HTTP or push metrics: a sidecar that ships is not restarted because one of them hangs. The
history has no thread, the main loop keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sidecar.telemetry.heartbeats import Heartbeats

STUCK_AFTER_S = 60.0
"""Each loop beats at least once a second; one that has not beaten for so long is stuck."""


class ProbeResult(NamedTuple):
    """What a probe gets: whether all is well, and a sentence."""

    good: bool
    text: str


@dataclass(slots=True)
class Health:
    """Written by the main loop, read by the threads that answer requests."""

    heartbeats: Heartbeats
    parked: str = ""
    """Why the sidecar waits for another configuration, if it does."""
    is_following: bool = False
    """Whether the first scan is over and the files are tailed."""
    is_stopping: bool = False
    """Whether the sidecar was asked to end and delivers what is left."""
    down_sinks: Callable[[], Sequence[str]] = field(default=tuple)
    """Returns the names of the sinks whose last attempt failed."""

    def startup(self) -> ProbeResult:
        """Passes once the files are followed; also for a parked sidecar, which must not hold up the application."""
        if self.parked:
            return ProbeResult(good=True, text=f"parked: {self.parked}")
        return ProbeResult(self.is_following, "follows its files" if self.is_following else "still starts")

    def live(self) -> ProbeResult:
        """Fail when a loop is stuck, and name it."""
        ages = sorted(self.heartbeats.ages().items())
        stuck = [f"{name} has been stuck for {age_s:.0f} s" for name, age_s in ages if age_s >= STUCK_AFTER_S]
        if not stuck or self.is_stopping:
            return ProbeResult(good=True, text="ok")
        return ProbeResult(good=False, text="; ".join(stuck))

    def ready(self, *, sinks: bool = False) -> ProbeResult:
        """Passes when the configuration is good and the files are followed; with `sinks` no sink may be down."""
        if self.parked:
            return ProbeResult(good=False, text=f"parked: {self.parked}")
        if not self.is_following:
            return ProbeResult(good=False, text="still starts")
        down = self.down_sinks() if sinks else ()
        return ProbeResult(not down, f"down: {', '.join(down)}" if down else "ready")
