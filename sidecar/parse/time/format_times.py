"""Converts timestamps of built-in formats. Caches one conversion per second, and keeps the fraction unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat

from sidecar.lib.clock import Clock
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.second_cache import SecondCache, TimeAffixes
from sidecar.parse.time.zones import Zones

_HOUR_S = 3600


class FormatTimes:
    """Converts the timestamps of one format.

    `to_iso` returns ISO 8601, with `Z` if the time is known to be in UTC. For other times, `zones` finds the offset.
    """

    def __init__(self, to_iso: Callable[[str, str, float], str], zones: Zones, clock: Clock) -> None:
        self._to_iso, self._zones, self._clock = to_iso, zones, clock
        self._seconds = SecondCache(self._convert)
        self._hour = 0

    def convert_all(self, columns: Mapping[str, Sequence[str]], count: int) -> list[str]:
        """Return RFC 3339 text for each row, from its groups `time`, `zone`, `year` and `fraction`; "" if it has no
        time.
        """
        if "time" not in columns:
            return [""] * count
        if (hour := int(self._clock.now() // _HOUR_S)) != self._hour:
            # The day of a time without a date may have changed.
            self._seconds.clear()
            self._hour = hour
        zones, years = columns.get("zone", repeat("", count)), columns.get("year", repeat("", count))
        keys = list(zip(columns["time"], zones, years, strict=True))
        return self._seconds.convert_all(keys, columns.get("fraction", ()))

    def unknown_zones(self, columns: Mapping[str, Sequence[str]]) -> dict[int, str]:
        """Return the unknown zone name of each row that has one. Times of such rows are read as UTC."""
        column = columns.get("zone", ())
        unknown = {name for name in set(column) if not self._zones.is_known(name)}
        return {row: name for row, name in enumerate(column) if name in unknown} if unknown else {}

    def _convert(self, key: tuple[str, str, str]) -> TimeAffixes:
        """Return the RFC 3339 text before and after the fraction; ("", "") if there is no valid time."""
        time, zone, year = key
        iso = self._to_iso(time, year, self._clock.now()) if time else ""
        if not iso:
            return "", ""
        if iso.endswith("Z"):
            iso, zone = iso[:-1], "Z"
        offset = self._zones.offset(zone, iso)
        return (iso, offset) if is_rfc3339(iso + offset) else ("", "")
