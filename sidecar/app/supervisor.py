"""Runs the pipelines of the current configuration: their trackers, shippers, and watchers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from sidecar import __version__
from sidecar.app.dead_letter_copies import DeadLetterCopies
from sidecar.app.delivery_wait import wait_until_delivered
from sidecar.app.pipelines import build_pipelines, explain_refusal, refuse_to_regroup, switch_boundaries
from sidecar.app.tuning import limit_open_files
from sidecar.app.volumes import VolumeReadings
from sidecar.app.watcher import WatchedPipeline, Watchers
from sidecar.config.overlaps import find_overlaps
from sidecar.config.settings import Settings
from sidecar.errors import StateError
from sidecar.kubernetes.exit_rules import ExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.lib.clock import Clock
from sidecar.lib.roots import Roots
from sidecar.pipeline.builder import SharedParts, dead_letter_limit
from sidecar.pipeline.shipper import Shipper
from sidecar.pipeline.tap import Taps
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.watch.missing_files import explain_missing
from sidecar.watch.scanner import has_wildcard

_RETIRE_TIMEOUT_S = 10.0
"""Seconds that a reload waits for the shippers to deliver their batches. Undelivered lines are read again."""

_JOIN_TIMEOUT_S = 2.0

Progress = Callable[[int, int], None]
"""Function that is called with the number of settled bytes and of seen bytes."""


class RunOptions(msgspec.Struct, frozen=True):
    """The options of one run."""

    rule: ExitRule
    """The rule that decides when the sidecar ends without a signal."""

    pod: Pod
    """The Pod in which the sidecar runs."""

    once: bool = False
    """Whether to end once the lines that exist at the start are delivered."""

    progress: Progress | None = None
    """Updates the progress bar; None if there is none."""

    temporary_file: str = ""
    """The only log file, if it is removed after it was delivered; "" for files that stay."""


class Supervisor:
    """Owns the pipelines of the current configuration, and the state directory.

    `status` reads the public attributes in any thread; only the main thread changes them.
    """

    # More than twenty methods, because half of them are the steps of a shutdown, which `Shutdown` calls in order.
    # More than fifteen attributes, because it owns what `status` reads.

    def __init__(
        self, settings: Settings, options: RunOptions, emit: events.Emit, clock: Clock, environ: Mapping[str, str],
        heartbeats: Heartbeats | None = None,
    ) -> None:  # fmt: skip
        self.settings, self._options = settings, options
        self._emit, self.clock = emit, clock
        self.heartbeats = heartbeats or Heartbeats(clock)
        self.state_dir, self.started_at = settings.state_directory(), clock.now()
        self.store = open_database(self.state_dir)
        self.ledger = Ledger(self.store, dead_letter_limit(settings))
        self.open_files = OpenFileLimiter(limit_open_files(settings.limits.open_files))
        self.taps = Taps(clock)
        self._shared = SharedParts(
            self.ledger, clock, emit, environ, self.open_files, Roots(), self.heartbeats, self.taps
        )  # fmt: skip
        self._copies = DeadLetterCopies(self.store, clock, emit)
        self.shippers: list[Shipper] = []
        self.pipelines: dict[str, WatchedPipeline] = {}
        self._misses_file = False
        """Whether a path without wildcards has no file, in a run with `once`."""

        self.volumes = VolumeReadings(self.state_dir, clock)
        self.watchers = self._build(settings)

    def _build(self, settings: Settings) -> Watchers:
        """Build the pipelines of these settings. If that raises, the previous settings can still be built again."""
        shippers, pipelines = build_pipelines(settings, self.pipelines, self._shared)
        self.settings, self.shippers, self.pipelines = settings, shippers, pipelines
        has_size_limit = settings.limits.volume_size is not None
        self.volumes.scanners = {} if has_size_limit else {name: p.scanner for name, p in pipelines.items()}
        watched = list(pipelines.values())
        return Watchers(watched, self.clock, self._emit, self.heartbeats, self.volumes.refresh)

    # ── start and reload ────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start to tail the files."""
        names = ", ".join(self.settings.pipelines)
        self._emit(events.Started(__version__, str(self.state_dir), names))
        self._report_open_files()
        self._start_threads()

    def _start_threads(self) -> None:
        self._copies.apply(self.settings)
        for shipper in self.shippers:
            shipper.start()
        self.scan()
        for name in self.pipelines:
            self._report_missing(name)
        found = {name: pipeline.scanner.found_paths() for name, pipeline in self.pipelines.items()}
        for risk in find_overlaps(self.settings, found):
            self._emit(events.RiskySetting(risk.location, risk.reason))
        if not self._options.once:
            self.watchers.start()

    def _report_open_files(self) -> None:
        limit, wanted = self.open_files.limit, self.settings.limits.open_files
        if limit < wanted:
            self._emit(events.OpenFilesLimited(limit, wanted))

    def _report_missing(self, name: str) -> None:
        """Report why paths of a pipeline match no file.

        If some path of the pipeline matches, report only paths without wildcards, and only in a run with `once`.
        """
        pipeline, has_match = self.settings.pipelines[name], bool(self.pipelines[name].matches)
        for path in pipeline.paths:
            is_wanted = self._options.once and not has_wildcard(path)
            if is_wanted or not has_match:
                reason = explain_missing(path, pipeline.exclude, self._shared.roots)
                if reason:
                    self._emit(events.NothingMatches(name, path, reason, not self._options.once))
                    self._misses_file |= is_wanted

    def change(self, settings: Settings) -> None:
        """Replace the settings. Batches in flight are delivered or read again, and files stay open.

        Raise `ConfigurationError` if this is not possible now; then the previous settings stay in use.
        """
        before = self.settings
        self.watchers.stop()
        self.watchers.join()
        self._retire_shippers()
        refusal = refuse_to_regroup(before, settings, self.shippers)
        if refusal is None:
            try:
                switch_boundaries(settings, self.pipelines, self.ledger)
                self.watchers = self._build(settings)
            except Exception as error:  # the state cannot be written, or a plug-in failed
                refusal = explain_refusal(error)
        if refusal:
            switch_boundaries(before, self.pipelines, self.ledger)
            self.watchers = self._build(before)
        self.ledger.limit = dead_letter_limit(self.settings)
        if self.settings.limits.open_files != before.limits.open_files:
            self.open_files.limit = limit_open_files(self.settings.limits.open_files)
            self._report_open_files()
        self._start_threads()
        if refusal:
            raise refusal
        self._emit(events.Reloaded(", ".join(settings.pipelines)))

    def _retire_shippers(self) -> None:
        for shipper in self.shippers:
            shipper.hand_over()
        give_up_at = self.clock.monotonic() + _RETIRE_TIMEOUT_S
        for shipper in self.shippers:
            shipper.join(timeout=max(0.0, give_up_at - self.clock.monotonic()))
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            self.heartbeats.beat()
            shipper.join(timeout=_JOIN_TIMEOUT_S)
            self.heartbeats.end(shipper.ident)  # a shipper that hangs is replaced and no longer counts

    # ── while it runs ───────────────────────────────────────────────────────────────────────────────────────

    def has_failed(self) -> bool:
        """Return whether a thread has crashed."""
        return self.watchers.failed or any(shipper.failed for shipper in self.shippers)

    def grown_at(self) -> float | None:
        """Return when a file last grew, by the monotonic clock; None if none has."""
        moments = [pipeline.tracker.grown_at for pipeline in self.pipelines.values()]
        return max((moment for moment in moments if moment is not None), default=None)

    def bytes_read(self) -> int:
        """Return the bytes of log that the current pipelines have read since the start."""
        return sum(shipper.counters.bytes_read for shipper in self.shippers)

    def show_progress(self) -> None:
        """Update the progress bar, if there is one."""
        if self._options.progress:
            settled, seen = zip(*(shipper.progress() for shipper in self.shippers), strict=True)
            self._options.progress(sum(settled), sum(seen))

    def wait_until_delivered(self, timeout_s: float) -> int:
        """Wait until all lines that exist now are delivered. Return the undelivered bytes, summed over all sinks.

        Any thread except the main thread may call this. The sidecar continues to ship lines during the wait.
        """
        give_up_at = self.clock.monotonic() + timeout_s
        shippers = list(self.shippers)
        is_delivered = self.watchers.scan_soon(timeout_s) and wait_until_delivered(shippers, self.clock, give_up_at)
        if is_delivered:
            return sum(shipper.unreadable() for shipper in shippers)
        return sum(shipper.unsettled() for shipper in shippers)

    # ── the shutdown, step by step (see `Shutdown`) ─────────────────────────────────────────────────────────

    def scan(self) -> None:
        """Scan all pipelines in the calling thread. The watchers must not be running."""
        self.watchers.scan()

    def stop_watching(self) -> None:
        """End the watchers and scan once more."""
        self.watchers.stop()
        self.watchers.join()
        self.scan()

    def has_undecided_files(self) -> bool:
        """Return whether some files may be copies of tracked files, and this is not decided yet."""
        return any(pipeline.tracker.is_undecided for pipeline in self.pipelines.values())

    def is_comparing(self) -> bool:
        """Return whether the last scan has left the comparison of a long file to the next one."""
        return any(pipeline.tracker.is_comparing for pipeline in self.pipelines.values())

    def has_unread_files(self) -> bool:
        """Return whether some files are not tracked: a scan failed, or a file is missing or may be a copy."""
        pipelines = self.pipelines.values()
        return self._misses_file or any(not each.is_scanned or each.tracker.is_undecided for each in pipelines)

    def finish_files(self) -> None:
        """Treat every file as complete, so that an unterminated last line is shipped."""
        for pipeline in self.pipelines.values():
            try:
                pipeline.tracker.finish_all()
            except StateError as error:
                self._emit(events.StateUnwritable(str(error)))

    def drain(self, give_up_at: float) -> None:
        """Make each shipper deliver all lines, then end. It retries until `give_up_at`, by the monotonic clock."""
        self._copies.drain(give_up_at)
        for shipper in self.shippers:
            shipper.drain(give_up_at)

    def is_draining(self) -> bool:
        """Return whether a shipper is still running."""
        return any(shipper.is_alive() for shipper in self.shippers)

    def delivered_at(self) -> float:
        """Return when a sink last accepted documents, by the monotonic clock."""
        return max(shipper.delivered_at for shipper in self.shippers)

    def stop(self) -> None:
        """Stop all shippers now. Each commits its settled lines."""
        for shipper in self.shippers:
            shipper.stop()
        for shipper in self.shippers:
            shipper.join(timeout=_JOIN_TIMEOUT_S)

    def forget_temporary_file(self) -> None:
        """Forget the file that is removed after the run, so that no later run looks for it."""
        if self._options.temporary_file:
            self.ledger.forget_path(self._options.temporary_file)

    def close(self) -> None:
        """Copy the last dead letters, and close the state database."""
        self._copies.stop()
        self.store.close()
