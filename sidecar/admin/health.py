"""The health of a sidecar, for probes: has it started, does it make progress, is it ready?

By default no probe depends on a sink: a database that is down must neither keep the application from starting nor
restart the sidecar (Kubernetes documentation, "Sidecar Containers": probes of a sidecar count for the Pod).

A sidecar is alive while the main loop, the watchers and the shippers make progress. A thread that delivers a batch
does not count, because it may wait for its sink. Neither do the threads that answer requests or push metrics: a
sidecar that ships is not restarted because one of them hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from sidecar.telemetry.condition import find_stuck
from sidecar.telemetry.heartbeats import Heartbeats


class HealthResult(NamedTuple):
    """The result of a probe."""

    good: bool
    text: str
    """A sentence that explains the result."""


class Health(msgspec.Struct):
    """The health of this process. The main loop writes it, and the threads that answer requests read it."""

    heartbeats: Heartbeats
    parked: str = ""
    """Why the sidecar is parked; "" if it is not."""
    is_tailing: bool = False
    """Whether the first scan has ended and the files are tailed."""
    is_stopping: bool = False
    """Whether the sidecar is shutting down and delivers its last lines."""
    down_sinks: Callable[[], Sequence[str]] = msgspec.field(default=tuple)
    """Returns the names of the sinks that are down."""

    def startup(self) -> HealthResult:
        """Return success once the files are tailed, or if the sidecar is parked: the application must not wait."""
        if self.parked:
            return HealthResult(good=True, text=f"parked: {self.parked}")
        return HealthResult(self.is_tailing, "tails its files" if self.is_tailing else "still starting")

    def live(self) -> HealthResult:
        """Return failure while a loop is stuck, with its name."""
        stuck = find_stuck(self.heartbeats.ages())
        if not stuck or self.is_stopping:
            return HealthResult(good=True, text="ok")
        return HealthResult(good=False, text="; ".join(stuck))

    def ready(self, *, sinks: bool = False) -> HealthResult:
        """Return success if the configuration is valid and the files are tailed; with `sinks`, if no sink is down."""
        if self.parked:
            return HealthResult(good=False, text=f"parked: {self.parked}")
        if not self.is_tailing:
            return HealthResult(good=False, text="still starting")
        down = self.down_sinks() if sinks else ()
        return HealthResult(not down, f"sinks that are down: {', '.join(down)}" if down else "ready")
