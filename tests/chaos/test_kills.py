"""Killed again and again while the application writes and rotates: every line once, and a balance that adds up."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import eventually, running, sidecar

LINES = 20_000
KILLS = 5


def write_some(folder: Path, number: int, chance: random.Random) -> int:
    """A burst in two pieces that are cut in the middle of a line, and a rotation now and then."""
    count = chance.randrange(1, 400)
    burst = "".join(
        json.dumps({"number": n, "text": "x" * chance.randrange(120)}) + "\n" for n in range(number, number + count)
    ).encode()
    middle = chance.randrange(len(burst))
    with (folder / "app.log").open("ab", buffering=0) as log:
        log.write(burst[:middle])
        time.sleep(0.002)
        log.write(burst[middle:])
    if chance.random() < 0.06:
        (folder / "app.log").rename(folder / f"app.log.{number}")
    return number + count


@pytest.mark.slow
def test_no_line_is_lost_and_none_is_stored_twice(tmp_path: Path) -> None:
    logs, out, chance = tmp_path / "log", tmp_path / "out.db", random.Random(7)
    logs.mkdir()
    arguments = (
        f"{logs}/app.log*",
        "--parser",
        "json",
        "--to",
        f"sqlite:///{out}",
        "--state-dir",
        f"{tmp_path}/state",
    )
    written, before = 0, 0
    for kill in range(KILLS):
        with running(tmp_path / "sidecar.log", *arguments):
            while written < LINES * (kill + 1) / KILLS:
                written = write_some(logs, written, chance)
            eventually(lambda: stored(out) > before, "something more is stored before the kill")  # noqa: B023 - at once
        before = stored(out)
    done = sidecar("run", *arguments, "--once")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(out)) as db:
        found = sorted(n for (n,) in db.execute("SELECT json_extract(document, '$.number') FROM logs"))
    assert found == list(range(written))
    balance = json.loads(done.stderr.splitlines()[-1])
    assert balance["seen"] == balance["stored"] == sum(path.stat().st_size for path in logs.iterdir())
    assert balance["lines_stored"] == written


def stored(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            (number,) = db.execute("SELECT count(*) FROM logs").fetchone()
            return int(number)
    except sqlite3.Error:
        return 0
