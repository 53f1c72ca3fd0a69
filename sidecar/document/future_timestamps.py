"""Times that cannot be, more than a day ahead of the clock: the record takes the time at which it was read."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from sidecar.lib.clock import Clock, iso
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch

NOTE = "log.time_ahead"
"""Says that the event's time was nonsense, and what was written."""

_AHEAD_S = 24 * 3600
_ZONE_S = 14 * 3600
"""No clock on a wall is farther from UTC, so a text that is earlier than that by its digits needs no second look."""


class FutureTimestampGuard:
    """Looks for times ahead of the clock, at the latest one of a chunk as text first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def clear_future_times(self, records: RecordBatch) -> RecordBatch:
        """The records, of which those from the future have no time, and a note with the one that was written."""
        now = self._clock.now()
        if not records.times or max(records.times) <= (suspect := iso(now + _AHEAD_S - _ZONE_S)):
            return records
        latest = now + _AHEAD_S
        ahead = [index for index, time in enumerate(records.times) if time > suspect and _seconds(time) > latest]
        if not ahead:
            return records
        times, notes = list(records.times), dict(records.annotations)
        for index in ahead:
            notes[index] = {**notes.get(index, {}), NOTE: json_string(times[index])}
            times[index] = ""
        return replace(records, times=times, annotations=notes)


def _seconds(time: str) -> float:
    """Seconds since the epoch, as far as a clock cares."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except OverflowError:
        return float("inf")
