"""How often a file is polled: rarely where its next write is reported, as before where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracker import FileTracker
from sidecar.tail.write_watches import LATE_S, MAX_ACTIVE_FILES, RECHECK_S
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner


class ScriptedNotifier:
    """Reports the next write of a file if the test says so."""

    def __init__(self) -> None:
        self.watched: list[Callable[[], None]] = []
        self.error: OSError | None = None

    def watch_write(self, fd: int, on_write: Callable[[], None]) -> Callable[[], None]:
        if self.error:
            raise self.error
        self.watched.append(on_write)
        return lambda: self.watched.remove(on_write) if on_write in self.watched else None

    def report(self) -> None:
        reported, self.watched = self.watched, []
        for on_write in reported:
            on_write()


class Polls:
    """A tracker of one file that is polled as its watcher does, by a clock of the test."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "app.log"
        self.log.write_text("a first line, longer than the beginning that is compared\n" * 3)
        self.clock, self.notifier = ManualClock(1_000.0), ScriptedNotifier()
        self.scanner = FileScanner([str(folder / "*.log")])
        ledger = Ledger(open_database(folder / "state"))
        self.tracker = FileTracker("app", ledger, self.clock, lambda _: None, OpenFileLimiter(4), self.scanner)
        self.tracker.await_writes(self.notifier, self._wake)
        self.is_woken = False
        self.scan()
        (self.file,) = (file for file in self.tracker.unfinished_files() if file.name == str(self.log))

    def scan(self) -> None:
        self.tracker.process_scan(self.scanner.scan())

    def _wake(self) -> None:
        self.is_woken = True

    def write(self, *, is_reported: bool) -> None:
        with self.log.open("a") as out:
            out.write("a line\n")
        if is_reported:
            self.notifier.report()

    def pass_time(self, seconds: float) -> int:
        """Return how often the file was polled, without the polls once a second."""
        polls, end = 0, self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            is_hot, is_warm = self.tracker.poll_hot(), self.tracker.poll_warm()
            polls += is_hot or is_warm or self.is_woken
            step = 0.05 if is_hot else 0.2 if is_warm else 1.0
            self.is_woken = False
            self.clock.advance(min(step, end - self.clock.monotonic()))
        return polls

    def is_found(self) -> bool:
        return self.file.size == self.log.stat().st_size

    def prove(self) -> None:
        """Let one write be reported."""
        self.pass_time(0.9)
        self.write(is_reported=True)
        assert self.pass_time(0.95) == 1


def test_a_line_a_second_needs_one_poll_each_where_writes_are_reported(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    run.prove()
    polls = 0
    for _ in range(30):
        run.write(is_reported=True)
        polls += run.pass_time(1.0)
        assert run.is_found()
    assert polls == 30


def test_a_file_is_polled_as_ever_until_a_write_was_reported(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    assert run.pass_time(2.0) >= 40
    assert run.pass_time(8.0) == pytest.approx(40, abs=2)
    assert run.notifier.watched


def test_a_file_that_grows_without_a_report_is_polled_as_ever_from_then_on(tmp_path: Path) -> None:
    """As if another machine or a memory mapping had written."""
    run = Polls(tmp_path)
    run.prove()
    assert run.pass_time(1.0) == 0
    run.write(is_reported=False)
    run.pass_time(RECHECK_S)
    assert run.is_found()
    for _ in range(int(LATE_S) + 1):
        run.write(is_reported=False)
        assert run.pass_time(1.0) >= 19
    assert not run.notifier.watched
    run.write(is_reported=True)
    assert run.pass_time(1.0) >= 19


def test_a_late_report_is_believed(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    run.prove()
    run.write(is_reported=False)
    run.pass_time(RECHECK_S + 0.2)
    assert run.is_found()
    run.notifier.report()
    run.pass_time(1.0)
    assert run.pass_time(10.0) == 0


def test_a_file_that_is_written_all_the_time_is_polled_and_not_watched(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    run.prove()
    watched = []
    for _ in range(20):
        run.write(is_reported=True)
        run.pass_time(0.1)
        watched.append(len(run.notifier.watched))
    assert watched == [1] + [0] * 19


def test_a_line_between_the_poll_and_the_watch_is_found_at_once(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    watch_write = run.notifier.watch_write

    def write_first(fd: int, on_write: Callable[[], None]) -> Callable[[], None]:
        run.write(is_reported=False)
        return watch_write(fd, on_write)

    run.notifier.watch_write = write_first  # type: ignore[method-assign]
    run.pass_time(0.4)
    assert run.notifier.watched
    assert run.is_found()


def test_a_file_that_cannot_be_watched_is_polled(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    run.notifier.error = OSError(28, "inotify watch limit reached")
    assert run.pass_time(2.0) >= 40


def test_a_quiet_file_is_not_watched_for_ever(tmp_path: Path) -> None:
    run = Polls(tmp_path)
    run.prove()
    run.pass_time(59)
    assert run.notifier.watched
    run.pass_time(5)
    assert not run.notifier.watched


def test_many_active_files_are_polled_together(tmp_path: Path) -> None:
    for number in range(MAX_ACTIVE_FILES):
        (tmp_path / f"{number}.log").write_text(f"file {number}\n")
    run = Polls(tmp_path)
    run.pass_time(2.0)
    assert not run.notifier.watched
    run.pass_time(60)
    run.scan()
    run.write(is_reported=False)
    run.scan()
    run.pass_time(2.0)
    assert len(run.notifier.watched) == 1
    run.tracker.close()
    assert not run.notifier.watched
