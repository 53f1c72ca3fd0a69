"""What the parts of a shipper share, with a clock that tests move and events that they read."""

from __future__ import annotations

from sidecar.deliver.context import SinkContext
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock


class ContextFixture:
    """One pipeline and one sink: its context, and the events and counters that came of it."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000.0)
        self.counters = Counters()
        self.events: list[Event] = []
        self.context = SinkContext("app", "db", self.clock, self.events.append, self.counters)

    def event_names(self) -> list[str]:
        """Return the class name of each event, in order."""
        return [type(event).__name__ for event in self.events]
