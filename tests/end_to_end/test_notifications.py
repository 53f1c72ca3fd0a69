"""Notifications are a hint: without them the scan finds everything a little later."""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

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
