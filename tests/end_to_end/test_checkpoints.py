"""`sidecar checkpoints`, and ends at awkward moments, as a user meets them."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import ENVIRON, ended, eventually, running, sidecar

LINES = 50


@pytest.fixture
def arguments(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "app.log").write_text("".join(f"line {n}\n" for n in range(LINES)))
    return f"{tmp_path}/app.log", "--to", f"sqlite:///{tmp_path}/logs.db", "--state-dir", f"{tmp_path}/state"


def stored(folder: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{folder}/logs.db?mode=ro", uri=True)) as db:
            return [name for (name,) in db.execute("SELECT id FROM logs ORDER BY id")]
    except sqlite3.Error:
        return []


def test_what_was_shipped_can_be_shipped_again_under_the_same_ids(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    sidecar("run", *arguments, "--once")
    before = stored(tmp_path)
    listed = sidecar("checkpoints", "list", "--json", "--state-dir", f"{tmp_path}/state")
    (place,) = [json.loads(line) for line in listed.stdout.splitlines()]
    size = (tmp_path / "app.log").stat().st_size
    assert (place["path"], place["offset"], place["seen"]) == (f"{tmp_path}/app.log", size, size)
    with closing(sqlite3.connect(tmp_path / "logs.db")) as db, db:
        db.execute("DELETE FROM logs WHERE id IN (SELECT id FROM logs LIMIT 20)")
    rewound = sidecar("checkpoints", "rewind", "--path", f"{tmp_path}/app.log", "--state-dir", f"{tmp_path}/state")
    assert rewound.stdout == "1 file, 1 checkpoint: will be shipped again with the same ids\n"
    done = sidecar("run", *arguments, "--once")
    assert stored(tmp_path) == before
    balance = json.loads(done.stderr.splitlines()[-1])
    assert balance["seen"] == balance["stored"] == size


def test_with_new_ids_everything_is_shipped_as_new_documents(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    sidecar("run", *arguments, "--once")
    sidecar("checkpoints", "rewind", "--all", "--new-ids", "--state-dir", f"{tmp_path}/state")
    sidecar("run", *arguments, "--once")
    assert len(stored(tmp_path)) == 2 * LINES


def test_checkpoints_are_changed_only_with_a_filter_and_while_no_sidecar_runs(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    state = ("--state-dir", f"{tmp_path}/state")
    nowhere = sidecar("checkpoints", "rewind", "--all", *state)
    assert (nowhere.returncode, "no state database found" in nowhere.stderr) == (2, True)
    with running(tmp_path / "own.log", *arguments):
        eventually(lambda: len(stored(tmp_path)) == LINES, "all is stored")
        assert sidecar("checkpoints", "list", *state).returncode == 0
        busy = sidecar("checkpoints", "forget", "--all", *state)
    assert (busy.returncode, "another sidecar is using this state directory" in busy.stderr) == (2, True)
    assert sidecar("checkpoints", "forget", *state).returncode == 2
    assert sidecar("checkpoints", "rewind", "--new-ids", "--sink", "x", *state).returncode == 2


def test_a_signal_that_comes_while_it_still_starts_makes_it_deliver_and_end(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "sidecar", "run", *arguments]
    with subprocess.Popen(command, env=ENVIRON, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.rstrip().endswith("sidecar.model.lines"):
                process.send_signal(signal.SIGTERM)
                break
        process.stderr.read()
    assert process.returncode == 0
    assert len(stored(tmp_path)) == LINES


def test_a_full_disk_under_the_state_makes_it_wait_and_lose_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "app.log").write_text("line 1\nline 2\n")
    with running(tmp_path / "own.log", arguments[0], "--to", "stdout:", *arguments[3:]) as process:
        own_log = tmp_path / "own.log"
        eventually(lambda: "line 2" in own_log.read_text(), "all is shipped")
        size = (tmp_path / "state" / "state.db-wal").stat().st_size
        assert own_log.stat().st_size < size / 2, "the limit is meant for the state alone"
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        with (tmp_path / "app.log").open("a") as log:
            log.write("x" * 30 + "\n")
        eventually(lambda: "shipping pauses" in own_log.read_text(), "it says that the state cannot be written")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        with (tmp_path / "app.log").open("a") as log:
            log.write("the last\n")
        eventually(lambda: "the last" in own_log.read_text(), "it goes on")
        assert ended(process) == 0
