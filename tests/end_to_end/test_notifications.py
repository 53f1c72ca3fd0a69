"""Notifications are a hint: without them the scan finds everything a little later."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.processes import eventually, running

_WITHOUT_INOTIFY = (
    "unshare", "--user", "--map-root-user",
    "sh", "-c", 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"', "sh",
)  # fmt: skip
"""The limit is that of a new user namespace, so other processes keep their notifications."""


def test_without_inotify_new_files_are_found_by_looking_and_it_says_so_once(tmp_path: Path) -> None:
    out, own_log = tmp_path / "logs.db", tmp_path / "own.log"
    arguments = (f"{tmp_path}/*.txt", "--to", f"sqlite:///{out}", "--state-dir", f"{tmp_path}/state")
    with running(own_log, *arguments, wrapper=_WITHOUT_INOTIFY):
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
