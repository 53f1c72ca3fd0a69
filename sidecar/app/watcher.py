"""The threads that watch the disk, one for each pipeline: they scan for names, and poll the sizes of active files.

A growing file is polled again soon while it is hot and a few times a second while it is warm. So an application that
flushes every line costs no more than one that writes in blocks.

A scan takes long where an application makes many names, and hangs where the server of a volume is gone. Neither
delays another pipeline, since each has its own thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
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
"""The interval between two scans is at least this many times the CPU time of the last one, so that thousands of idle
files cost nearly nothing. The same holds for polls of warm files and their duration."""

_DURATION_FACTOR = 10
"""The interval is also at least this many times the duration of the last scan, because a scan of a slow disk delays
the polls of the files. The factor is smaller: a scan may be long only because it waits for the GIL."""

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

    is_scanned: bool = False
    """Whether the last scan came to its end: the state took what was found."""

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


class Watchers:
    """The watching threads of all pipelines. They share one notifier, since the system has few inotify instances."""

    def __init__(
        self,
        pipelines: Sequence[WatchedPipeline],
        clock: Clock,
        emit: events.Emit,
        heartbeats: Heartbeats | None = None,
        after_scan: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._emit = emit
        self._notifier = Notifier()
        self._notifier_lock = threading.Lock()
        self._is_notification_error_reported = False
        heartbeats = heartbeats or Heartbeats(clock)
        self._threads = [
            Watcher(pipeline, clock, emit, heartbeats, after_scan, self._watch_directories) for pipeline in pipelines
        ]

    @property
    def is_notified(self) -> bool:
        """Return whether the kernel notifies of new names. Otherwise scans find them."""
        return self._notifier.is_alive

    @property
    def failed(self) -> bool:
        """Return whether a thread has crashed."""
        return any(thread.failed for thread in self._threads)

    def start(self) -> None:
        """Start to watch, with notifications if the system has any to give."""
        try:
            self._notifier.start()
        except OSError as error:
            self._report_notification_error(error)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all threads to end."""
        for thread in self._threads:
            thread.stop()

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join()
        self._notifier.stop()

    def scan(self) -> None:
        """Scan for every pipeline, in the calling thread. The threads must not run."""
        for thread in self._threads:
            thread.scan()

    def scan_soon(self, timeout_s: float) -> bool:
        """Have every pipeline scanned by its thread. Return whether all of these scans have ended in time."""
        give_up_at = time.monotonic() + timeout_s
        requests = [thread.request_scan() for thread in self._threads]
        return all(done.wait(max(0.0, give_up_at - time.monotonic())) for done in requests)

    def _watch_directories(self, watcher: Watcher, directories: Set[str]) -> None:
        with self._notifier_lock:
            if not self._notifier.is_started:
                return
            try:
                self._notifier.watch(watcher, directories)
            except OSError as error:  # no watch is left; what is watched already stays watched
                self._report_notification_error(error)
            if not self._notifier.is_alive:
                self._notifier.stop()
                self._report_notification_error(OSError("its thread has ended"))

    def _report_notification_error(self, error: OSError) -> None:
        if not self._is_notification_error_reported:
            self._is_notification_error_reported = True
            self._emit(events.NotificationsUnavailable(error.strerror or str(error)))


class Watcher(threading.Thread):
    """Scans and polls one pipeline until `stop`. Another thread may call `scan` before the start and after the end.

    `after_scan` gets the name of the pipeline; `watch_directories` the watcher and the directories of the last scan.
    """

    def __init__(
        self,
        pipeline: WatchedPipeline,
        clock: Clock,
        emit: events.Emit,
        heartbeats: Heartbeats,
        after_scan: Callable[[str], None],
        watch_directories: Callable[[Watcher, Set[str]], None],
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:
        super().__init__(name=f"watcher of {pipeline.tracker.pipeline}", daemon=True)
        self._pipeline, self._clock, self._emit = pipeline, clock, emit
        self._heartbeats = heartbeats
        self._after_scan, self._watch_directories = after_scan, watch_directories
        self._cpu_time = cpu_time
        self._hint = threading.Event()
        self._stopping = threading.Event()
        self._requests: deque[threading.Event] = deque()
        self._is_state_error_reported = False
        self._has_warm_files, self._poll_warm_at = False, float("-inf")
        self.failed = False
        """Whether the thread has crashed."""

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._hint.set()

    def hint(self) -> None:
        """Say that a name has changed in one of the directories. Any thread may call it."""
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

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._heartbeats.beat()
            if self._hint.is_set():
                self._hint.clear()
                self._pipeline.is_hinted = True
            if self._requests or self._pipeline.is_due(self._clock.monotonic()):
                self.scan()
            wait_s = self.poll()
            if self._pipeline.is_hinted:
                # Not for a hint: each would end the wait, and an application may make any number of them.
                self._stopping.wait(min(wait_s, _HOT_INTERVAL_S))
            else:
                self._hint.wait(wait_s)

    # ── scan ────────────────────────────────────────────────────────────────────────────────────────────────

    def scan(self) -> None:
        """Scan once."""
        requests = [self._requests.popleft() for _ in range(len(self._requests))]
        self._scan()
        for done in requests:
            done.set()

    def _scan(self) -> None:
        scanner = self._pipeline.scanner
        try:
            self._update()
            self._is_state_error_reported = False
        except StateError as error:
            if not self._is_state_error_reported:
                self._is_state_error_reported = True
                self._emit(events.StateUnwritable(str(error)))
        except OSError as error:  # no descriptor is left, for instance; the next scan tries again
            self._report_refused(dict.fromkeys([glob.pattern for glob in scanner.globs], str(error.strerror)))
            return
        self._report_refused()
        self._watch_directories(self, scanner.directories | scanner.empty_files)
        self._after_scan(self._pipeline.tracker.pipeline)

    def _update(self) -> None:
        pipeline = self._pipeline
        pipeline.is_hinted = pipeline.is_scanned = False
        pipeline.scanned_at = self._clock.monotonic()
        cpu_before = self._cpu_time()
        files = pipeline.scanner.scan()
        pipeline.scan_cpu_s = self._cpu_time() - cpu_before
        pipeline.scan_s = self._clock.monotonic() - pipeline.scanned_at
        pipeline.matches = len(files)
        pipeline.tracker.look(files)
        pipeline.cycle_s = self._clock.monotonic() - pipeline.scanned_at
        pipeline.is_scanned = True

    def _report_refused(self, unreachable: Mapping[str, str] = MappingProxyType({})) -> None:
        pipeline, scanner, tracker = self._pipeline, self._pipeline.scanner, self._pipeline.tracker
        refused = {**scanner.refused, **unreachable}
        refused |= dict.fromkeys(scanner.unreadable, "the directory cannot be read")
        refused |= tracker.unreadable.reasons() | dict(tracker.left_out)
        for path in refused.keys() - pipeline.refused.keys():
            self._emit(events.FileRefused(tracker.pipeline, path, refused[path]))
        pipeline.refused = refused

    # ── poll ────────────────────────────────────────────────────────────────────────────────────────────────

    def poll(self) -> float:
        """Read the sizes of active files. Return the seconds until the next poll."""
        tracker = self._pipeline.tracker
        waits = [_MIN_SCAN_INTERVAL_S]
        if _poll(tracker.poll_busy):
            waits.append(self._pipeline.poll_s)
        now = self._clock.monotonic()
        if now >= self._poll_warm_at:
            self._has_warm_files = _poll(tracker.poll_calm)
            poll_s = self._clock.monotonic() - now
            self._poll_warm_at = now + min(_MIN_SCAN_INTERVAL_S, max(_WARM_INTERVAL_S, _COST_FACTOR * poll_s))
        if self._has_warm_files:
            waits.append(max(0.0, self._poll_warm_at - now))
        return min(waits)


def _poll(poll: Callable[[], bool]) -> bool:
    """Return whether there are active files; False if the state cannot be written, which the next scan reports."""
    with suppress(StateError):
        return poll()
    return False
