"""Shuts down a run: waits for the application and for unfinished copies of files, then drains until the deadline."""

from __future__ import annotations

from typing import Protocol

from sidecar.app.signals import StopRequests
from sidecar.app.supervisor import RunOptions
from sidecar.lib.clock import Clock
from sidecar.tail.context import COPY_QUIET_S
from sidecar.telemetry import events

_DEFAULT_TIMEOUT_S = 25.0

_DELIVERY_RESERVE_S = 2.0
"""Seconds before the deadline at which the wait for the application ends, so that its last lines can be delivered."""

_APPLICATION_QUIET_S = 5.0
"""The application counts as ended when no file has grown for this long."""

_NATIVE_QUIET_S = 0.3
"""The value of `_APPLICATION_QUIET_S` for a native sidecar."""

_NATIVE_MAX_WAIT_S = 1.2
"""Maximum wait of a native sidecar. If the application uses up the grace period, the sidecar may get SIGTERM up to a
second before the application is killed, and is killed two seconds after SIGTERM."""

_POLL_S = 0.05
_DRAIN_POLL_S = 0.025
_SCAN_EVERY_S = 0.1


class Drainable(Protocol):
    """The methods of a supervisor that a shutdown calls."""

    def has_failed(self) -> bool:
        """Return whether a thread has crashed."""
        ...

    def grown_at(self) -> float | None:
        """Return when a file last grew, by the monotonic clock; None if none has."""
        ...

    def stop_watching(self) -> None:
        """End the watchers and scan once more."""
        ...

    def scan(self) -> None:
        """Scan all pipelines in the calling thread."""
        ...

    def has_undecided_files(self) -> bool:
        """Return whether some files may be copies of tracked files, and this is not decided yet."""
        ...

    def is_comparing(self) -> bool:
        """Return whether the last scan has left the comparison of a long file to the next one."""
        ...

    def finish_files(self) -> None:
        """Treat every file as complete, so that an unterminated last line is shipped."""
        ...

    def drain(self, give_up_at: float) -> None:
        """Make each shipper deliver all lines, then end. It retries until `give_up_at`, by the monotonic clock."""
        ...

    def is_draining(self) -> bool:
        """Return whether a shipper is still running."""
        ...

    def delivered_at(self) -> float:
        """Return when a sink last accepted documents, by the monotonic clock."""
        ...

    def show_progress(self) -> None:
        """Update the progress bar, if there is one."""
        ...

    def stop(self) -> None:
        """Stop all shippers now. Each commits its settled lines."""
        ...


class Shutdown:
    """Shuts down one run within the time that the settings or the Pod allow."""

    def __init__(self, requests: StopRequests, options: RunOptions, clock: Clock, emit: events.Emit) -> None:
        self._requests, self._options = requests, options
        self._clock, self._emit = clock, emit

    def run(self, pipelines: Drainable, timeout_s: float | None) -> None:
        """Read every file to its end and deliver all lines. Give up after `timeout_s`.

        If `timeout_s` is None, use the time that the Pod allows.
        """
        if timeout_s is None:
            timeout_s = self._options.pod.deadline_s(_DEFAULT_TIMEOUT_S)
        if not self._options.once:
            self.wait_for_application(pipelines, max(0.0, timeout_s - _DELIVERY_RESERVE_S))
            self._emit(events.Draining(self._requests.reason or "a thread of the sidecar has crashed", timeout_s))
            pipelines.stop_watching()
        self.wait_for_copies(pipelines, min(2 * COPY_QUIET_S, timeout_s / 2))
        pipelines.finish_files()
        self.drain(pipelines, timeout_s)
        pipelines.stop()
        pipelines.show_progress()

    def wait_for_application(self, pipelines: Drainable, max_wait_s: float) -> None:
        """Wait until the application has ended or stops writing, so that its last lines are delivered."""
        mode, quiet_s = self._options.pod.mode, _APPLICATION_QUIET_S
        if not mode or not self._requests.is_from_signal:
            return
        if mode == "native":
            # Kubernetes ends the application first, unless the grace period is over or the Pod is deleted by force.
            max_wait_s, quiet_s = min(max_wait_s, _NATIVE_MAX_WAIT_S), _NATIVE_QUIET_S
        else:  # a classic sidecar gets its signal together with the application
            self._emit(events.Waiting(self._requests.reason, max_wait_s))
        requested_at = quiet_since = self._requests.requested_at
        while not self._requests.immediate.wait(_POLL_S) and not self._can_stop_waiting(pipelines):
            now = self._clock.monotonic()
            quiet_since = max(quiet_since, pipelines.grown_at() or 0.0)
            if now - requested_at >= max_wait_s or now - quiet_since >= quiet_s:
                return

    def _can_stop_waiting(self, pipelines: Drainable) -> bool:
        return self._options.rule.has_application_ended() or pipelines.has_failed()

    def wait_for_copies(self, pipelines: Drainable, max_wait_s: float) -> None:
        """Scan until it is decided for each file whether it is a copy, for at most `max_wait_s`.

        With `once`, scan as long as files are compared, which may take many scans if they are large.
        """
        once, stop = self._options.once, self._requests.shutdown
        waits_since = self._clock.monotonic()
        while pipelines.has_undecided_files() and self._clock.monotonic() - waits_since <= max_wait_s:
            if self._requests.immediate.wait(_SCAN_EVERY_S) or (once and stop.is_set()):
                return
            pipelines.scan()
            if once and pipelines.is_comparing():
                waits_since = self._clock.monotonic()

    def drain(self, pipelines: Drainable, timeout_s: float) -> None:
        """Wait until all lines are delivered, for at most `timeout_s`.

        With `once`, each delivery restarts the timeout.
        """
        once, stop = self._options.once, self._requests.shutdown
        started_at = self._requests.requested_at if stop.is_set() else self._clock.monotonic()
        pipelines.drain(started_at + timeout_s)
        while pipelines.is_draining() and not self._requests.immediate.is_set():
            since = max(started_at, pipelines.delivered_at()) if once else started_at
            if self._clock.monotonic() - since >= timeout_s or (once and stop.is_set()):
                return
            pipelines.show_progress()
            self._requests.immediate.wait(_DRAIN_POLL_S)
