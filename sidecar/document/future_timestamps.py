"""Replaces timestamps that are more than a day in the future with the time of reading.

Whether a timestamp is in the future depends on when it is read. So names of indexes and collections still come from
the timestamp in the line: a line that is sent again later must go to the same one.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from sidecar.lib.clock import Clock, iso
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.records import RecordBatch

FUTURE_TIME_FIELD = "log.time_ahead"
"""Field with the original timestamp."""

_MAX_AHEAD_S = 24 * 3600
_MAX_ZONE_OFFSET_S = 14 * 3600
"""Maximum offset of a time zone. A text that is earlier than the limit by this margin needs no conversion."""


class FutureTimestampGuard:
    """Removes timestamps in the future. Parses the timestamps of a chunk only if the latest text may be too late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def clear_future_times(self, records: RecordBatch) -> RecordBatch:
        """Return the records with timestamps in the future moved to the field `log.time_ahead`."""
        now = self._clock.now()
        if not records.times or max(records.times) <= (suspect := iso(now + _MAX_AHEAD_S - _MAX_ZONE_OFFSET_S)):
            return records
        latest = now + _MAX_AHEAD_S
        ahead = [index for index, time in enumerate(records.times) if time > suspect and _seconds(time) > latest]
        if not ahead:
            return records
        times, notes = list(records.times), dict(records.annotations)
        for index in ahead:
            notes[index] = {**notes.get(index, {}), FUTURE_TIME_FIELD: json_string(times[index])}
            times[index] = ""
        return replace(records, times=times, target_times=records.times, annotations=notes)


def _seconds(time: str) -> float:
    """Return the timestamp as seconds since the epoch."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except OverflowError:
        return float("inf")
