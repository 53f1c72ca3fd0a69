"""Keeps the rates and the lag of each shipper over the last hour, in a fixed amount of memory.

A shipper has at most 360 samples of five numbers, 14 KiB. The samples of a shipper that a reload removes are dropped.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from sidecar.lib.clock import Clock
from sidecar.telemetry.snapshot import ShipperStatus

INTERVAL_S = 10.0
MAX_SAMPLES = 360

_COLUMNS = ("at", "lines_s", "bytes_s", "lag_bytes", "lag_s")
"""Seconds since the epoch, settled lines and bytes per second, lag in bytes and in seconds.

Lines that are read again and again while a sink is down do not count.
"""


class _Track:
    """The samples of one shipper, and its counters at the last sample."""

    def __init__(self) -> None:
        self.columns = {name: array("d") for name in _COLUMNS}
        self._before: tuple[float, int, int] | None = None

    def add(self, at: float, now: float, status: ShipperStatus) -> None:
        """Add a sample. `at` is in seconds since the epoch, `now` the time of a monotonic clock.

        The first call adds no sample, because a rate needs two readings. If the counters are smaller than before, the
        shipper is a new one.
        """
        before = self._before
        # A list of the values is a copy, because the shipper may add an outcome meanwhile.
        lines, bytes_ = sum(list(status.counters.lines.values())), sum(list(status.counters.bytes.values()))
        self._before = now, lines, bytes_
        if before is None or now <= before[0]:
            return
        elapsed_s = now - before[0]
        new_lines = lines - before[1] if lines >= before[1] else lines
        new_bytes = bytes_ - before[2] if bytes_ >= before[2] else bytes_
        values = at, new_lines / elapsed_s, new_bytes / elapsed_s, float(status.lag_bytes), status.lag_s
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
            del column[:-MAX_SAMPLES]


class History:
    """The last samples of each shipper. One thread adds samples, others read them."""

    def __init__(self, clock: Clock, every_s: float = INTERVAL_S) -> None:
        self._clock, self._every_s = clock, every_s
        self._due_at = float("-inf")
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._lock = threading.Lock()

    def sample(self, read_statuses: Callable[[], Sequence[ShipperStatus]]) -> None:
        """Call `read_statuses` and add a sample of each shipper, if one is due."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return
        self._due_at = now + self._every_s
        statuses, at = read_statuses(), self._clock.now()
        with self._lock:
            self._tracks = {(status.pipeline, status.sink): self._track_of(status) for status in statuses}
            for status in statuses:
                self._tracks[status.pipeline, status.sink].add(at, now, status)

    def _track_of(self, status: ShipperStatus) -> _Track:
        return self._tracks.get((status.pipeline, status.sink)) or _Track()

    def as_json(self) -> dict[str, Any]:
        """Return the samples of each shipper as columns, the oldest sample first."""
        with self._lock:
            tracks = [
                {
                    "pipeline": pipeline,
                    "sink": sink,
                    **{name: [round(value, 2) for value in column] for name, column in track.columns.items()},
                }
                for (pipeline, sink), track in self._tracks.items()
            ]
        return {"every_s": self._every_s, "tracks": tracks}
