"""Rates and lag of the last hour, in a small and fixed amount of memory.

A shipper has 360 samples of five numbers, 14 KiB; one that is gone with a new configuration leaves nothing.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from sidecar.lib.clock import Clock
from sidecar.telemetry.snapshot import ShipperStatus

EVERY_S = 10.0
MOST = 360

_COLUMNS = ("at", "lines_s", "bytes_s", "lag_bytes", "lag_s")


class _Track:
    """The samples of one shipper, and what it had read at the last of them."""

    def __init__(self) -> None:
        self.columns = {name: array("d") for name in _COLUMNS}
        self._before: tuple[float, int, int] | None = None

    def take(self, at: float, now: float, facts: ShipperStatus) -> None:
        """A sample at `at`, in seconds since the epoch, and `now`, of a clock that never goes back.

        The first one has nothing to compare with. Counters that start again are those of a new shipper.
        """
        before, lines, bytes_ = self._before, facts.tally.lines_read, facts.tally.bytes_read
        self._before = now, lines, bytes_
        if before is None or now <= before[0]:
            return
        passed = now - before[0]
        new_lines = lines - before[1] if lines >= before[1] else lines
        new_bytes = bytes_ - before[2] if bytes_ >= before[2] else bytes_
        values = at, new_lines / passed, new_bytes / passed, float(facts.lag_bytes), facts.lag_s
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
            del column[:-MOST]


class History:
    """A ring of samples for each shipper. Filled by one thread and read by others."""

    def __init__(self, clock: Clock, every_s: float = EVERY_S) -> None:
        self._clock, self._every_s = clock, every_s
        self._due_at = float("-inf")
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._turn = threading.Lock()

    def watch(self, look: Callable[[], Sequence[ShipperStatus]]) -> None:
        """Called as often as one likes; `look` is called when a sample is due."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return
        self._due_at = now + self._every_s
        facts, at = look(), self._clock.now()
        with self._turn:
            self._tracks = {(each.pipeline, each.sink): self._track_of(each) for each in facts}
            for each in facts:
                self._tracks[each.pipeline, each.sink].take(at, now, each)

    def _track_of(self, facts: ShipperStatus) -> _Track:
        return self._tracks.get((facts.pipeline, facts.sink)) or _Track()

    def told(self) -> dict[str, Any]:
        """All samples as columns, the oldest first: seconds since the epoch, lines/s, bytes/s, bytes, seconds."""
        with self._turn:
            tracks = [
                {
                    "pipeline": pipeline,
                    "sink": sink,
                    **{name: [round(value, 2) for value in column] for name, column in track.columns.items()},
                }
                for (pipeline, sink), track in self._tracks.items()
            ]
        return {"every_s": self._every_s, "tracks": tracks}
