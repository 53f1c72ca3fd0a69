"""The names, the clock, the counters and the event writer of one pipeline and one sink."""

from __future__ import annotations

import msgspec

from sidecar.lib.clock import Clock
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.events import Emit


class SinkContext(msgspec.Struct, frozen=True):
    """Shared by all parts of one shipper."""

    pipeline: str
    sink: str
    """The name of the sink in the configuration."""

    clock: Clock
    emit: Emit
    counters: Counters
