"""Objects that all parts of one shipper share: names, clock, counters and event writer."""

from __future__ import annotations

import msgspec

from sidecar.lib.clock import Clock
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.events import Emit


class SinkContext(msgspec.Struct, frozen=True):
    """The pipeline and the sink of a shipper, by name, with its clock, its counters and its event writer."""

    pipeline: str
    sink: str
    """The name of the sink in the configuration."""

    clock: Clock
    emit: Emit
    counters: Counters
