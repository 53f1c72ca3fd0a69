"""Notifications are a hint: without them everything is found a little later."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event, Thread
from typing import cast

import pytest

from sidecar.app.watcher import WatchedPipeline
from sidecar.tail.tracker import FileTracker
from sidecar.watch.notifier import Notifier
from sidecar.watch.scanner import FileScanner
from tests.support.processes import eventually, running

MOST = 4096


@pytest.fixture
def no_inotify_left() -> Iterator[None]:
    """All inotify instances that this user may have are taken.

    So are those that become free meanwhile: the kernel gives back what a process had some time after its end.
    """
    libc = ctypes.CDLL(None)
    taken: list[int] = []

    def take() -> None:
        while len(taken) < MOST and (fd := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
            taken.append(fd)

    def go_on_taking() -> None:
        while not is_over.wait(0.005):
            take()

    take()
    assert len(taken) < MOST, "the limit of instances (fs.inotify.max_user_instances) was never reached"
    is_over = Event()
    taker = Thread(target=go_on_taking)
    taker.start()
    yield
    is_over.set()
    taker.join()
    for fd in taken:
        os.close(fd)


@pytest.mark.usefixtures("no_inotify_left")
def test_without_inotify_new_files_are_found_by_looking_and_it_says_so_once(tmp_path: Path) -> None:
    out, own_log = tmp_path / "logs.db", tmp_path / "own.log"
    arguments = (f"{tmp_path}/*.txt", "--to", f"sqlite:///{out}", "--state-dir", f"{tmp_path}/state")
    with running(own_log, *arguments):
        eventually(lambda: "notifications_unavailable" in own_log.read_text(), "it says so")
        for name in ("a.txt", "b.txt"):
            (tmp_path / name).write_text("line\n")
            eventually(lambda name=name: _paths(out) >= {f"{tmp_path}/{name}"}, "the file is found")  # type: ignore[misc]
    assert own_log.read_text().count("notifications_unavailable") == 1


def _paths(out: Path) -> set[str]:
    try:
        with closing(sqlite3.connect(f"file:{out}?mode=ro", uri=True)) as db:
            return {path for (path,) in db.execute("SELECT json_extract(document, '$.log.file.path') FROM logs")}
    except sqlite3.Error:
        return set()


class _Hints(Event):
    """Somebody who scans, and the event that hints to them set."""

    def hint(self) -> None:
        self.set()


@pytest.fixture
def hinted() -> Iterator[tuple[Notifier, _Hints]]:
    """A notifier, and who gets its hints."""
    notifier = Notifier()
    notifier.start()
    yield notifier, _Hints()
    notifier.stop()


def _is_hinted(hints: _Hints, change: Callable[[], object]) -> bool:
    """Return whether a change leads to a hint, after all hints of earlier changes."""
    while hints.wait(0.1):
        hints.clear()
    change()
    return hints.wait(5)


def test_a_tree_that_is_moved_about_does_not_end_the_notifications(
    tmp_path: Path, hinted: tuple[Notifier, _Hints]
) -> None:
    """The observers of watchdog 7.1 can end at that, and no file of any pipeline is announced from then on."""
    (notifier, hints), chance = hinted, random.Random(1)
    good, hostile = tmp_path / "good", tmp_path / "hostile"
    good.mkdir()
    hostile.mkdir()
    scanner = FileScanner([f"{good}/*.log", f"{hostile}/**/*.log"])
    for _ in range(300):
        name, other = (hostile / chance.choice("abc") for _ in range(2))
        with suppress(OSError):
            if name.exists() and chance.random() < 0.5:
                name.rename(other / "moved" if other.exists() else other)
            elif name.exists():
                shutil.rmtree(name)
            else:
                (name / "/".join("d" * chance.randrange(1, 40))).mkdir(parents=True)
        if chance.random() < 0.5:
            scanner.scan()
            notifier.watch(hints, scanner.directories)
    assert notifier.is_alive
    assert _is_hinted(hints, (good / "new.log").touch)
    scanner.scan()
    notifier.watch(hints, scanner.directories)
    (deepest,) = sorted(scanner.directories, key=len)[-1:]
    assert _is_hinted(hints, (Path(deepest) / "new.log").touch)


@pytest.mark.parametrize("part", ["web", "web/v1", "web/v1/logs"])
def test_a_directory_in_the_place_of_another_is_watched_after_the_next_scan(
    tmp_path: Path, hinted: tuple[Notifier, _Hints], part: str
) -> None:
    (notifier, hints), logs = hinted, tmp_path / "web" / "v1" / "logs"
    logs.mkdir(parents=True)
    scanner = FileScanner([f"{tmp_path}/**/*.log"])
    scanner.scan()
    notifier.watch(hints, scanner.directories)

    def replace() -> None:
        (tmp_path / part).rename(tmp_path / "web-before")
        logs.mkdir(parents=True)

    assert _is_hinted(hints, replace)
    scanner.scan()
    notifier.watch(hints, scanner.directories)
    assert _is_hinted(hints, (logs / "app.log").touch)


def test_no_application_has_all_watches_and_memory(tmp_path: Path) -> None:
    for number in range(2_100):
        (tmp_path / str(number)).mkdir()
    (tmp_path / ("n" * 200) / ("n" * 200) / ("n" * 200)).mkdir(parents=True)
    (tmp_path / "1" / "a.log").touch()
    scanner = FileScanner([f"{tmp_path}/**/*.log"])
    assert len(scanner.scan()) == 1
    assert len(scanner.directories) == 2_000
    assert max(map(len, scanner.directories)) <= 500


def test_a_scan_that_waits_for_the_interpreter_comes_again_soon() -> None:
    """While another pipeline is busy; on a slow disk it comes later, and later still if it costs much itself."""
    scanner = FileScanner([])
    tracker = cast(FileTracker, None)
    watched = WatchedPipeline(scanner, tracker, scanned_at=0.0, scan_s=0.1, scan_cpu_s=0.001)
    assert (watched.is_due(0.9), watched.is_due(1.0)) == (False, True)
    watched.scan_s = 0.5
    assert (watched.is_due(4.9), watched.is_due(5.0)) == (False, True)
    watched.scan_cpu_s = 0.05
    assert (watched.is_due(14.9), watched.is_due(15.0)) == (False, True)
