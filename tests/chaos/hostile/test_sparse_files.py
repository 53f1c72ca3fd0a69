"""Sparse files claim more bytes than there can be: the balance counts what was read, and its sums stop at 63 bits."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.model.checkpoint import ORIGIN, CheckpointUpdate, NewGeneration
from sidecar.model.counts import MAX_COUNT, ByteCounts
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.plain_file import MAX_COMPRESSION
from sidecar.tail.source import open_source
from tests.support.processes import ended, eventually, running, sidecar

GIANT = (1 << 63) - 1


@pytest.fixture
def volume() -> Iterator[Path]:
    """A directory on a file system in memory, as an `emptyDir` of the medium Memory: it takes sizes of 63 bits."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))  # a file system in memory
    yield folder
    shutil.rmtree(folder)


def test_two_files_of_63_bits_break_neither_the_state_nor_what_is_shown(tmp_path: Path, volume: Path) -> None:
    state = ("--state-dir", f"{tmp_path}/state")
    arguments = (f"{volume}/*.log", "--to", f"file://{tmp_path}/out", *state)
    own_log = tmp_path / "own.log"
    for attempt in ("first", "second"):
        with running(own_log, *arguments) as process:
            (volume / f"good-{attempt}.log").write_text(f"{attempt}\n")
            for number in range(2):
                giant = volume / f"{attempt}-{number}.log"
                giant.write_text("before the hole\n")
                os.truncate(giant, GIANT)
            eventually(lambda: (tmp_path / "out").exists(), "the sink is open")
            stored = (tmp_path / "out").read_text
            eventually(lambda: attempt in stored() and stored().count("before the hole") >= 2, "lines are stored")  # noqa: B023
            for number in range(2):
                (volume / f"{attempt}-{number}.log").unlink()
            eventually(lambda: sidecar("status", "--json", *state).returncode == 0, "status answers")
            assert ended(process) == 0
    (balance,) = [
        event for event in map(json.loads, own_log.read_text().splitlines()[-1:]) if event["event"] == "balance"
    ]
    assert balance["lost"] < 1 << 20, "an unread hole is nothing that was lost"
    assert sidecar("run", *arguments, "--once").returncode == 0


def test_a_hole_that_was_read_is_counted_up_to_63_bits(tmp_path: Path, volume: Path) -> None:
    for number in range(2):
        giant = volume / f"{number}.log"
        giant.write_text("before\n")
        os.truncate(giant, GIANT // 4 * 3)
        with giant.open("ab") as file:
            file.write(b"\nafter\n")
    arguments = (f"{volume}/*.log", "--to", f"file://{tmp_path}/out", "--state-dir", f"{tmp_path}/state", "--once")
    for _ in range(2):
        done = sidecar("run", *arguments)
        assert done.returncode == 0, done.stderr
    messages = [json.loads(line)["message"] for line in (tmp_path / "out").read_text().splitlines()]
    assert sorted(messages) == ["after", "after", "before", "before"]


def test_sums_of_the_balance_stop_at_63_bits_and_are_exact_before(tmp_path: Path) -> None:
    store = open_database(tmp_path / "state")
    ledger = Ledger(store)
    sizes = [MAX_COUNT // 3, MAX_COUNT // 3, 5]
    for number, size in enumerate(sizes, start=1):
        _settle(ledger, number, size)
    assert ledger.balance()["sink"].bytes_["stored"] == sum(sizes)
    for number in range(4, 8):
        _settle(ledger, number, MAX_COUNT)
        _settle(ledger, number, MAX_COUNT)
    assert ledger.balance()["sink"].bytes_["stored"] == MAX_COUNT
    for number in range(1, 8):
        ledger.mark_finished(number, at=0.0, is_present=False)
    ledger.forget("app", now=1e9)
    store.close()
    store = open_database(tmp_path / "state")
    assert Ledger(store).balance()["sink"].bytes_["stored"] == MAX_COUNT
    store.close()


def _settle(ledger: Ledger, number: int, size: int) -> None:
    amounts = ByteCounts()
    amounts.add("stored", size, 1)
    if number not in {known.generation.id for known in ledger.unfinished("app")}:
        generation = Generation(number, "app", f"/{number}", 0.0)
        ledger.add_generations([NewGeneration(generation, FileId(1, number, None), Fingerprint.from_head(b""))])
    ledger.commit("app", "sink", [CheckpointUpdate(number, ORIGIN, size, amounts)])


def test_the_real_size_leaves_out_an_implausible_hole_and_nothing_else(tmp_path: Path, volume: Path) -> None:
    path = volume / "app.log"
    path.write_bytes(b"x" * 4096)
    assert _real_size(path) == 4096
    _write_at(path, 1 << 20)
    assert _real_size(path) == (1 << 20) + 1, "space that an application reserves may be written soon"
    _write_at(path, 1 << 40)
    assert _real_size(path) <= 3 * MAX_COMPRESSION * 4096


def _write_at(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"x")


def _real_size(path: Path) -> int:
    source = open_source(str(path.parent), str(path))
    try:
        return source.status().real_size
    finally:
        source.close()
