"""Puts the rooms together, runs the shippers, and ends them well. The only place where composition happens."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sidecar import __version__, events
from sidecar.clock import Clock, SystemClock
from sidecar.composition import rooms_of
from sidecar.deliver import registry
from sidecar.deliver.sink import SinkSettings
from sidecar.errors import StateError
from sidecar.positions import Amounts
from sidecar.read.descriptors import Descriptors
from sidecar.read.follower import QUIET_S, Follower
from sidecar.read.links import Links
from sidecar.settings import Pipeline, Settings
from sidecar.shipper import Limits, Shipper
from sidecar.state.ledger import Ledger
from sidecar.state.letters import Bound
from sidecar.state.store import open_store
from sidecar.watch.sweep import Sweep
from sidecar.watcher import Watched, Watcher

ENDED, CRASHED, UNDELIVERED = 0, 1, 3

_EXPANSION = 8
"""Bytes of memory that a byte of log takes, at most, on its way: as text, as documents, and as a request."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8

Progress = Callable[[int, int], None]
"""Told (bytes settled, bytes seen) ten times a second."""


@dataclass(slots=True)
class _Wishes:
    """What the signals asked for."""

    end: threading.Event = field(default_factory=threading.Event)
    at_once: threading.Event = field(default_factory=threading.Event)
    reason: str = ""

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first signal asks for an orderly end, the second for the end."""
        if self.end.is_set():
            self.at_once.set()
        self.reason = self.reason or f"asked to end ({signal.Signals(number).name})"
        self.end.set()


class Supervisor:
    """One run of the sidecar, from the state that it finds to its exit code."""

    def __init__(
        self, settings: Settings, emit: events.Emit, clock: Clock, environ: Mapping[str, str], state_dir: Path
    ) -> None:
        self._settings, self._emit, self._clock = settings, emit, clock
        self._state_dir = state_dir
        self._store = open_store(state_dir)
        self._ledger = Ledger(self._store, Bound(settings.dead_letters.max_size, settings.dead_letters.when_full))
        self._descriptors = Descriptors(settings.limits.open_files)
        self._shippers: list[Shipper] = []
        self._watched = [self._pipeline(name, pipeline, environ) for name, pipeline in settings.pipelines.items()]
        self._watcher = Watcher(self._watched, clock, emit)

    def _pipeline(self, name: str, pipeline: Pipeline, environ: Mapping[str, str]) -> Watched:
        follower = Follower(
            name, self._ledger, self._clock, self._emit, self._descriptors,
            from_end=pipeline.read_from == "end", ignore_older=pipeline.ignore_older,
            held_deleted=self._settings.limits.held_deleted,
            links=Links(pipeline.keep_links) if pipeline.keep_links else None,
        )  # fmt: skip
        for sink_name in self._settings.sinks_of(name):
            shipper = self._shipper(name, sink_name, follower, environ)
            follower.listen(sink_name, shipper)
            self._shippers.append(shipper)
        return Watched(Sweep(pipeline.paths, pipeline.exclude), follower)

    def _shipper(self, name: str, sink_name: str, follower: Follower, environ: Mapping[str, str]) -> Shipper:
        settings = self._settings.sinks[sink_name]
        rooms = rooms_of(self._settings.pipelines[name], self._clock, hostname(environ), environ)
        sink = registry.create(settings)
        limits = self._limits(settings, registry.resolve(settings.type).concurrency)
        return Shipper(name, sink_name, sink, rooms, limits, follower, self._ledger, self._clock, self._emit)

    def _limits(self, sink: SinkSettings, concurrency: int) -> Limits:
        """Every shipper has a share of the memory that nobody else can take."""
        shippers = sum(len(self._settings.sinks_of(name)) for name in self._settings.pipelines)
        share = self._settings.limits.memory // (shippers * (concurrency + 1) * _EXPANSION) * 4
        return Limits(sink.batch_records, max(64 * 1024, min(sink.batch_bytes, share)), sink.linger, concurrency)

    def run(self, wishes: _Wishes, *, once: bool, strict_exit: bool, progress: Progress | None) -> int:
        """Until a signal asks for the end, or with `once` until everything is delivered. Returns the exit code."""
        names = ", ".join(self._settings.pipelines)
        self._emit(events.Started(__version__, str(self._state_dir), names))
        for shipper in self._shippers:
            shipper.start()
        self._watcher.look()
        self._tell_if_nothing_matches()
        if not once:
            self._watcher.start()
        while not (once or wishes.end.wait(0.1)):
            self._show(progress)
            if self._has_failed():
                break
        self._end(wishes, once=once, progress=progress)
        return self._close(strict=strict_exit or once)

    def _has_failed(self) -> bool:
        return self._watcher.failed or any(shipper.failed for shipper in self._shippers)

    def _tell_if_nothing_matches(self) -> None:
        for watched in self._watched:
            if not watched.matches:
                paths = ", ".join(glob.pattern for glob in watched.sweep.globs)
                self._emit(events.NothingMatches(watched.follower.pipeline, paths))

    def _show(self, progress: Progress | None) -> None:
        if progress:
            settled, seen = zip(*(shipper.progress() for shipper in self._shippers), strict=True)
            progress(sum(settled), sum(seen))

    def _end(self, wishes: _Wishes, *, once: bool, progress: Progress | None) -> None:
        """Look once more, read every file to its end, deliver; give up when the time is over."""
        timeout = self._settings.drain.timeout
        if not once:
            self._emit(events.Draining(wishes.reason or "a part of the sidecar failed", timeout))
            self._watcher.stop()
            self._watcher.join()
            self._watcher.look()
        self._decide(wishes)
        for watched in self._watched:
            try:
                watched.follower.finish_all()
            except StateError as error:
                self._emit(events.StateUnwritable(str(error)))
        for shipper in self._shippers:
            shipper.drain()
        began = self._clock.monotonic()
        while any(shipper.is_alive() for shipper in self._shippers) and not wishes.at_once.is_set():
            since = max([began, *(s.delivered_at for s in self._shippers)]) if once else began
            if self._clock.monotonic() - since >= timeout or (once and wishes.end.is_set()):
                break
            self._show(progress)
            wishes.at_once.wait(0.02)
        for shipper in self._shippers:
            shipper.stop()
        for shipper in self._shippers:
            shipper.join(timeout=2)
        self._show(progress)

    def _decide(self, wishes: _Wishes) -> None:
        """A file that may be a copy in the making is known for one, or for none, after a while."""
        began = self._clock.monotonic()
        while any(watched.follower.undecided for watched in self._watched):
            if self._clock.monotonic() - began > min(2 * QUIET_S, self._settings.drain.timeout / 2):
                return
            if wishes.at_once.wait(0.1):
                return
            self._watcher.look()

    def _close(self, *, strict: bool) -> int:
        unsettled = self._tell_balance()
        self._store.close()
        if self._has_failed():
            return CRASHED
        return UNDELIVERED if strict and unsettled else ENDED

    def _tell_balance(self) -> int:
        """The last word. Returns the bytes that are not settled."""
        balance, total = self._ledger.balance(), 0
        for sink in dict.fromkeys(shipper.sink_name for shipper in self._shippers):
            settled, seen = zip(*(s.progress() for s in self._shippers if s.sink_name == sink), strict=True)
            unsettled = sum(seen) - sum(settled)
            self._emit(as_event(sink, balance.get(sink, Amounts()), unsettled))
            total += unsettled
        return total


def as_event(sink: str, amounts: Amounts, unsettled: int) -> events.Balance:
    """The balance of a sink as an event: everything that was seen, by what became of it."""
    by_kind: dict[str, int] = {}
    for what, size in amounts.bytes_.items():
        kind = what.partition(":")[0]
        by_kind[kind] = by_kind.get(kind, 0) + size
    return events.Balance(
        sink,
        seen=sum(by_kind.values()) + unsettled,
        stored=by_kind.get("stored", 0),
        dead_letters=by_kind.get("dead_letter", 0),
        skipped=by_kind.get("skipped", 0),
        lost=by_kind.get("lost", 0),
        unsettled=unsettled,
        lines_stored=amounts.lines.get("stored", 0),
        lines_dead=amounts.lines.get("dead_letter", 0),
    )


def hostname(environ: Mapping[str, str]) -> str:
    """The name of the node in Kubernetes, else of this machine."""
    return environ.get("NODE_NAME") or socket.gethostname()


def run(
    settings: Settings, *, once: bool = False, strict_exit: bool = False, progress: Progress | None = None
) -> int:
    """Run the sidecar in this process until it is asked to end. Returns the exit code.

    Raises `StateError` or `ConfigurationError` before anything is started.
    """
    wishes = _Wishes()
    signal.signal(signal.SIGTERM, wishes.on_signal)
    signal.signal(signal.SIGINT, wishes.on_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    tune_process()
    clock = SystemClock()
    log = events.Log(clock, settings.log_level)
    supervisor = Supervisor(settings, log.emit, clock, os.environ, settings.state_directory())
    return supervisor.run(wishes, once=once, strict_exit=strict_exit, progress=progress)


def tune_process() -> None:
    """Settings of the process that make the difference (docs/architecture.md, "What things cost").

    glibc gives every object over 128 KiB back to the system when it is freed; told to keep it, the whole job
    takes half of the time (mallopt(3); other C libraries do without); with one arena for all threads, what one of
    them gives back another can take. The collector has nothing to find in
    batches of text, so it comes rarely. As many files may be open as the system allows.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 29)
        libc.mallopt(_M_TOP_PAD, 1 << 25)
        libc.mallopt(_M_ARENA_MAX, 1)
    gc.enable()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
