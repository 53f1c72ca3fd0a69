"""Parks records whose index or collection (the target) accepts no documents. They are read and sent again later.

When the pause of a target has ended, one parked record is sent as a probe, and new records are sent as well. If the
target accepts them, all its parked records are read and sent again. `target_breakers` decides on the pauses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from sidecar.model.span import ParkedRange
from sidecar.pipeline.target_breakers import TargetBreakers
from sidecar.tail.cursor import Cursor
from sidecar.telemetry.snapshot import ParkedTarget

MAX_PARKED_RANGES = 50_000
"""Maximum number of parked ranges, to limit the size of the state. If it is reached, only parked ranges are read."""


class Redelivery(NamedTuple):
    """A parked range to read again. `is_probe`: read only its first record."""

    cursor: Cursor
    parked: ParkedRange
    is_probe: bool


class Parking:
    """Holds the parked ranges of one sink, and decides when each is read and sent again.

    Any thread may call `snapshot`; only the shipper's thread may call the other methods.
    """

    def __init__(self, breakers: TargetBreakers) -> None:
        self._breakers = breakers
        self._cursors: dict[int, Cursor] = {}
        """The files that have parked records."""

        self._planned: deque[Redelivery] = deque()
        """The ranges to read next. When all of these are committed, more are added."""

        self._uncommitted = 0
        """Number of spans that were read again and are not committed yet."""

    @property
    def is_full(self) -> bool:
        """Whether no more ranges may be parked."""
        return sum([len(cursor.parked) for cursor in self._cursors.values()]) >= MAX_PARKED_RANGES

    @property
    def has_next(self) -> bool:
        """Whether a parked range can be read again now."""
        return bool(self._planned)

    @property
    def is_idle(self) -> bool:
        """Whether no parked record is in flight or can be sent now."""
        return not (self._planned or self._uncommitted or self._breakers.list_due())

    def snapshot(self) -> list[ParkedTarget]:
        """Return the parked bytes and lines of each target, and why they are parked."""
        sums: dict[str, list[int]] = {}
        for cursor in list(self._cursors.values()):
            for item in cursor.parked:
                total = sums.setdefault(item.target, [0, 0])
                total[0] += item.end - item.start
                total[1] += item.lines
        return [
            ParkedTarget(name, size, lines, target.since, target.error)
            for name, (size, lines) in sorted(sums.items())
            if (target := self._breakers.find(name)) is not None
        ]

    def adopt(self, cursor: Cursor) -> None:
        """Add a file with parked records. Try those of their targets now that are not held."""
        self._cursors[cursor.file.generation.id] = cursor
        self._breakers.add({item.target for item in cursor.parked})

    def release(self, count: int) -> None:
        """Record that `count` spans of parked records were committed."""
        self._uncommitted -= count

    def note(self, cursor: Cursor) -> None:
        """Record whether a file has parked records."""
        if cursor.parked:
            # The pause of the target may have ended before the commit, as on a full disk, so that it was removed.
            self.adopt(cursor)
        elif self._cursors:
            self.forget(cursor)

    def forget(self, cursor: Cursor) -> None:
        """Remove a file that has no parked records any more."""
        self._cursors.pop(cursor.file.generation.id, None)

    # ── reading parked ranges again ───────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Plan to read the parked ranges of targets whose pause has ended."""
        if not self._breakers:
            return
        self._breakers.update_held()
        if not (self._planned or self._uncommitted):
            self._plan_ranges(self._breakers.list_due())

    def next(self) -> Redelivery:
        """Remove and return the next range to read again. Raise `IndexError` if there is none."""
        self._uncommitted += 1
        return self._planned.popleft()

    def put_back(self, redelivery: Redelivery, start: int) -> None:
        """Plan to read the rest of a range, from `start` on, unless the range was a probe."""
        cursor, parked, is_probe = redelivery
        rest = ParkedRange(start, parked.end, parked.lines, parked.target)
        if start < parked.end and not is_probe:
            self._planned.appendleft(Redelivery(cursor, rest, is_probe))

    def postpone(self, redelivery: Redelivery) -> None:
        """Pause the target of a range that cannot be read now."""
        self._uncommitted -= 1
        self._breakers.pause(redelivery.parked.target)

    def reset(self) -> None:
        """Forget the planned ranges, and the spans that were read again and are not committed."""
        self._planned.clear()
        self._uncommitted = 0

    def _plan_ranges(self, due: Collection[str]) -> None:
        """Plan to read parked records of these targets: all if the target accepts documents, else one as a probe."""
        tried: set[str] = set()
        wanted = {name: self._breakers.find(name) for name in due}
        for cursor in self._cursors.values() if wanted else ():
            for item in cursor.parked:
                if (target := wanted.get(item.target)) is None:
                    continue
                is_probe = item.target != "" and not target.is_accepting
                if not (is_probe and item.target in tried):
                    self._planned.append(Redelivery(cursor, item, is_probe))
                    tried.add(item.target)
        for name in wanted.keys() - tried:
            self._breakers.remove(name)
