"""How soon a file is looked at again, and what a start leaves out."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import cast

import pytest

from sidecar.app.watcher import WatchedPipeline, Watcher, Watchers, poll_interval
from sidecar.lib.clock import Clock, SystemClock
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.testing import ManualClock
from sidecar.watch.notifier import Notifier
from sidecar.watch.scanner import FileScanner, FoundFile
from tests.support.processes import eventually


@pytest.mark.parametrize(("linger", "step"), [(5.0, 0.05), (0.1, 0.05), (0.05, 0.025), (0.0, 0.02)])
def test_a_file_that_grows_is_looked_at_sooner_where_lines_wait_for_no_company(linger: float, step: float) -> None:
    assert poll_interval(linger) == step


def _watched(tmp_path: Path, clock: Clock, name: str, poll_s: float) -> WatchedPipeline:
    (tmp_path / name).mkdir()
    ledger = Ledger(open_database(tmp_path / "state" / name))
    scanner = FileScanner([f"{tmp_path}/{name}/*.log"])
    tracker = FileTracker(name, ledger, clock, lambda _: None, OpenFileLimiter(16), scanner)
    return WatchedPipeline(scanner, tracker, poll_s)


def test_an_active_file_shortens_the_wait_of_the_watcher(tmp_path: Path) -> None:
    clock = ManualClock(1_000.0)
    pipeline = _watched(tmp_path, clock, "web", 0.01)
    watcher = Watcher(pipeline, clock, lambda _: None, Heartbeats(clock), lambda _: None, lambda *_: None)
    watcher.scan()
    assert watcher.poll() == 10.0
    (tmp_path / "web" / "a.log").write_text("a line\n")
    watcher.scan()
    assert watcher.poll() == 0.01
    clock.advance(3)
    assert watcher.poll() == pytest.approx(0.2)
    clock.advance(0.15)
    assert watcher.poll() == pytest.approx(0.05)
    clock.advance(60)
    assert watcher.poll() == 10.0


class _HangingScanner(FileScanner):
    """Hangs in a directory until it is released, as on a volume whose server is gone."""

    def __init__(self, patterns: list[str]) -> None:
        super().__init__(patterns)
        self.hangs, self.released = Event(), Event()

    def scan(self) -> list[FoundFile]:
        self.hangs.set()
        assert self.released.wait(60)
        return super().scan()


def test_a_scan_that_hangs_delays_no_other_pipeline(tmp_path: Path) -> None:
    clock = SystemClock()
    stuck, healthy = (_watched(tmp_path, clock, name, 0.05) for name in ("stuck", "healthy"))
    hanging = _HangingScanner([f"{tmp_path}/stuck/*.log"])
    stuck.scanner = hanging
    watchers = Watchers([stuck, healthy], clock, lambda _: None)
    watchers.start()
    try:
        assert hanging.hangs.wait(10)
        (tmp_path / "healthy" / "a.log").write_text("a line\n")
        eventually(lambda: len(healthy.tracker.unfinished_files()) == 1, "the other pipeline finds its file")
        assert not watchers.scan_soon(0.1), "not every pipeline is scanned"
    finally:
        hanging.released.set()
        watchers.stop()
        watchers.join()


def test_a_line_now_and_then_is_awaited_instead_of_polled(tmp_path: Path) -> None:
    clock = SystemClock()
    pipeline = _watched(tmp_path, clock, "web", 0.05)
    log, watchers = tmp_path / "web" / "a.log", Watchers([pipeline], clock, lambda _: None)
    log.write_text("first\n")
    watchers.start()
    try:
        for size in (6, 11, 16):
            eventually(lambda: pipeline.tracker.is_awaiting_writes, "the next write is awaited")
            (file,) = pipeline.tracker.unfinished_files()
            assert file.size == size
            with log.open("a") as out:
                out.write("more\n")
            eventually(lambda file=file, size=size: file.size > size, "the line is found")  # type: ignore[misc]
    finally:
        watchers.stop()
        watchers.join()


def test_a_change_hints_to_the_pipeline_of_its_directory_alone(tmp_path: Path) -> None:
    clock = SystemClock()
    busy, quiet = (_watched(tmp_path, clock, name, 0.05) for name in ("busy", "quiet"))
    notifier, hinted = Notifier(), {name: _Hinted() for name in ("busy", "quiet")}
    notifier.start()
    try:
        for name, pipeline in (("busy", busy), ("quiet", quiet)):
            pipeline.scanner.scan()
            notifier.watch(hinted[name], pipeline.scanner.directories)
        (tmp_path / "busy" / "a.log").touch()
        assert hinted["busy"].event.wait(10)
        assert not hinted["quiet"].event.is_set()
        (tmp_path / "quiet" / "a.log").touch()
        assert hinted["quiet"].event.wait(10)
    finally:
        notifier.stop()


class _Hinted:
    def __init__(self) -> None:
        self.event = Event()

    def hint(self) -> None:
        self.event.set()


def test_a_scan_that_waits_for_the_interpreter_comes_again_soon() -> None:
    """While another pipeline is busy; on a slow disk it comes later, and later still if it costs much itself."""
    scanner = FileScanner([])
    tracker = cast(FileTracker, None)
    watched = WatchedPipeline(scanner, tracker, scanned_at=0.0, scan_s=0.1, scan_cpu_s=0.001)
    assert watched.due_at() == 1.0
    watched.scan_s = 0.5
    assert watched.due_at() == pytest.approx(5.0)
    watched.scan_cpu_s = 0.05
    assert watched.due_at() == pytest.approx(15.0)


def test_work_on_idle_files_delays_the_next_scan_and_that_on_new_files_does_not(
    tmp_path: Path,
) -> None:
    clock, readings = ManualClock(1_000.0), [0.0, 0.010, 0.015, 1.0, 1.010, 2.0]
    pipeline = _watched(tmp_path, clock, "web", 0.05)
    watcher = Watcher(
        pipeline, clock, lambda _: None, Heartbeats(clock), lambda _: None, lambda *_: None, lambda: readings.pop(0)
    )
    watcher.scan()
    assert pipeline.scan_cpu_s == pytest.approx(0.015)
    watcher.scan()
    assert pipeline.scan_cpu_s == pytest.approx(0.020)


def test_a_watcher_of_quiet_files_wakes_for_scans_alone(tmp_path: Path) -> None:
    """And in time for them, also if a write has ended its wait shortly before."""
    clock = ManualClock(1_000.0)
    pipeline = _watched(tmp_path, clock, "web", 0.05)
    watcher = Watcher(pipeline, clock, lambda _: None, Heartbeats(clock), lambda _: None, lambda *_: None)
    watcher.scan()
    clock.advance(0.9)
    assert watcher.idle_s() == pytest.approx(0.1)
    pipeline.scan_cpu_s = 0.05
    assert watcher.idle_s() == 10.0
    pipeline.is_hinted = True
    assert watcher.idle_s() == 0.0
