"""Names of indexes and collections that hold the day of the event, as `logs-%Y.%m.%d`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter

from sidecar.flow import Batch

_DIRECTIVE = re.compile(r"%(.?)")
_ALLOWED = frozenset("YymdHjGVu%")
_HOUR = itemgetter(slice(0, 13))
_ZONE = itemgetter(-1)


class DatedName:
    """A name with strftime directives (`%Y %y %m %d %H %j %G %V %u`), filled in from event times in UTC.

    Raises `ValueError` for a directive that is not one of these: none of them depends on a locale or is finer than
    an hour.
    """

    def __init__(self, pattern: str) -> None:
        unknown = [found for found in _DIRECTIVE.findall(pattern) if found not in _ALLOWED or not found]
        if unknown:
            raise ValueError(f"%{unknown[0]} is not a part of a date; use %Y, %m, %d, %H, %j, %G and %V")
        self._pattern = pattern
        self._fixed = None if _DIRECTIVE.search(pattern) else pattern

    def at(self, moment: datetime) -> str:
        """The name for one moment."""
        return self._fixed or moment.astimezone(UTC).strftime(self._pattern)

    def names(self, batch: Batch) -> str | Sequence[str]:
        """The one name that all documents of the batch share, or one for each of them."""
        if batch.targets is not None:
            return _shared(batch.targets)
        if self._fixed is not None:
            return self._fixed
        return self._of(batch.event_times)

    def _of(self, times: Sequence[str]) -> str | Sequence[str]:
        if set(map(_ZONE, times)) != {"Z"}:
            return self._of([_in_utc(time) for time in times])
        hours = list(map(_HOUR, times))
        known = {hour: self.at(datetime.fromisoformat(f"{hour}:00Z")) for hour in set(hours)}
        return next(iter(known.values())) if len(set(known.values())) == 1 else [known[hour] for hour in hours]


def _shared(names: Sequence[str]) -> str | Sequence[str]:
    return names[0] if len(set(names)) == 1 else names


def _in_utc(time: str) -> str:
    # The seconds are left out: they may be 60, and are never wanted.
    zone = "Z" if time[-1] in "zZ" else time[-6:]
    return datetime.fromisoformat(time[:16] + zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
