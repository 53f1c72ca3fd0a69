"""Tracks the status of one sink for `sidecar status`, and reports its changes in events."""

from __future__ import annotations

import msgspec

from sidecar.deliver.context import SinkContext
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable, StateError
from sidecar.telemetry import events
from sidecar.telemetry.counters import add

MAX_INTERRUPTION_S = 30.0
"""Seconds after which an error that should end by itself within seconds is reported as a failure of the sink."""


class SinkState(msgspec.Struct, frozen=True):
    """The state of a sink at one moment."""

    state: str
    """The state: "new", "up", "interrupted" (by an error that should end within seconds), "retrying",
    "misconfigured", or "blocked" if the state directory cannot be written."""

    since: float
    """When this state began, in seconds since the epoch."""

    error: str
    """Why the sink is not up; "" if it is up."""

    error_class: str
    """The class of the last error; "" if there was none since the start."""


class SinkStatus:
    """Tracks the status of one sink.

    Any thread may call `snapshot`. Only the shipper's thread may call the other methods.
    """

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._state, self._since, self._error, self._error_class = "new", context.clock.now(), "", ""
        self._reported_error: str | None = ""
        """The error that was reported last; None if the sink was reported as up after it."""

        self._interrupted_at: float | None = None
        """When an error began that should end by itself, by the monotonic clock; None if there is none."""

        self._blocked: tuple[float, str] | None = None
        """When writing to the state directory began to fail, and the error; None if it can be written."""

        self._diverted_day = 0.0

    def snapshot(self) -> SinkState:
        """Return the current state. While the state directory cannot be written, it is "blocked"."""
        state = self._state, self._since, self._error
        if blocked := self._blocked:
            state = "blocked", *blocked
        return SinkState(*state, self._error_class)

    def count_failure(self, error: DeliveryError) -> None:
        """Count a failed attempt by the class of its error."""
        self._error_class = _class_of(error)
        add(self._context.counters.faults, self._error_class, 1)

    def count_diverted(self, count: int) -> None:
        """Count documents that went to the fallback target. Report them once a day."""
        self._context.counters.diverted += count
        day = self._context.clock.now() // 86400
        if count and day != self._diverted_day:
            self._diverted_day = day
            self._context.emit(events.TooManyTargets(self._context.pipeline, self._context.sink, count))

    def report_down(self, error: DeliveryError) -> None:
        """Report that the sink is down, unless the last report has the same error or the error should end soon."""
        if self._reported_error == error.message or self._is_interruption(error):
            return
        self._reported_error = error.message
        self._set_state("misconfigured" if isinstance(error, Misconfigured) else "retrying", error)
        event = events.SinkMisconfigured if isinstance(error, Misconfigured) else events.SinkDown
        self._context.emit(event(self._context.pipeline, self._context.sink, self._text_of(error)))

    def _is_interruption(self, error: DeliveryError) -> bool:
        """Return whether the error should end by itself soon. Report such an interruption once."""
        if self._reported_error or not (isinstance(error, Retryable) and error.is_brief):
            return False
        now = self._context.clock.monotonic()
        if self._interrupted_at is None:
            self._interrupted_at = now
            self._set_state("interrupted", error)
            text = self._text_of(error)
            self._context.emit(events.SinkInterrupted(self._context.pipeline, self._context.sink, text))
        return now - self._interrupted_at < MAX_INTERRUPTION_S

    def _set_state(self, state: str, error: DeliveryError) -> None:
        self._state, self._since, self._error = state, self._context.clock.now(), self._text_of(error)

    def _text_of(self, error: DeliveryError) -> str:
        return error.text_after(self._context.sink)

    def report_up(self) -> None:
        """Report that the sink is up, unless this was the last report."""
        if self._reported_error is None and self._interrupted_at is None:
            return
        self._reported_error = self._interrupted_at = None
        self._state, self._since, self._error = "up", self._context.clock.now(), ""
        self._context.emit(events.SinkUp(self._context.pipeline, self._context.sink))

    def block(self, error: StateError) -> None:
        """Report that the state directory cannot be written, unless this was reported before."""
        if self._blocked is None:
            self._blocked = self._context.clock.now(), str(error)
            self._context.emit(events.StateUnwritable(str(error)))

    def unblock(self) -> None:
        """Record that the state directory can be written again."""
        self._blocked = None


def _class_of(error: DeliveryError) -> str:
    """Return the class of an error for counters: "misconfigured", "too_large" or "unavailable"."""
    if isinstance(error, Misconfigured):
        return "misconfigured"
    return "too_large" if isinstance(error, RequestTooLarge) else "unavailable"
