"""Decides for each index or collection (the target) of a sink whether to send documents to it, by a circuit breaker.

When a target refuses documents, it is held for a pause: its records are parked without an attempt to send them. After
the pause, it is tried again. If it refuses documents again, the next pause is longer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from sidecar.deliver.backoff import Backoff
from sidecar.deliver.context import SinkContext
from sidecar.errors import DeliveryError, Misconfigured
from sidecar.telemetry import events


class RefusingTarget(msgspec.Struct):
    """A target that has refused documents. Its name is "" for records that were refused for another reason."""

    since: float
    """When it refused documents first, in seconds since the epoch."""

    retry_at: float
    error: str = ""
    is_accepting: bool = False
    """Whether it has stored a document since its last refusal."""

    backoff: Backoff = msgspec.field(default_factory=Backoff.for_targets)


class TargetBreakers:
    """The circuit breakers of the targets of one sink. `hold` is called with the names of the targets that are held.

    Any thread may call `find`; only the shipper's thread may call the other methods.
    """

    def __init__(self, context: SinkContext, hold: Callable[[Collection[str]], None]) -> None:
        self._context, self._hold = context, hold
        self._targets: dict[str, RefusingTarget] = {}

    def __bool__(self) -> bool:
        return bool(self._targets)

    def find(self, name: str) -> RefusingTarget | None:
        """Return the target with this name; None if it has not refused documents, or accepts all of them again."""
        return self._targets.get(name)

    def add(self, names: Iterable[str]) -> None:
        """Add targets for which records are parked. Try those now that are new."""
        clock = self._context.clock
        for name in names:
            self._targets.setdefault(name, RefusingTarget(clock.now(), clock.monotonic()))

    def refuse(self, reasons: Mapping[str, DeliveryError]) -> None:
        """Hold these targets for a pause. `reasons`: target → its error."""
        now = self._context.clock.monotonic()
        for name, error in reasons.items():
            target = self._targets.setdefault(name, RefusingTarget(self._context.clock.now(), now))
            if target.retry_at > now:
                continue  # the batch was in flight when the target was held
            if target.is_accepting or not target.error:
                self._report(name, error)
            target.error, target.is_accepting = str(error), False
            target.retry_at = now + target.backoff.after(error)
        self.update_held()

    def accept(self, names: Iterable[str]) -> None:
        """Record that these targets have stored documents. Ignore targets that are still held."""
        now = self._context.clock.monotonic()
        for name in names if self._targets else ():
            target = self._targets.get(name)
            if target is not None and target.retry_at <= now:
                target.is_accepting = True
                target.backoff.reset()

    def pause(self, name: str) -> None:
        """Hold a target for the longest pause, because its parked records cannot be read now."""
        target = self._targets[name]
        target.retry_at = self._context.clock.monotonic() + target.backoff.longest_s

    def retry_now(self) -> None:
        """End the pauses of all targets."""
        now = self._context.clock.monotonic()
        for target in self._targets.values():
            target.retry_at = min(target.retry_at, now)

    def list_due(self) -> list[str]:
        """Return the names of the targets whose pause has ended."""
        now = self._context.clock.monotonic()
        return [name for name, target in self._targets.items() if target.retry_at <= now]

    def due_at(self) -> float:
        """Return when the first pause of a target ends; infinity if no target is held."""
        now = self._context.clock.monotonic()
        return min([each.retry_at for each in self._targets.values() if each.retry_at > now], default=float("inf"))

    def remove(self, name: str) -> None:
        """Remove a target that has no parked records any more. Report that it is available if it has accepted one."""
        target = self._targets.pop(name)
        if target.error and target.is_accepting:
            self._context.emit(events.TargetAvailable(self._context.pipeline, self._context.sink, name))

    def update_held(self) -> None:
        """Call `hold` with the targets that are held now."""
        now = self._context.clock.monotonic()
        self._hold(frozenset(name for name, target in self._targets.items() if name and target.retry_at > now))

    def _report(self, name: str, error: DeliveryError) -> None:
        event = events.TargetMisconfigured if isinstance(error, Misconfigured) else events.TargetUnavailable
        self._context.emit(event(self._context.pipeline, self._context.sink, name, str(error)))
