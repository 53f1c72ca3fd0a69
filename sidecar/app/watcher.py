"""The thread that looks at the disk for all pipelines: sweeps for names, and polls the sizes of active files.

A file that grows is simply looked at again, soon while it is busy and once a second when it is quiet; so an
application that flushes every line costs no more than one that writes in blocks.
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

SWEEP_EVERY_S, _LONGEST_S = 1.0, 30.0
_SHARE = 300
"""A sweep comes after that many times the CPU time that it took, so that thousands of idle files cost next to
nothing; so does a look at the files that were active in the last minute and are not just now."""

_WAIT_SHARE = 10
"""The same for the whole time of a sweep: on a slow disk it holds up the other pipelines. Waiting for the GIL, which
other files keep busy, is no reason to look much later."""

BUSY_S, CALM_S = 0.05, 0.2
_SOONEST_S = 0.02


@dataclass(slots=True)
class WatchedPipeline:
    """One pipeline as the watcher sees it. `busy_s`: how soon a file that has just grown is looked at again.
    `refused`: paths that match and are not read, and why."""

    sweep: FileScanner
    follower: FileTracker
    busy_s: float = BUSY_S
    refused: Mapping[str, str] = field(default_factory=dict)
    matches: int = 0
    swept_at: float = float("-inf")
    sweeping_s: float = 0.0
    sweeping_cpu_s: float = 0.0
    looking_s: float = 0.0
    is_hinted: bool = False
    """When it was swept last, how long that took, its CPU time, the time with all that follows, and whether a name
    has changed since."""

    def is_due(self, now: float) -> bool:
        """Whether it is time to sweep. A pipeline with very many names waits longer, and no other one with it."""
        due_s = min(_LONGEST_S, max(SWEEP_EVERY_S, _SHARE * self.sweeping_cpu_s, _WAIT_SHARE * self.sweeping_s))
        hinted_s = min(SWEEP_EVERY_S, max(BUSY_S, 10 * self.looking_s))
        return now - self.swept_at >= (hinted_s if self.is_hinted else due_s)


def poll_interval(linger_s: float) -> float:
    """Seconds between two looks at a file that grows, where its lines wait for company no longer than `linger_s`."""
    return min(BUSY_S, max(_SOONEST_S, linger_s / 2))


class Watcher(threading.Thread):
    """Runs until `stop`. `look` may be called from another thread once this one has ended or not yet begun."""

    def __init__(
        self, watched: Sequence[WatchedPipeline], clock: Clock, emit: events.Emit,
        heartbeats: Heartbeats | None = None, after_scan: Callable[[], None] = lambda: None,
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:  # fmt: skip
        super().__init__(name="watcher", daemon=True)
        self._watched = watched
        self._clock = clock
        self._emit = emit
        self._cpu_time = cpu_time
        self._heartbeats = heartbeats or Heartbeats(clock)
        self._after_scan = after_scan
        self._hint = threading.Event()
        self._ending = threading.Event()
        self._asked: deque[threading.Event] = deque()
        self._state_told = False
        self._is_calm, self._calm_at = False, float("-inf")
        self._notifier: Notifier | None = None
        self._is_reported_unnotified = False
        self.failed = False

    @property
    def is_notified(self) -> bool:
        """Whether the system tells of new names; without that they are found by looking."""
        return self._notifier is not None and self._notifier.is_alive

    def stop(self) -> None:
        """End soon; `join` waits for it."""
        self._ending.set()
        self._hint.set()

    def look_soon(self) -> threading.Event:
        """Ask for a look. The event is set when one is over that began after this call."""
        done = threading.Event()
        self._asked.append(done)
        self._hint.set()
        return done

    def run(self) -> None:
        """Sweep once a second or when a name changes; between sweeps poll what is active."""
        self._heartbeats.begin(self.name)
        try:
            self._watch()
        except Exception as error:  # the thread's last resort: said aloud, and the process ends with code 1
            self.failed = True
            self._emit(events.Crashed(self.name, events.describe_crash(error)))
        finally:
            self._heartbeats.end()
            if self._notifier:
                self._notifier.stop()

    def _watch(self) -> None:
        self._notify()
        while not self._ending.is_set():
            self._heartbeats.beat()
            self._take_hint()
            now = self._clock.monotonic()
            if self._asked:
                self.look()
            elif due := [watched for watched in self._watched if watched.is_due(now)]:
                self._look_at(due)
            wait = self.poll()
            if any(watched.is_hinted for watched in self._watched):
                self._ending.wait(min(wait, BUSY_S))
            else:
                self._hint.wait(wait)

    def _take_hint(self) -> None:
        if self._hint.is_set():
            self._hint.clear()
            for watched in self._watched:
                watched.is_hinted = True

    def look(self) -> None:
        """One sweep of every pipeline."""
        asked = [self._asked.popleft() for _ in range(len(self._asked))]
        self._look_at(self._watched)
        for done in asked:
            done.set()

    def _look_at(self, pipelines: Sequence[WatchedPipeline]) -> None:
        for watched in pipelines:
            try:
                watched.is_hinted = False
                watched.swept_at = self._clock.monotonic()
                cpu_before = self._cpu_time()
                sightings = watched.sweep.look()
                watched.sweeping_cpu_s = self._cpu_time() - cpu_before
                watched.sweeping_s = self._clock.monotonic() - watched.swept_at
                watched.matches = len(sightings)
                watched.follower.look(sightings)
                watched.looking_s = self._clock.monotonic() - watched.swept_at
                self._state_told = False
            except StateError as error:
                if not self._state_told:
                    self._state_told = True
                    self._emit(events.StateUnwritable(str(error)))
            except OSError as error:  # no descriptor is left, for instance: this pipeline is looked at again later
                self._tell_refused(watched, {glob.pattern: str(error.strerror) for glob in watched.sweep.globs})
                continue
            self._tell_refused(watched)
        self._watch_folders()
        self._after_scan()

    def poll(self) -> float:
        """Look at the sizes of active files; returns how long to wait before the next time."""
        busy = self._those_with(FileTracker.poll_busy)
        began = self._clock.monotonic()
        waits = [SWEEP_EVERY_S, *(watched.busy_s for watched in busy)]
        if began >= self._calm_at:
            self._is_calm = bool(self._those_with(FileTracker.poll_calm))
            took = self._clock.monotonic() - began
            self._calm_at = began + min(SWEEP_EVERY_S, max(CALM_S, _SHARE * took))
        if self._is_calm:
            waits.append(max(0.0, self._calm_at - began))
        return min(waits)

    def _those_with(self, poll: Callable[[FileTracker], bool]) -> list[WatchedPipeline]:
        found = []
        for watched in self._watched:
            with suppress(StateError):
                if poll(watched.follower):
                    found.append(watched)
        return found

    def _tell_refused(self, watched: WatchedPipeline, failed: Mapping[str, str] = MappingProxyType({})) -> None:
        refused = {**watched.sweep.refused, **failed}
        refused |= dict.fromkeys(watched.sweep.unreadable, "the directory cannot be read")
        refused |= watched.follower.unreadable.reasons() | watched.follower.left_out
        for path in refused.keys() - watched.refused.keys():
            self._emit(events.FileRefused(watched.follower.pipeline, path, refused[path]))
        watched.refused = refused

    def _notify(self) -> None:
        self._notifier = Notifier(self._hint.set)
        try:
            self._notifier.start()
        except OSError as error:
            self._notifier = None
            self._report_no_notifications(error)

    def _watch_folders(self) -> None:
        if self._notifier is None:
            return
        try:
            self._notifier.watch({path for watched in self._watched for path in watched.sweep.directories})
        except OSError as error:  # what is watched already stays so
            self._report_no_notifications(error)
        if not self._notifier.is_alive:
            self._notifier.stop()
            self._notifier = None
            self._report_no_notifications(OSError("the thread that waits for them has ended"))

    def _report_no_notifications(self, error: OSError) -> None:
        if not self._is_reported_unnotified:
            self._is_reported_unnotified = True
            self._emit(events.NotificationsUnavailable(error.strerror or str(error)))
