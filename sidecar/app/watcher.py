"""Watches the files of each pipeline in a separate thread: scans for names, and polls the sizes of active files.

A file that grew in the last two seconds is hot and is polled about 20 times a second. A file that grew in the last
minute is warm and is polled a few times a second. So an application that flushes every line costs no more than one
that writes in blocks. A file that is written rarely is not polled while the kernel reports its next write.

A scan takes long if an application creates many files, and hangs while the server of a network volume is unreachable.
Neither delays another pipeline.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from types import MappingProxyType

import msgspec

from sidecar.errors import StateError
from sidecar.lib.clock import Clock
from sidecar.lib.crash import describe_crash
from sidecar.tail.tracker import FileTracker
from sidecar.tail.write_watches import RECHECK_S
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.watch.notifier import Notifier
from sidecar.watch.scanner import FileScanner

_MIN_SCAN_INTERVAL_S, _MAX_SCAN_INTERVAL_S = 1.0, 30.0

_COST_FACTOR = 300
"""The interval between two scans is at least this many times the CPU time of the last scan, so that thousands of idle
files cost nearly nothing. The interval between polls of warm files is this many times the duration of a poll."""

_DURATION_FACTOR = 10
"""The interval between two scans is also at least this many times the duration of the last scan, because a scan of a
slow disk delays the polls of the files. This factor is smaller than `_COST_FACTOR`, because a scan may be long only
because it waits for the GIL."""

_MAX_WAIT_S = 10.0
"""Maximum seconds between two heartbeats. A watcher of thousands of quiet files has nothing to do meanwhile."""

_HOT_INTERVAL_S, _WARM_INTERVAL_S = 0.05, 0.2
_MIN_POLL_INTERVAL_S = 0.02

_GATHER_S = 0.01
"""Seconds between the notification of a write and the poll, so that the rest of a stack trace is found too."""


class WatchedPipeline(msgspec.Struct):
    """One pipeline, with its scanner, its tracker, and the results of the last scan."""

    scanner: FileScanner
    tracker: FileTracker
    poll_s: float = _HOT_INTERVAL_S
    """Seconds until a file that has just grown is polled again."""

    refused: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Matching path that cannot be read → the reason."""

    matches: int = 0
    """Number of files that the last scan has found."""

    is_scanned: bool = False
    """Whether the last scan is complete, and its results are recorded in the state."""

    scanned_at: float = float("-inf")
    """When the last scan began, by the monotonic clock."""

    scan_s: float = 0.0
    """Duration of the last scan."""

    scan_cpu_s: float = 0.0
    """CPU time of the last scan, and of the work of the tracker after it, but at most twice that of the scan."""

    cycle_s: float = 0.0
    """Duration of the last scan and of the work of the tracker after it."""

    is_hinted: bool = False
    """Whether a name has changed since the last scan."""

    def due_at(self) -> float:
        """Return when a scan is due. The longer the last one took, the later is the next one."""
        wanted_s = max(_COST_FACTOR * self.scan_cpu_s, _DURATION_FACTOR * self.scan_s)
        due_s = min(_MAX_SCAN_INTERVAL_S, max(_MIN_SCAN_INTERVAL_S, wanted_s))
        hinted_s = min(_MIN_SCAN_INTERVAL_S, max(_HOT_INTERVAL_S, 10 * self.cycle_s))
        return self.scanned_at + (hinted_s if self.is_hinted else due_s)


def poll_interval(linger_s: float) -> float:
    """Return the seconds between two polls of a growing file whose sinks collect lines for `linger_s`."""
    return min(_HOT_INTERVAL_S, max(_MIN_POLL_INTERVAL_S, linger_s / 2))


class Watchers:
    """The watchers of all pipelines. They share one notifier, because the number of inotify instances is limited."""

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
        """Whether inotify reports new names. Otherwise only scans find them."""
        return self._notifier.is_alive

    @property
    def failed(self) -> bool:
        """Whether a thread has crashed."""
        return any(thread.failed for thread in self._threads)

    def start(self) -> None:
        """Start to watch. Use inotify if an instance is available."""
        try:
            self._notifier.start()
        except OSError as error:
            self._report_notification_error(error)
        for thread in self._threads:
            thread.await_writes(self._notifier)
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
        """Scan all pipelines in the calling thread. The threads of the watchers must not be running."""
        for thread in self._threads:
            thread.scan()

    def scan_soon(self, timeout_s: float) -> bool:
        """Make each thread scan its pipeline. Return whether all of these scans have ended before the timeout."""
        give_up_at = time.monotonic() + timeout_s
        requests = [thread.request_scan() for thread in self._threads]
        return all(done.wait(max(0.0, give_up_at - time.monotonic())) for done in requests)

    def _watch_directories(self, watcher: Watcher, directories: Set[str]) -> None:
        with self._notifier_lock:
            if not self._notifier.is_started:
                return
            try:
                self._notifier.watch(watcher, directories)
            except OSError as error:  # the limit of inotify watches is reached; existing watches stay
                self._report_notification_error(error)
            if not self._notifier.is_alive:
                self._notifier.stop()
                self._report_notification_error(OSError("its thread has ended"))

    def _report_notification_error(self, error: OSError) -> None:
        if not self._is_notification_error_reported:
            self._is_notification_error_reported = True
            self._emit(events.NotificationsUnavailable(error.strerror or str(error)))


class _Alarm:
    """Ends the wait of a watcher early. Any thread may call `ring` and the methods that report."""

    def __init__(self) -> None:
        self._is_ringing, self._has_name = threading.Event(), threading.Event()
        self._has_write = False

    def ring(self) -> None:
        self._is_ringing.set()

    def report_name(self) -> None:
        self._has_name.set()
        self._is_ringing.set()

    def report_write(self) -> None:
        self._has_write = True
        self._is_ringing.set()

    def wait(self, timeout_s: float) -> None:
        self._is_ringing.wait(timeout_s)

    def reset(self) -> bool:
        """Prepare the next wait. Return whether a name has changed since the last call."""
        self._is_ringing.clear()
        has_name = self._has_name.is_set()
        if has_name:
            self._has_name.clear()
        return has_name

    def take_write(self) -> bool:
        """Return whether a file was written since the last call."""
        has_write, self._has_write = self._has_write, False
        return has_write


class Watcher(threading.Thread):
    """Scans and polls one pipeline until `stop`. Another thread may call `scan` before the start and after the end.

    `after_scan` is called with the name of the pipeline, and `watch_directories` with the watcher and the directories
    of the last scan.
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
        self._alarm = _Alarm()
        self._stopping = threading.Event()
        self._requests: deque[threading.Event] = deque()
        self._is_state_error_reported = False
        self._has_warm_files, self._poll_warm_at = False, float("-inf")
        self.failed = False
        """Whether the thread has crashed."""

    def stop(self) -> None:
        """Ask the thread to end."""
        self._stopping.set()
        self._alarm.ring()

    def hint(self) -> None:
        """Request an early scan, because a name in one of the directories has changed. Any thread may call this."""
        self._alarm.report_name()

    def await_writes(self, notifier: Notifier) -> None:
        """Poll a file that is written rarely when this notifier reports its next write. Called before the start."""
        self._pipeline.tracker.await_writes(notifier, self._alarm.report_write)

    def request_scan(self) -> threading.Event:
        """Request a scan. Return an event that is set when a scan that began after this call has ended."""
        done = threading.Event()
        self._requests.append(done)
        self._alarm.ring()
        return done

    def run(self) -> None:
        """Scan once a second, and when a name changes. Poll active files between scans."""
        self._heartbeats.begin(self.name)
        try:
            self._watch()
        except Exception as error:  # a bug: the process exits with code 1
            self.failed = True
            self._emit(events.Crashed(self.name, describe_crash(error)))
        finally:
            self._heartbeats.end()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._heartbeats.beat()
            if self._alarm.reset():
                self._pipeline.is_hinted = True
            if self._requests or self._clock.monotonic() >= self._pipeline.due_at():
                self.scan()
            wait_s = self.idle_s()
            if self._pipeline.is_hinted:
                # Do not wait for a hint: each one would end the wait, and an application may cause any number.
                self._stopping.wait(min(wait_s, _HOT_INTERVAL_S))
            else:
                self._alarm.wait(wait_s)
            if self._alarm.take_write():
                self._stopping.wait(_GATHER_S)

    def idle_s(self) -> float:
        """Read the sizes of active files. Return for how many seconds there is nothing to do."""
        return max(0.0, min(self.poll(), self._pipeline.due_at() - self._clock.monotonic()))

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
        except OSError as error:  # for example, too many open files; the next scan tries again
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
        pipeline.scan_cpu_s = scan_cpu_s = self._cpu_time() - cpu_before
        pipeline.scan_s = self._clock.monotonic() - pipeline.scanned_at
        pipeline.matches = len(files)
        pipeline.tracker.process_scan(files)
        # Many new files take long once, and must not delay the next scan. Many idle ones take less than their scan.
        pipeline.scan_cpu_s = min(self._cpu_time() - cpu_before, 2 * scan_cpu_s)
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
        """Read the sizes of active files. Return the seconds until the next poll, unless a scan is due before."""
        tracker = self._pipeline.tracker
        waits = [_MAX_WAIT_S]
        if _poll(tracker.poll_hot):
            waits.append(self._pipeline.poll_s)
        now = self._clock.monotonic()
        if now >= self._poll_warm_at:
            self._has_warm_files = _poll(tracker.poll_warm)
            poll_s = self._clock.monotonic() - now
            self._poll_warm_at = now + min(_MIN_SCAN_INTERVAL_S, max(_WARM_INTERVAL_S, _COST_FACTOR * poll_s))
        if self._has_warm_files:
            waits.append(max(0.0, self._poll_warm_at - now))
        elif tracker.is_awaiting_writes:
            waits.append(RECHECK_S)
        return min(waits)


def _poll(poll: Callable[[], bool]) -> bool:
    """Return whether there are active files; False if the state cannot be written, which the next scan reports."""
    with suppress(StateError):
        return poll()
    return False
