"""Parks records whose index or collection (the target) accepts no documents. They are read and sent again later.

Each target has a circuit breaker. When a target refuses documents, it is held: its records are parked without an
attempt to send them. After a pause, one parked record is sent as a probe, and new records are sent as well. If the
target accepts them, all its parked records are read and sent again. Otherwise the next pause is longer.
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
"""Maximum number of parked ranges, to limit the size of the state. If it is reached, only parked ranges are read."""


class _Target(msgspec.Struct):
    """A target that has refused documents. The target "" means records that were refused for other reasons."""

    since: float
    retry_at: float
    error: str = ""
    is_accepting: bool = False
    backoff: Backoff = msgspec.field(default_factory=Backoff.for_targets)


class Redelivery(NamedTuple):
    """A parked range to read again. `is_probe`: read only its first record."""

    cursor: Cursor
    parked: ParkedRange
    is_probe: bool


class Parking:
    """Decides when parked records are sent again. `hold` is called with the names of the targets that are held.

    Any thread may call `snapshot`; only the shipper's thread may call the other methods.
    """

    def __init__(self, context: SinkContext, hold: Callable[[Collection[str]], None]) -> None:
        self._context, self._hold = context, hold
        self._targets: dict[str, _Target] = {}
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
        return not (self._planned or self._uncommitted or self._list_due(self._context.clock.monotonic()))

    def due_at(self) -> float:
        """Return when the first pause of a target ends; infinity if no target is held."""
        now = self._context.clock.monotonic()
        return min([each.retry_at for each in self._targets.values() if each.retry_at > now], default=float("inf"))

    def snapshot(self) -> list[ParkedTarget]:
        """Return the parked bytes and lines of each target, and why they are parked."""
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

    # ── results of attempts ──────────────────────────────────────────────────────────────────────────────

    def refuse(self, reasons: Mapping[str, DeliveryError]) -> None:
        """Hold these targets for a pause. `reasons`: target → its error."""
        now = self._context.clock.monotonic()
        for name, error in reasons.items():
            target = self._targets.setdefault(name, _Target(self._context.clock.now(), now))
            if target.retry_at > now:
                continue  # the batch was in flight when the target was held
            if target.is_accepting or not target.error:
                self._report(name, error)
            target.error, target.is_accepting = str(error), False
            target.retry_at = now + target.backoff.after(error)
        self._update_hold(now)

    def accept(self, names: Iterable[str]) -> None:
        """Send all parked records of these targets again. Ignore targets that are still held."""
        now = self._context.clock.monotonic()
        for name in names if self._targets else ():
            target = self._targets.get(name)
            if target is not None and target.retry_at <= now:
                target.is_accepting = True
                target.backoff.reset()

    def adopt(self, cursor: Cursor) -> None:
        """Add a file in which an earlier run has parked records. Try their targets now."""
        self._cursors[cursor.file.generation.id] = cursor
        clock = self._context.clock
        for name in {item.target for item in cursor.parked}:
            self._targets.setdefault(name, _Target(clock.now(), clock.monotonic()))

    def release(self, count: int) -> None:
        """Record that `count` spans of parked records were committed."""
        self._uncommitted -= count

    def note(self, cursor: Cursor) -> None:
        """Record whether a file has parked records."""
        if cursor.parked:
            self._cursors[cursor.file.generation.id] = cursor
        elif self._cursors:
            self.forget(cursor)

    def forget(self, cursor: Cursor) -> None:
        """Remove a file that has no parked records any more."""
        self._cursors.pop(cursor.file.generation.id, None)

    # ── reading parked ranges again ───────────────────────────────────────────────────────────────────────────

    def update(self) -> None:
        """Plan to read the parked ranges of targets whose pause has ended."""
        if not self._targets:
            return
        now = self._context.clock.monotonic()
        self._update_hold(now)
        if not (self._planned or self._uncommitted):
            self._plan_ranges(self._list_due(now))

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
        target = self._targets[redelivery.parked.target]
        target.retry_at = self._context.clock.monotonic() + target.backoff.longest_s

    def reset(self) -> None:
        """Forget the planned ranges, and the spans that were read again and are not committed."""
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
        """Plan to read all records of the targets that accept documents, and one record of each other target."""
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
