"""Notifications are a hint: without them everything is found a little later."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from sidecar.watch.notifier import Notifier
from sidecar.watch.scanner import FileScanner


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
def test_a_replaced_directory_is_watched_after_the_next_scan(
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


def test_one_application_cannot_use_up_all_watches_or_memory(tmp_path: Path) -> None:
    for number in range(2_100):
        (tmp_path / str(number)).mkdir()
    (tmp_path / ("n" * 200) / ("n" * 200) / ("n" * 200)).mkdir(parents=True)
    (tmp_path / "1" / "a.log").touch()
    scanner = FileScanner([f"{tmp_path}/**/*.log"])
    assert len(scanner.scan()) == 1
    assert len(scanner.directories) == 2_000
    assert max(map(len, scanner.directories)) <= 500


def test_the_first_line_of_an_empty_file_is_hinted_and_no_later_one(
    tmp_path: Path, hinted: tuple[Notifier, _Hints]
) -> None:
    notifier, hints = hinted
    log = tmp_path / "app.log"
    log.touch()
    scanner = FileScanner([f"{tmp_path}/*.log"])
    scanner.scan()
    notifier.watch(hints, scanner.directories | scanner.empty_files)
    assert _is_hinted(hints, lambda: log.write_text("first\n"))
    scanner.scan()
    assert not scanner.empty_files
    notifier.watch(hints, scanner.directories | scanner.empty_files)
    while hints.wait(0.1):
        hints.clear()
    with log.open("a") as file:
        file.write("second\n")
    assert not hints.wait(0.3)


def test_a_line_that_is_written_between_the_scan_and_the_watch_is_hinted(
    tmp_path: Path, hinted: tuple[Notifier, _Hints]
) -> None:
    notifier, hints = hinted
    log = tmp_path / "app.log"
    log.touch()
    scanner = FileScanner([f"{tmp_path}/*.log"])
    scanner.scan()
    log.write_text("first\n")
    notifier.watch(hints, scanner.directories | scanner.empty_files)
    assert hints.wait(5)


def test_the_next_write_into_an_open_file_is_reported_whatever_its_name(
    tmp_path: Path, hinted: tuple[Notifier, _Hints]
) -> None:
    (notifier, hints), log = hinted, tmp_path / "app.log"
    log.write_text("first\n")
    with log.open("a") as writer, log.open("rb") as reader:
        log.rename(tmp_path / "app.log.1")
        notifier.watch_write(reader.fileno(), hints.set)
        assert _is_hinted(hints, lambda: print("second", file=writer, flush=True))
        assert not _is_hinted_soon(hints, lambda: print("third", file=writer, flush=True))
        end = notifier.watch_write(reader.fileno(), hints.set)
        end()
        assert not _is_hinted_soon(hints, lambda: print("fourth", file=writer, flush=True))
        end()
        notifier.watch_write(reader.fileno(), hints.set)
        assert _is_hinted(hints, lambda: writer.truncate(3))


def test_without_notifications_no_write_is_awaited(tmp_path: Path) -> None:
    with (tmp_path / "app.log").open("w") as log, pytest.raises(OSError, match="no notifications"):
        Notifier().watch_write(log.fileno(), lambda: None)


def _is_hinted_soon(hints: _Hints, change: Callable[[], object]) -> bool:
    while hints.wait(0.1):
        hints.clear()
    change()
    return hints.wait(0.2)
