"""The thread that watches the disk for all pipelines: it scans for names, and polls the sizes of active files.

A growing file is polled again soon while it is hot and a few times a second while it is warm. So an application that
flushes every line costs no more than one that writes in blocks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

from sidecar.errors import StateError
from sidecar.lib.clock import Clock
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.watch.notifier import Notifier
from sidecar.watch.scanner import FileScanner

_MIN_SCAN_INTERVAL_S, _MAX_SCAN_INTERVAL_S = 1.0, 30.0

_COST_FACTOR = 300
"""The next scan comes after this many times the CPU time of the last one, so that thousands of idle files cost
nearly nothing. The same holds for the duration of polls of warm files."""

_DURATION_FACTOR = 10
"""The same for the duration of a scan: on a slow disk it delays the other pipelines. Waiting for the GIL, which other
files keep busy, must not delay the next scan much."""

_HOT_INTERVAL_S, _WARM_INTERVAL_S = 0.05, 0.2
_MIN_POLL_INTERVAL_S = 0.02


@dataclass(slots=True)
class WatchedPipeline:
    """One pipeline as the watcher sees it."""

    scanner: FileScanner
    tracker: FileTracker
    poll_s: float = _HOT_INTERVAL_S
    """Seconds until a file that has just grown is polled again."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Paths that match and are not read, and the reasons."""

    matches: int = 0
    """Files that the last scan found."""

    scanned_at: float = float("-inf")
    """When the last scan began, by the monotonic clock."""

    scan_s: float = 0.0
    """How long the last scan took."""

    scan_cpu_s: float = 0.0
    """CPU time of the last scan."""

    cycle_s: float = 0.0
    """How long the last scan took with all that the tracker did about it."""

    is_hinted: bool = False
    """Whether a name has changed since the last scan."""

    def is_due(self, now: float) -> bool:
        """Return whether it is time to scan. A pipeline with very many names waits longer than the others."""
        wanted_s = max(_COST_FACTOR * self.scan_cpu_s, _DURATION_FACTOR * self.scan_s)
        due_s = min(_MAX_SCAN_INTERVAL_S, max(_MIN_SCAN_INTERVAL_S, wanted_s))
        hinted_s = min(_MIN_SCAN_INTERVAL_S, max(_HOT_INTERVAL_S, 10 * self.cycle_s))
        return now - self.scanned_at >= (hinted_s if self.is_hinted else due_s)


def poll_interval(linger_s: float) -> float:
    """Return the seconds between two polls of a growing file whose sinks collect lines for `linger_s`."""
    return min(_HOT_INTERVAL_S, max(_MIN_POLL_INTERVAL_S, linger_s / 2))


class Watcher(threading.Thread):
    """Scans and polls until `stop`. Another thread may call `scan` before the start and after the end."""

    def __init__(
        self,
        pipelines: Sequence[WatchedPipeline],
        clock: Clock,
        emit: events.Emit,
        heartbeats: Heartbeats | None = None,
        after_scan: Callable[[], None] = lambda: None,
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:
        super().__init__(name="watcher", daemon=True)
        self._pipelines, self._clock, self._emit = pipelines, clock, emit
        self._heartbeats = heartbeats or Heartbeats(clock)
        self._after_scan = after_scan
        self._cpu_time = cpu_time
        self._hint = threading.Event()
        self._stopping = threading.Event()
        self._requests: deque[threading.Event] = deque()
        self._is_state_error_reported = False
        self._has_warm_files, self._poll_warm_at = False, float("-inf")
        self._notifier: Notifier | None = None
        self._is_notification_error_reported = False
        self.failed = False
        """Whether the thread has crashed."""

    @property
    def is_notified(self) -> bool:
        """Return whether the kernel notifies of new names. Otherwise scans find them."""
        return self._notifier is not None and self._notifier.is_alive

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._hint.set()

    def request_scan(self) -> threading.Event:
        """Ask for a scan. Return an event that is set when a scan has ended that began after this call."""
        done = threading.Event()
        self._requests.append(done)
        self._hint.set()
        return done

    def run(self) -> None:
        """Scan once a second and when a name changes; between scans poll what is active."""
        self._heartbeats.begin(self.name)
        try:
            self._watch()
        except Exception as error:  # the last resort of the thread: it is logged, and the process ends with code 1
            self.failed = True
            self._emit(events.Crashed(self.name, events.describe_crash(error)))
        finally:
            self._heartbeats.end()
            if self._notifier:
                self._notifier.stop()
                self._notifier = None

    def _watch(self) -> None:
        self._start_notifier()
        while not self._stopping.is_set():
            self._heartbeats.beat()
            self._take_hint()
            now = self._clock.monotonic()
            if self._requests:
                self.scan()
            elif due := [pipeline for pipeline in self._pipelines if pipeline.is_due(now)]:
                self._scan(due)
            wait_s = self.poll()
            if any(pipeline.is_hinted for pipeline in self._pipelines):
                # Not for a hint: each would end the wait, and an application may make any number of them.
                self._stopping.wait(min(wait_s, _HOT_INTERVAL_S))
            else:
                self._hint.wait(wait_s)

    def _take_hint(self) -> None:
        if self._hint.is_set():
            self._hint.clear()
            for pipeline in self._pipelines:
                pipeline.is_hinted = True

    # ── scan ────────────────────────────────────────────────────────────────────────────────────────────────

    def scan(self) -> None:
        """Scan for every pipeline."""
        requests = [self._requests.popleft() for _ in range(len(self._requests))]
        self._scan(self._pipelines)
        for done in requests:
            done.set()

    def _scan(self, pipelines: Sequence[WatchedPipeline]) -> None:
        for pipeline in pipelines:
            try:
                self._scan_one(pipeline)
                self._is_state_error_reported = False
            except StateError as error:
                if not self._is_state_error_reported:
                    self._is_state_error_reported = True
                    self._emit(events.StateUnwritable(str(error)))
            except OSError as error:  # no descriptor is left, for instance; the next scan tries again
                patterns = [glob.pattern for glob in pipeline.scanner.globs]
                self._report_refused(pipeline, dict.fromkeys(patterns, str(error.strerror)))
                continue
            self._report_refused(pipeline)
        self._watch_directories()
        self._after_scan()

    def _scan_one(self, pipeline: WatchedPipeline) -> None:
        pipeline.is_hinted = False
        pipeline.scanned_at = self._clock.monotonic()
        cpu_before = self._cpu_time()
        files = pipeline.scanner.scan()
        pipeline.scan_cpu_s = self._cpu_time() - cpu_before
        pipeline.scan_s = self._clock.monotonic() - pipeline.scanned_at
        pipeline.matches = len(files)
        pipeline.tracker.look(files)
        pipeline.cycle_s = self._clock.monotonic() - pipeline.scanned_at

    def _report_refused(
        self, pipeline: WatchedPipeline, unreachable: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        scanner, tracker = pipeline.scanner, pipeline.tracker
        refused = {**scanner.refused, **unreachable}
        refused |= dict.fromkeys(scanner.unreadable, "the directory cannot be read")
        refused |= tracker.unreadable.reasons() | tracker.left_out
        for path in refused.keys() - pipeline.refused.keys():
            self._emit(events.FileRefused(tracker.pipeline, path, refused[path]))
        pipeline.refused = refused

    # ── poll ────────────────────────────────────────────────────────────────────────────────────────────────

    def poll(self) -> float:
        """Read the sizes of active files. Return the seconds until the next poll."""
        waits = [_MIN_SCAN_INTERVAL_S, *(pipeline.poll_s for pipeline in self._poll_each(FileTracker.poll_busy))]
        now = self._clock.monotonic()
        if now >= self._poll_warm_at:
            self._has_warm_files = bool(self._poll_each(FileTracker.poll_calm))
            poll_s = self._clock.monotonic() - now
            self._poll_warm_at = now + min(_MIN_SCAN_INTERVAL_S, max(_WARM_INTERVAL_S, _COST_FACTOR * poll_s))
        if self._has_warm_files:
            waits.append(max(0.0, self._poll_warm_at - now))
        return min(waits)

    def _poll_each(self, poll: Callable[[FileTracker], bool]) -> list[WatchedPipeline]:
        """Return the pipelines with files that are hot, or warm."""
        active = []
        for pipeline in self._pipelines:
            with suppress(StateError):
                if poll(pipeline.tracker):
                    active.append(pipeline)
        return active

    # ── notifications ───────────────────────────────────────────────────────────────────────────────────────

    def _start_notifier(self) -> None:
        self._notifier = Notifier(self._hint.set)
        try:
            self._notifier.start()
        except OSError as error:
            self._notifier = None
            self._report_notification_error(error)

    def _watch_directories(self) -> None:
        if self._notifier is None:
            return
        try:
            self._notifier.watch({path for pipeline in self._pipelines for path in pipeline.scanner.directories})
        except OSError as error:  # no watch is left; what is watched already stays watched
            self._report_notification_error(error)
        if not self._notifier.is_alive:
            self._notifier.stop()
            self._notifier = None
            self._report_notification_error(OSError("its thread has ended"))

    def _report_notification_error(self, error: OSError) -> None:
        if not self._is_notification_error_reported:
            self._is_notification_error_reported = True
            self._emit(events.NotificationsUnavailable(error.strerror or str(error)))
