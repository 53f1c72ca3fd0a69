"""Defines the objects that all modules of one shipper share."""

from __future__ import annotations

import msgspec

from sidecar.lib.clock import Clock
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.events import Emit


class SinkContext(msgspec.Struct, frozen=True):
    """The names of a shipper's pipeline and sink, its clock, its counters, and the function that logs its events."""

    pipeline: str
    sink: str
    """The name of the sink in the configuration."""

    clock: Clock
    emit: Emit
    counters: Counters
