"""What the sidecar takes stays bounded: memory with a long backlog and a dead sink, descriptors with many files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import BASE_AND_BUDGET, descriptors, ended, eventually, memory, running

BACKLOG = 300 << 20


def stored(out: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{out}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM logs").fetchone()[0])
    except sqlite3.Error:
        return 0


@pytest.mark.slow
def test_a_long_backlog_and_dead_sinks_take_no_more_memory_than_the_budget(tmp_path: Path) -> None:
    block = b"".join(b"%015d a line of a hundred bytes %s\n" % (n, b"x" * 58) for n in range(10_000))
    with (tmp_path / "app.log").open("wb") as log:
        for _ in range(BACKLOG // len(block)):
            log.write(block)
    arguments = [f"{tmp_path}/app.log", "--state-dir", f"{tmp_path}/state", "--to", "file:///dev/null/x"]
    for url in ("elasticsearch://127.0.0.1:9/logs", "mongodb://127.0.0.1:9/logs?serverSelectionTimeoutMS=500"):
        arguments += ["--to", url]
    own_log = tmp_path / "own.log"
    with running(own_log, *arguments) as process:
        eventually(
            lambda: own_log.read_text().count("retries from its checkpoints") >= 2, "both are reported as down"
        )
        chances = iter(range(60))
        eventually(lambda: next(chances, None) is None, "they are tried again and again")
        assert memory(process.pid) < BASE_AND_BUDGET


@pytest.mark.slow
def test_ten_thousand_files_are_all_read_within_the_limit_of_descriptors(tmp_path: Path) -> None:
    for number in range(10_000):
        folder = tmp_path / "log" / f"{number % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.log").write_text(f"{number}\n")
    out = tmp_path / "logs.db"
    options = ("--parser", "plain", "--state-dir", f"{tmp_path}/state")
    arguments = (f"{tmp_path}/log/**/*.log", "--to", f"sqlite:///{out}", *options)
    with running(tmp_path / "own.log", *arguments) as process:
        most = 0

        def all_stored() -> bool:
            nonlocal most
            most = max(most, descriptors(process.pid))
            return stored(out) == 10_000

        eventually(all_stored, "every file is read", timeout=120)
        assert most < 512 + 64
        assert memory(process.pid) < BASE_AND_BUDGET
        assert ended(process) == 0
