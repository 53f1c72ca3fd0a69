"""Puts the rooms together, runs the shippers, and ends them well. The only place where composition happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty

from sidecar import __version__
from sidecar.app.signals import StopRequests
from sidecar.app.watcher import WatchedPipeline, Watcher, poll_interval
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, StateError
from sidecar.kubernetes.exit_rules import ExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.lib.clock import Clock
from sidecar.lib.roots import Roots
from sidecar.pipeline.builder import SharedParts, boundary_rules, build_pipeline, dead_letter_limit
from sidecar.pipeline.shipper import Shipper
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracker import QUIET_S
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import Heartbeats

_TIMEOUT_S = 25.0
_RETIRE_S = 10.0
_QUIET_FOR_S = 5.0
_LAST_S = 2.0
"""So much of the time to end is left for the last delivery when the application does not fall quiet."""

_NATIVE_QUIET_FOR_S = 0.3
_NATIVE_LONGEST_S = 1.2
"""A native sidecar is told to end up to a second before an application that used up its grace period is killed; two
seconds after the signal it is killed itself."""

_STEP_S = 0.05

Progress = Callable[[int, int], None]
"""Told (bytes settled, bytes seen) ten times a second."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How one run goes. `once`: it ends when everything that is there is delivered."""

    rule: ExitRule
    pod: Pod
    once: bool = False
    progress: Progress | None = None


class Supervisor:
    """The shippers of one configuration at a time, over one state."""

    def __init__(
        self, settings: Settings, manner: RunOptions, emit: events.Emit, clock: Clock, environ: Mapping[str, str],
        heartbeats: Heartbeats | None = None,
    ) -> None:  # fmt: skip
        self.settings, self._manner = settings, manner
        self._emit, self.clock = emit, clock
        self.heartbeats = heartbeats or Heartbeats(clock)
        self.state_dir = settings.state_directory()
        self.started_at = clock.now()
        self.store = open_database(self.state_dir)
        self.ledger = Ledger(self.store, dead_letter_limit(settings))
        self.open_files = OpenFileLimiter(settings.limits.open_files)
        self.shippers: list[Shipper] = []
        self.pipelines: dict[str, WatchedPipeline] = {}
        self._shared = SharedParts(self.ledger, clock, emit, environ, self.open_files, Roots(), self.heartbeats)
        self._build(settings)
        self.watcher = Watcher(list(self.pipelines.values()), clock, emit, self.heartbeats)

    def _build(self, settings: Settings) -> None:
        """Build trackers and shippers for these settings. A pipeline that exists already keeps its tracker."""
        before, self.settings = self.pipelines, settings
        self.shippers, self.pipelines = [], {}
        for name in settings.pipelines:
            kept = before.pop(name, None)
            parts = build_pipeline(name, settings, self._shared, kept.follower if kept else None)
            self.shippers += parts.shippers
            self.pipelines[name] = WatchedPipeline(parts.scanner, parts.tracker, poll_interval(parts.linger_s))
        for removed in before.values():
            removed.follower.release()

    # ── the run ─────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Follow the files from now on."""
        names = ", ".join(self.settings.pipelines)
        self._emit(events.Started(__version__, str(self.state_dir), names))
        self._begin()

    def change(self, settings: Settings) -> None:
        """Go on under these settings: what is under way is delivered or read again, and no file is let go.

        Raises `ConfigurationError` if it cannot be done now; the old settings go on then.
        """
        self.watcher.stop()
        self.watcher.join()
        for shipper in self.shippers:
            shipper.retire()
        give_up_at = self.clock.monotonic() + _RETIRE_S
        for shipper in self.shippers:
            shipper.join(timeout=max(0.0, give_up_at - self.clock.monotonic()))
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            self.heartbeats.beat()
            shipper.join(timeout=2)
            self.heartbeats.end(shipper.ident)  # one that hangs is replaced
        unsure = self._unsure_of(settings)
        if unsure:
            settings = self.settings
        self.ledger.bound = dead_letter_limit(settings)
        self.open_files.limit = settings.limits.open_files
        self._build(settings)
        self.watcher = Watcher(list(self.pipelines.values()), self.clock, self._emit, self.heartbeats)
        self._begin()
        if unsure:
            raise ConfigurationError(
                "multiline cannot change while a destination does not answer", location=f"pipelines.{unsure[0]}",
                hint="change it again later, or start the sidecar again",
            )  # fmt: skip
        self._emit(events.Reloaded(", ".join(settings.pipelines)))

    def _unsure_of(self, settings: Settings) -> list[str]:
        """Pipelines of which nobody knows what became of the documents under way, and that are to part them anew."""
        before, after = self.settings.pipelines, settings.pipelines
        return [
            shipper.pipeline
            for shipper in self.shippers
            if not shipper.is_retired
            and shipper.pipeline in after
            and boundary_rules(before[shipper.pipeline]) != boundary_rules(after[shipper.pipeline])
        ]

    def _begin(self) -> None:
        for shipper in self.shippers:
            shipper.start()
        self.watcher.look()
        for watched in self.pipelines.values():
            if not watched.matches:
                paths = ", ".join(glob.pattern for glob in watched.sweep.globs)
                self._emit(events.NothingMatches(watched.follower.pipeline, paths))
        if not self._manner.once:
            self.watcher.start()

    def has_failed(self) -> bool:
        """Whether a part of it has ended that should not have."""
        return self.watcher.failed or any(shipper.failed for shipper in self.shippers)

    def why_end(self) -> str:
        """What the exit rule says."""
        return self._manner.rule.reason(self.clock.monotonic(), self._grown_at())

    def _grown_at(self) -> float | None:
        moments = [watched.follower.grown_at for watched in self.pipelines.values()]
        return max((moment for moment in moments if moment is not None), default=None)

    def show_progress(self) -> None:
        """On the terminal, if there is one."""
        if self._manner.progress:
            settled, seen = zip(*(shipper.progress() for shipper in self.shippers), strict=True)
            self._manner.progress(sum(settled), sum(seen))

    def await_delivery(self, timeout_s: float) -> int:
        """Wait until all lines that are there now are delivered. Returns the bytes that are not, in all sinks.

        Called by another thread than the main one. The sidecar goes on meanwhile.
        """
        give_up_at = self.clock.monotonic() + timeout_s
        shippers = list(self.shippers)
        if self.watcher.look_soon().wait(timeout_s):
            owed = [_pending_of(shipper, None) for shipper in shippers]
            while any(owed) and self.clock.monotonic() < give_up_at:
                time.sleep(_STEP_S)
                owed = [_pending_of(shipper, sizes) for shipper, sizes in zip(shippers, owed, strict=True)]
            if not any(owed):
                return sum(shipper.unreadable() for shipper in shippers)
        return sum(shipper.unsettled() for shipper in shippers)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def end(self, wishes: StopRequests) -> None:
        """Look once more, read every file to its end, deliver; give up when the time is over."""
        once = self._manner.once
        timeout = self._timeout_s()
        if not once:
            self._outlive(wishes, max(0.0, timeout - _LAST_S))
            self._emit(events.Draining(wishes.reason or "a part of the sidecar failed", timeout))
            self.watcher.stop()
            self.watcher.join()
            self.watcher.look()
        self._decide(wishes, timeout)
        for watched in self.pipelines.values():
            try:
                watched.follower.finish_all()
            except StateError as error:
                self._emit(events.StateUnwritable(str(error)))
        began = wishes.asked_at if wishes.end.is_set() else self.clock.monotonic()
        for shipper in self.shippers:
            shipper.drain(began + timeout)
        while any(shipper.is_alive() for shipper in self.shippers) and not wishes.at_once.is_set():
            since = max([began, *(s.delivered_at for s in self.shippers)]) if once else began
            if self.clock.monotonic() - since >= timeout or (once and wishes.end.is_set()):
                break
            self.show_progress()
            wishes.at_once.wait(_STEP_S / 2)
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            shipper.join(timeout=2)
        self.show_progress()

    def _timeout_s(self) -> float:
        told = self.settings.drain.timeout
        return self._manner.pod.deadline_s(_TIMEOUT_S) if told is None else told

    def _outlive(self, wishes: StopRequests, longest: float) -> None:
        """Reads on while the application may be there: it may write to its last instant.

        A classic sidecar is told to end together with it. A native one is told after it, but for an application that
        used up its grace period or was deleted by force: then the signal comes while it still writes.
        """
        mode, quiet_for = self._manner.pod.mode, _QUIET_FOR_S
        if not mode or not wishes.by_signal:
            return
        if mode == "native":
            longest, quiet_for = min(longest, _NATIVE_LONGEST_S), _NATIVE_QUIET_FOR_S
        else:
            self._emit(events.Waiting(wishes.reason, longest))
        quiet_from = wishes.asked_at
        while not wishes.at_once.wait(_STEP_S) and not self._manner.rule.is_gone() and not self.has_failed():
            now = self.clock.monotonic()
            quiet_from = max(quiet_from, self._grown_at() or 0.0)
            if now - wishes.asked_at >= longest or now - quiet_from >= quiet_for:
                return

    def _decide(self, wishes: StopRequests, timeout: float) -> None:
        """A file that may be a copy in the making is known for one, or for none, after a while."""
        began = self.clock.monotonic()
        while any(watched.follower.undecided for watched in self.pipelines.values()):
            if self.clock.monotonic() - began > min(2 * QUIET_S, timeout / 2):
                return
            if wishes.at_once.wait(0.1):
                return
            self.watcher.look()

    def close(self) -> None:
        """Close the state."""
        self.store.close()


def _pending_of(shipper: Shipper, sizes: Mapping[int, int] | None) -> dict[int, int]:
    """What this shipper still owes. One that has ended owes nothing."""
    try:
        return shipper.owed(sizes).get(timeout=2)
    except Empty:
        return dict(sizes or {}) if shipper.is_alive() else {}
