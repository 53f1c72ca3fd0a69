"""Puts the rooms together, runs the shippers, and ends them well. The only place where composition happens."""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import attrgetter
from queue import Empty

from sidecar import __version__
from sidecar.app.signals import StopRequests
from sidecar.app.watcher import WatchedPipeline, Watcher, poll_interval
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.deliver.batcher import EXPANSION, BatchLimits
from sidecar.errors import ConfigurationError, StateError
from sidecar.kubernetes.exit_rules import ExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.lib.clock import Clock
from sidecar.lib.roots import Roots
from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.shipper import Shipper
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings, TargetLimitingSink
from sidecar.state.database import open_database
from sidecar.state.dead_letters import DeadLetterLimit, DeadLetterStore
from sidecar.state.ledger import Ledger
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import CHUNK
from sidecar.tail.tracked_file import TrackedFile
from sidecar.tail.tracker import QUIET_S, FileTracker
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileStatus,
    FileTotals,
    RefusedPath,
    ShipperStatus,
    Snapshot,
    VolumeStatus,
)
from sidecar.watch.scanner import FileScanner

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

_MAX_REFUSED = 100
"""Refused paths of a pipeline that the status names; the application may make any number of them."""

_OFFSET = attrgetter("offset")

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
        self._settings, self._manner = settings, manner
        self._emit, self._clock, self._environ = emit, clock, environ
        self._heartbeats = heartbeats or Heartbeats(clock)
        self.state_dir = settings.state_directory()
        self._started_at = clock.now()
        self._store = open_database(self.state_dir)
        self._ledger = Ledger(self._store, _dead_letter_limit(settings))
        self._descriptors = OpenFileLimiter(settings.limits.open_files)
        self._shippers: list[Shipper] = []
        self._watched: dict[str, WatchedPipeline] = {}
        self._roots = Roots()
        self._compose(settings)
        self._watcher = Watcher(list(self._watched.values()), clock, emit, self._heartbeats)

    # ── composition ─────────────────────────────────────────────────────────────────────────────────────────

    def _compose(self, settings: Settings) -> None:
        """Followers and shippers for these settings. A pipeline that was there before keeps its follower."""
        before, self._settings = self._watched, settings
        self._shippers, self._watched = [], {}
        for name, pipeline in settings.pipelines.items():
            kept = before.pop(name, None)
            known = partial(self._ledger.paths, name)
            sweep = FileScanner(pipeline.paths, pipeline.exclude, self._roots, known, self._heartbeats.beat)
            follower = kept.follower if kept else self._follower(name, pipeline, sweep)
            shippers = {sink: self._shipper(name, sink, follower) for sink in settings.sinks_of(name)}
            if kept:
                follower.change(
                    shippers, sweep, ignore_older=pipeline.ignore_older,
                    deleted_files=settings.limits.deleted_files, links=self._links(pipeline),
                    boundaries=_boundary_rules(pipeline),
                )  # fmt: skip
            else:
                for sink, shipper in shippers.items():
                    follower.listen(sink, shipper)
            self._shippers += shippers.values()
            step = poll_interval(min((settings.sinks[sink].linger for sink in shippers), default=1.0))
            self._watched[name] = WatchedPipeline(sweep, follower, step)
        for gone in before.values():
            gone.follower.release()

    def _follower(self, name: str, pipeline: PipelineSettings, sweep: FileScanner) -> FileTracker:
        return FileTracker(
            name, self._ledger, self._clock, self._emit, self._descriptors, sweep,
            from_end=pipeline.read_from == "end", ignore_older=pipeline.ignore_older,
            deleted_files=self._settings.limits.deleted_files, links=self._links(pipeline),
            boundaries=_boundary_rules(pipeline), beat=self._heartbeats.beat,
        )  # fmt: skip

    def _links(self, pipeline: PipelineSettings) -> HardLinks | None:
        return HardLinks(pipeline.keep_links, self._roots) if pipeline.keep_links else None

    def _shipper(self, name: str, sink_name: str, follower: FileTracker) -> Shipper:
        settings = self._settings.sinks[sink_name]
        sink = registry.create_sink(settings)
        if isinstance(sink, TargetLimitingSink):
            sink.keep_targets(partial(self._ledger.admit_targets, sink_name))
        limits = self._limits(settings, registry.resolve(settings.type).concurrency)
        rooms = build_stages(
            self._settings.pipelines[name], self._clock, hostname(self._environ), self._environ,
            min(CHUNK, limits.bytes),
        )  # fmt: skip
        return Shipper(
            name, sink_name, sink, rooms, limits, follower, self._ledger, self._clock, self._emit,
            heartbeats=self._heartbeats,
        )  # fmt: skip

    def _limits(self, sink: SinkSettings, concurrency: int) -> BatchLimits:
        """Every shipper has a share of the memory that nobody else can take."""
        shippers = sum(len(self._settings.sinks_of(name)) for name in self._settings.pipelines)
        share = self._settings.limits.memory // (shippers * (concurrency + 1) * EXPANSION)
        return BatchLimits(sink.batch_records, max(64 * 1024, min(sink.batch_bytes, share)), sink.linger, concurrency)

    # ── the run ─────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Follow the files from now on."""
        names = ", ".join(self._settings.pipelines)
        self._emit(events.Started(__version__, str(self.state_dir), names))
        self._begin()

    def change(self, settings: Settings) -> None:
        """Go on under these settings: what is under way is delivered or read again, and no file is let go.

        Raises `ConfigurationError` if it cannot be done now; the old settings go on then.
        """
        self._watcher.stop()
        self._watcher.join()
        for shipper in self._shippers:
            shipper.retire()
        give_up_at = self._clock.monotonic() + _RETIRE_S
        for shipper in self._shippers:
            shipper.join(timeout=max(0.0, give_up_at - self._clock.monotonic()))
        for shipper in self._shippers:
            shipper.stop()
        for shipper in self._shippers:
            self._heartbeats.beat()
            shipper.join(timeout=2)
            self._heartbeats.end(shipper.ident)  # one that hangs is replaced
        unsure = self._unsure_of(settings)
        if unsure:
            settings = self._settings
        self._ledger.bound = _dead_letter_limit(settings)
        self._descriptors.limit = settings.limits.open_files
        self._compose(settings)
        self._watcher = Watcher(list(self._watched.values()), self._clock, self._emit, self._heartbeats)
        self._begin()
        if unsure:
            raise ConfigurationError(
                "multiline cannot change while a destination does not answer", location=f"pipelines.{unsure[0]}",
                hint="change it again later, or start the sidecar again",
            )  # fmt: skip
        self._emit(events.Reloaded(", ".join(settings.pipelines)))

    def _unsure_of(self, settings: Settings) -> list[str]:
        """Pipelines of which nobody knows what became of the documents under way, and that are to part them anew."""
        before, after = self._settings.pipelines, settings.pipelines
        return [
            shipper.pipeline
            for shipper in self._shippers
            if not shipper.is_retired
            and shipper.pipeline in after
            and _boundary_rules(before[shipper.pipeline]) != _boundary_rules(after[shipper.pipeline])
        ]

    def _begin(self) -> None:
        for shipper in self._shippers:
            shipper.start()
        self._watcher.look()
        for watched in self._watched.values():
            if not watched.matches:
                paths = ", ".join(glob.pattern for glob in watched.sweep.globs)
                self._emit(events.NothingMatches(watched.follower.pipeline, paths))
        if not self._manner.once:
            self._watcher.start()

    @property
    def settings(self) -> Settings:
        """Those that are in force."""
        return self._settings

    def has_failed(self) -> bool:
        """Whether a part of it has ended that should not have."""
        return self._watcher.failed or any(shipper.failed for shipper in self._shippers)

    def why_end(self) -> str:
        """What the exit rule says."""
        return self._manner.rule.reason(self._clock.monotonic(), self._grown_at())

    def _grown_at(self) -> float | None:
        moments = [watched.follower.grown_at for watched in self._watched.values()]
        return max((moment for moment in moments if moment is not None), default=None)

    def show_progress(self) -> None:
        """On the terminal, if there is one."""
        if self._manner.progress:
            settled, seen = zip(*(shipper.progress() for shipper in self._shippers), strict=True)
            self._manner.progress(sum(settled), sum(seen))

    def facts(self, configuration: ConfigurationStatus, *, most_files: int | None = None) -> Snapshot:
        """What there is to know now, with all files or, since there may be very many of them, with those of
        which at most so many are further behind, larger, or before it by name.

        May be called by any thread; nothing waits for it.
        """
        shippers, watched = list(self._shippers), dict(self._watched)
        sums = [_file_totals(name, each) for name, each in watched.items()]
        return Snapshot(
            __version__, self._started_at, self._clock.now(), os.getpid(), str(self.state_dir),
            self._shipper_facts(shippers),
            _list_files(watched, most_files), sums, self._balance(shippers),
            "notifications" if self._watcher.is_notified else "sweeps alone",
            len(self._descriptors), self._descriptors.limit, self._settings.limits.memory,
            self._settings.limits.deleted_files,
            self._ledger.letters_size(), self._settings.dead_letters.max_size,
            list(self._volumes(watched, sums)), configuration, _list_refused(watched),
            self._heartbeats.ages(),
        )  # fmt: skip

    def shipper_facts(self) -> list[ShipperStatus]:
        """The part of the facts that changes most."""
        return self._shipper_facts(list(self._shippers))

    def _shipper_facts(self, shippers: Sequence[Shipper]) -> list[ShipperStatus]:
        sinks = self._settings.sinks
        return [each.facts(sinks[each.sink_name].destination()) for each in shippers if each.sink_name in sinks]

    def newest_letters(self, limit: int) -> Sequence[tuple[int, DeadLetter]]:
        """(number, dead letter) of so many, the newest first. Raises `StateError`."""
        return DeadLetterStore(self._store).newest(limit)

    def _volumes(self, watched: Mapping[str, WatchedPipeline], sums: Sequence[FileTotals]) -> Iterator[VolumeStatus]:
        """Space where the logs and the state lie. What the kubelet counts for a `sizeLimit` is the size of files."""
        told = self._settings.limits.volume_size
        if told is not None:
            yield from (VolumeStatus(each.pipeline, each.bytes, told) for each in sums)
        else:
            for name, each in watched.items():
                if each.sweep.globs:
                    with each.sweep.globs[0].root.reach() as reached:
                        yield from _volume_status(name, reached.directory)
        yield from _volume_status("", str(self.state_dir))

    def _balance(self, shippers: Sequence[Shipper]) -> list[BalanceStatus]:
        """What became of every byte, by sink; `unsettled` is what is known of and not settled."""
        balance, found = self._ledger.balance(), []
        for sink in dict.fromkeys(shipper.sink_name for shipper in shippers):
            unsettled = sum(shipper.unsettled() for shipper in shippers if shipper.sink_name == sink)
            amounts = balance.get(sink, ByteCounts())
            found.append(BalanceStatus(sink, amounts.bytes_, amounts.lines, unsettled))
        return found

    def down(self) -> list[str]:
        """The sinks that take nothing now."""
        return sorted({shipper.sink_name for shipper in self._shippers if shipper.is_down})

    def await_delivery(self, timeout_s: float) -> int:
        """Wait until all lines that are there now are delivered. Returns the bytes that are not, in all sinks.

        Called by another thread than the main one. The sidecar goes on meanwhile.
        """
        give_up_at = self._clock.monotonic() + timeout_s
        shippers = list(self._shippers)
        if self._watcher.look_soon().wait(timeout_s):
            owed = [_pending_of(shipper, None) for shipper in shippers]
            while any(owed) and self._clock.monotonic() < give_up_at:
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
            self._watcher.stop()
            self._watcher.join()
            self._watcher.look()
        self._decide(wishes, timeout)
        for watched in self._watched.values():
            try:
                watched.follower.finish_all()
            except StateError as error:
                self._emit(events.StateUnwritable(str(error)))
        began = wishes.asked_at if wishes.end.is_set() else self._clock.monotonic()
        for shipper in self._shippers:
            shipper.drain(began + timeout)
        while any(shipper.is_alive() for shipper in self._shippers) and not wishes.at_once.is_set():
            since = max([began, *(s.delivered_at for s in self._shippers)]) if once else began
            if self._clock.monotonic() - since >= timeout or (once and wishes.end.is_set()):
                break
            self.show_progress()
            wishes.at_once.wait(_STEP_S / 2)
        for shipper in self._shippers:
            shipper.stop()
        for shipper in self._shippers:
            shipper.join(timeout=2)
        self.show_progress()

    def _timeout_s(self) -> float:
        told = self._settings.drain.timeout
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
            now = self._clock.monotonic()
            quiet_from = max(quiet_from, self._grown_at() or 0.0)
            if now - wishes.asked_at >= longest or now - quiet_from >= quiet_for:
                return

    def _decide(self, wishes: StopRequests, timeout: float) -> None:
        """A file that may be a copy in the making is known for one, or for none, after a while."""
        began = self._clock.monotonic()
        while any(watched.follower.undecided for watched in self._watched.values()):
            if self._clock.monotonic() - began > min(2 * QUIET_S, timeout / 2):
                return
            if wishes.at_once.wait(0.1):
                return
            self._watcher.look()

    def close(self) -> list[events.Balance]:
        """Let go of the state. Returns the last word: a balance for each sink."""
        balance = [balance_event(facts) for facts in self._balance(self._shippers)]
        self._store.close()
        return balance

    def unreadable(self) -> list[str]:
        """Return the files that match and cannot be read now."""
        return sorted(path for each in self._watched.values() for path in each.follower.unreadable.reasons())


def balance_event(facts: BalanceStatus) -> events.Balance:
    """The balance of a sink as an event: everything that was seen, by what became of it."""
    by_kind: dict[str, int] = {}
    for what, size in facts.bytes.items():
        kind = what.partition(":")[0]
        by_kind[kind] = by_kind.get(kind, 0) + size
    return events.Balance(
        facts.sink,
        seen=sum(by_kind.values()) + facts.unsettled,
        stored=by_kind.get("stored", 0),
        dead_letters=by_kind.get("dead_letter", 0),
        filtered=by_kind.get("filtered", 0),
        skipped=by_kind.get("skipped", 0),
        lost=by_kind.get("lost", 0),
        unsettled=facts.unsettled,
        lines_stored=facts.lines.get("stored", 0),
        lines_dead=facts.lines.get("dead_letter", 0),
    )


def _list_files(watched: Mapping[str, WatchedPipeline], most: int | None) -> list[FileStatus]:
    if most == 0:
        return []
    lives = [(name, life) for name, each in watched.items() for life in each.follower.lives()]
    if most is not None and len(lives) > most:
        lives = [lives[place] for place in _furthest_behind([life for _, life in lives], most)]
    return [_file_status(name, life) for name, life in lives]


def _list_refused(watched: Mapping[str, WatchedPipeline]) -> list[RefusedPath]:
    return [
        RefusedPath(name, os.fsencode(path).decode(errors="backslashreplace"), reason)
        for name, each in watched.items()
        for path, reason in islice(each.refused.items(), _MAX_REFUSED)
    ]


def _furthest_behind(lives: Sequence[TrackedFile], most: int) -> Iterable[int]:
    """Places of those that come first by what is behind, by size or by name."""
    behind, sizes = [_behind(life) for life in lives], [life.size for life in lives]
    names, places = [life.place.name for life in lives], range(len(lives))
    return dict.fromkeys([
        *heapq.nlargest(most, places, behind.__getitem__),
        *heapq.nlargest(most, places, sizes.__getitem__),
        *heapq.nsmallest(most, places, names.__getitem__),
    ])  # fmt: skip


def _file_status(pipeline: str, life: TrackedFile) -> FileStatus:
    settled = {sink: point.offset for sink, point in life.settled.items()}
    shown = os.fsencode(life.name).decode(errors="backslashreplace")
    return FileStatus(pipeline, shown, life.size, settled, life.is_open, not life.sighted)


def _file_totals(pipeline: str, watched: WatchedPipeline) -> FileTotals:
    lives = watched.follower.lives()
    held = [life for life in lives if not life.sighted]
    return FileTotals(
        pipeline, len(lives), sum([life.size for life in lives]), len(held), sum(_behind(life) for life in held),
        len(watched.refused),
    )  # fmt: skip


def _behind(life: TrackedFile) -> int:
    """Bytes that are not settled everywhere."""
    return life.unsettled(min(map(_OFFSET, life.settled.values()), default=0))


def _volume_status(pipeline: str, folder: str | int) -> Iterator[VolumeStatus]:
    with suppress(OSError):
        found = os.statvfs(folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        yield VolumeStatus(pipeline, used, used + found.f_bavail * found.f_frsize)


def hash_settings(settings: Settings) -> str:
    """Tells configurations apart; secrets go in as stars."""
    return hashlib.sha256(json.dumps(settings.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]


def hostname(environ: Mapping[str, str]) -> str:
    """The name of the node in Kubernetes, else of this machine."""
    return environ.get("NODE_NAME") or socket.gethostname()


def _dead_letter_limit(settings: Settings) -> DeadLetterLimit:
    return DeadLetterLimit(settings.dead_letters.max_size, settings.dead_letters.when_full)


def _boundary_rules(pipeline: PipelineSettings) -> str:
    joining = pipeline.joining()
    grouped = f"{pipeline.max_line} {joining.rules()}" if joining else ""
    return grouped if pipeline.encoding == "utf-8" else f"{pipeline.encoding} {grouped}"


def _pending_of(shipper: Shipper, sizes: Mapping[int, int] | None) -> dict[int, int]:
    """What this shipper still owes. One that has ended owes nothing."""
    try:
        return shipper.owed(sizes).get(timeout=2)
    except Empty:
        return dict(sizes or {}) if shipper.is_alive() else {}
