"""The records of one sink that wait in their files because their index or collection takes no documents.

Each target is a circuit breaker. While it refuses documents it is held: its records are parked without an attempt.
After a pause one parked record is sent, and new ones pass. If the target takes them, all parked records are read and
sent again; otherwise the next pause is longer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from sidecar.deliver.backoff import Backoff
from sidecar.deliver.context import SinkContext
from sidecar.errors import DeliveryError, Misconfigured
from sidecar.model.span import ParkedRange
from sidecar.tail.cursor import Cursor
from sidecar.telemetry import events
from sidecar.telemetry.snapshot import ParkedTarget

MAX_PARKED_RANGES = 50_000
"""With so many parked ranges nothing more is read, so that state and memory stay small."""


class _Target(msgspec.Struct):
    """A target that has refused documents; "" means records that were refused for other reasons."""

    since: float
    retry_at: float
    error: str = ""
    is_accepting: bool = False
    backoff: Backoff = msgspec.field(default_factory=Backoff.for_targets)


class Redelivery(NamedTuple):
    """A parked range that is to be read again. Of a probe only the first record is sent."""

    cursor: Cursor
    parked: ParkedRange
    is_probe: bool


class Parking:
    """Used by the shipper's thread; any thread may call `snapshot`. `hold` gets the targets that are held."""

    def __init__(self, context: SinkContext, hold: Callable[[Collection[str]], None]) -> None:
        self._context, self._hold = context, hold
        self._targets: dict[str, _Target] = {}
        self._cursors: dict[int, Cursor] = {}
        """The files that have parked records."""

        self._planned: deque[Redelivery] = deque()
        """What is to be read again. The next ranges are planned when all of these are committed."""

        self._uncommitted = 0
        """Spans that were read again and are not committed."""

    @property
    def is_full(self) -> bool:
        """Return whether nothing more may be parked."""
        return sum([len(cursor.parked) for cursor in self._cursors.values()]) >= MAX_PARKED_RANGES

    @property
    def has_next(self) -> bool:
        """Return whether a parked range can be read again now."""
        return bool(self._planned)

    @property
    def is_idle(self) -> bool:
        """Return whether no parked record is on its way or can be sent now."""
        return not (self._planned or self._uncommitted or self._list_due(self._context.clock.monotonic()))

    def due_at(self) -> float:
        """Return when the next target is tried again, infinity if none is held."""
        now = self._context.clock.monotonic()
        return min([each.retry_at for each in self._targets.values() if each.retry_at > now], default=float("inf"))

    def snapshot(self) -> list[ParkedTarget]:
        """Return what is parked for each target, and why."""
        sums: dict[str, list[int]] = {}
        for cursor in list(self._cursors.values()):
            for item in cursor.parked:
                total = sums.setdefault(item.target, [0, 0])
                total[0] += item.end - item.start
                total[1] += item.lines
        known = dict(self._targets)
        return [
            ParkedTarget(name, size, lines, known[name].since, known[name].error)
            for name, (size, lines) in sorted(sums.items())
            if name in known
        ]

    # ── what became of records ──────────────────────────────────────────────────────────────────────────────

    def refuse(self, reasons: Mapping[str, DeliveryError]) -> None:
        """Hold these targets, and try them again after a pause."""
        now = self._context.clock.monotonic()
        for name, error in reasons.items():
            target = self._targets.setdefault(name, _Target(self._context.clock.now(), now))
            if target.retry_at > now:
                continue  # a batch that was in flight when the target was held
            if target.is_accepting or not target.error:
                self._report(name, error)
            target.error, target.is_accepting = str(error), False
            target.retry_at = now + target.backoff.after(error)
        self._update_hold(now)

    def accept(self, names: Iterable[str]) -> None:
        """Send all that is parked for those of these targets that were tried again."""
        now = self._context.clock.monotonic()
        for name in names if self._targets else ():
            target = self._targets.get(name)
            if target is not None and target.retry_at <= now:
                target.is_accepting = True
                target.backoff.reset()

    def adopt(self, cursor: Cursor) -> None:
        """Try the records again that an earlier run has parked in this file."""
        self._cursors[cursor.life.generation.id] = cursor
        clock = self._context.clock
        for name in {item.target for item in cursor.parked}:
            self._targets.setdefault(name, _Target(clock.now(), clock.monotonic()))

    def release(self, count: int) -> None:
        """Take in that so many spans were committed that were read again."""
        self._uncommitted -= count

    def note(self, cursor: Cursor) -> None:
        """Take in which records of a file are parked now."""
        if cursor.parked:
            self._cursors[cursor.life.generation.id] = cursor
        elif self._cursors:
            self.forget(cursor)

    def forget(self, cursor: Cursor) -> None:
        """Forget a file of which nothing is parked."""
        self._cursors.pop(cursor.life.generation.id, None)

    # ── what is read again ──────────────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Let targets be tried whose pause is over."""
        if not self._targets:
            return
        now = self._context.clock.monotonic()
        self._update_hold(now)
        if not (self._planned or self._uncommitted):
            self._plan_ranges(self._list_due(now))

    def next(self) -> Redelivery:
        """Take the next range to be read again. Raise `IndexError` if there is none."""
        self._uncommitted += 1
        return self._planned.popleft()

    def put_back(self, redelivery: Redelivery, start: int) -> None:
        """Read the rest of a range later, from `start` on."""
        cursor, parked, is_probe = redelivery
        rest = ParkedRange(start, parked.end, parked.lines, parked.target)
        if start < parked.end and not is_probe:
            self._planned.appendleft(Redelivery(cursor, rest, is_probe))

    def postpone(self, redelivery: Redelivery) -> None:
        """Try a range later that cannot be read now."""
        self._uncommitted -= 1
        target = self._targets[redelivery.parked.target]
        target.retry_at = self._context.clock.monotonic() + target.backoff.longest_s

    def reset(self) -> None:
        """Forget what was read again and not committed."""
        self._planned.clear()
        self._uncommitted = 0

    def retry_now(self) -> None:
        """End the pauses of all targets."""
        now = self._context.clock.monotonic()
        for target in self._targets.values():
            target.retry_at = min(target.retry_at, now)

    def _list_due(self, now: float) -> list[str]:
        return [name for name, target in self._targets.items() if target.retry_at <= now]

    def _plan_ranges(self, due: Collection[str]) -> None:
        """Plan to read all records of the targets that take documents, and one of each that is to be tried."""
        tried: set[str] = set()
        wanted = set(due)
        for cursor in self._cursors.values() if wanted else ():
            for item in cursor.parked:
                is_probe = item.target != "" and item.target in wanted and not self._targets[item.target].is_accepting
                if item.target in wanted and not (is_probe and item.target in tried):
                    self._planned.append(Redelivery(cursor, item, is_probe))
                    tried.add(item.target)
        for name in wanted - tried:
            if self._targets.pop(name).error:
                self._context.emit(events.TargetAvailable(self._context.pipeline, self._context.sink, name))

    def _update_hold(self, now: float) -> None:
        self._hold(frozenset(name for name, target in self._targets.items() if name and target.retry_at > now))

    def _report(self, name: str, error: DeliveryError) -> None:
        event = events.TargetMisconfigured if isinstance(error, Misconfigured) else events.TargetUnavailable
        self._context.emit(event(self._context.pipeline, self._context.sink, name, str(error)))
