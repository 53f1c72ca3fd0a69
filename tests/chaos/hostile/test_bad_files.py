"""One bad file is one bad file: it is named, retried with a pause of its own, and costs the others nothing."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.tail.tracked_file import FileMoved
from sidecar.tail.unreadable_files import MAX_PAUSE_S, UnreadableFiles
from sidecar.testing import ManualClock
from tests.chaos.hostile.faults import Faults
from tests.support.processes import ended, eventually, running, sidecar

ERRORS = (errno.EIO, errno.ESTALE, errno.EACCES, errno.EINVAL, errno.ENODEV)
CALLS = ("open", "stat", "read")
ALL_BAD = [(call, f"bad-{call}-{number}.log", number) for call in CALLS for number in ERRORS]


class Pod:
    """A volume with good and bad files, and a sidecar beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.logs = folder, folder / "logs"
        self.logs.mkdir()
        self.faults = Faults(folder)
        self.own_log = folder / "own.log"
        self.arguments = (
            f"{self.logs}/*.log", "--to", f"sqlite:///{folder}/out.db", "--state-dir", f"{folder}/state",
        )  # fmt: skip

    def write(self, name: str, *lines: str) -> None:
        with (self.logs / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def stored(self) -> list[str]:
        if not (self.folder / "out.db").exists():
            return []
        with closing(sqlite3.connect(f"file:{self.folder}/out.db?mode=ro", uri=True)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'logs'").fetchone():
                return []
            return sorted(json.loads(text)["message"] for (text,) in db.execute("SELECT document FROM logs"))

    def refused(self) -> list[str]:
        """The names of the files that the own log names as refused, as often as it does."""
        events = map(json.loads, self.own_log.read_text().splitlines())
        return sorted(Path(event["path"]).name for event in events if event["event"] == "file_refused")

    def unreadable(self) -> list[str]:
        """The names of the files that `sidecar status` says are not read."""
        status = json.loads(sidecar("status", "--json", "--state-dir", f"{self.folder}/state").stdout)
        return sorted(Path(each["path"]).name for each in status["refused"])

    def run_once(self) -> int:
        """The exit code of a run that delivers what is there."""
        return sidecar("run", *self.arguments, "--once", timeout=60, **self.faults.environ).returncode


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_files_that_cannot_be_opened_or_read_from_the_start_hold_up_no_other_and_are_shipped_once_mended(
    pod: Pod,
) -> None:
    for _, name, _ in ALL_BAD:
        pod.write(name, f"of {name}")
    pod.write("good.log", "good")
    pod.faults.set(ALL_BAD)
    names = sorted(name for _, name, _ in ALL_BAD)
    with running(pod.own_log, *pod.arguments, **pod.faults.environ) as process:
        eventually(lambda: "good" in pod.stored(), "the good file is shipped")
        eventually(lambda: pod.unreadable() == names, "each bad file is named")
        assert pod.refused(), "the first ones are named in the log"
        pod.faults.set([])
        wanted = sorted(["good", *(f"of {name}" for name in names)])
        eventually(lambda: pod.stored() == wanted, "each mended file is shipped")
        eventually(lambda: pod.unreadable() == [], "none is named any more")
        assert len(pod.refused()) == len(set(pod.refused())), "no file is named twice"
        assert ended(process) == 0


def test_files_that_go_bad_while_it_runs_hold_up_neither_the_others_nor_the_end(pod: Pod) -> None:
    names = [name for _, name, _ in ALL_BAD]
    for name in (*names, "good.log"):
        pod.write(name, f"first of {name}")
    with running(pod.own_log, *pod.arguments, "--strict-exit", **pod.faults.environ) as process:
        eventually(lambda: len(pod.stored()) == len(names) + 1, "all files are followed")
        pod.faults.set(ALL_BAD)
        for round_ in range(20):
            for name in (*names, "good.log"):
                pod.write(name, f"{round_:02} of {name}")
        eventually(lambda: sum("of good.log" in line for line in pod.stored()) == 21, "the good file is shipped")
        eventually(lambda: len(pod.unreadable()) >= 2 * len(ERRORS), "bad files are named")
        # The end has 25 s, and does not use them for files that cannot be read.
        assert ended(process, timeout=15) == 3, "what could not be read is not delivered"
    assert len(pod.refused()) == len(set(pod.refused())), "no file is named twice"
    pod.faults.set([])
    assert pod.run_once() == 0
    assert pod.stored() == sorted(
        [f"first of {name}" for name in (*names, "good.log")]
        + [f"{round_:02} of {name}" for round_ in range(20) for name in (*names, "good.log")]
    )


def test_a_file_that_cannot_be_opened_at_a_restart_goes_on_where_it_was(pod: Pod) -> None:
    for call in CALLS:
        pod.write(f"{call}.log", f"first of {call}")
    assert pod.run_once() == 0
    pod.faults.set([(call, f"{call}.log", errno.EIO) for call in CALLS])
    with running(pod.own_log, *pod.arguments, **pod.faults.environ) as process:
        eventually(lambda: len(pod.refused()) == len(CALLS), "the files are named")
        pod.faults.set([])
        for call in CALLS:
            pod.write(f"{call}.log", f"second of {call}")
        wanted = sorted(f"{which} of {call}" for which in ("first", "second") for call in CALLS)
        eventually(lambda: pod.stored() == wanted, "each line is stored once")
        assert ended(process) == 0


def test_once_says_that_an_unreadable_file_is_not_delivered(pod: Pod) -> None:
    pod.write("bad.log", "bad")
    pod.write("good.log", "good")
    pod.faults.set([("open", "bad.log", errno.EIO)])
    assert pod.run_once() == 3
    assert pod.stored() == ["good"]


def test_reads_that_return_less_than_was_asked_for_are_no_truncations(pod: Pod) -> None:
    lines = [f"line {number:05} {'x' * 60}" for number in range(20_000)]
    pod.write("app.log", *lines)
    pod.faults.set([("short", "app.log", 1)])
    with running(pod.own_log, *pod.arguments, **pod.faults.environ) as process:
        eventually(lambda: len(pod.stored()) > 1_000, "some lines are stored")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert pod.run_once() == 0
    assert pod.stored() == lines
    with closing(sqlite3.connect(pod.folder / "state" / "state.db")) as db:
        assert db.execute("SELECT count(*) FROM generations").fetchone() == (1,)


def test_the_pause_of_a_file_doubles_up_to_a_bound_and_starts_again_after_a_success(tmp_path: Path) -> None:
    clock = ManualClock(0.0)
    files = UnreadableFiles(clock)
    error = OSError(errno.EIO, os.strerror(errno.EIO))
    pauses = [files.record("a", error, "sink") - clock.monotonic() for _ in range(6)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, MAX_PAUSE_S, MAX_PAUSE_S]
    assert not files.may_try("a", "sink")
    assert files.may_try("a")
    files.clear("a", "sink")
    assert files.record("a", error, "sink") - clock.monotonic() == 1.0


def test_what_a_sink_met_is_forgotten_with_the_sink() -> None:
    files = UnreadableFiles(ManualClock(0.0))
    error = OSError(errno.EIO, os.strerror(errno.EIO))
    for reader in ("", "old", "kept"):
        files.record(reader, error, reader)
    files.keep_readers({"kept"})
    assert files.reasons().keys() == {"", "kept"}


def test_a_guard_ends_at_errors_of_its_file_and_at_no_others(tmp_path: Path) -> None:
    files = UnreadableFiles(ManualClock(0.0))
    with files.guard("a"):
        raise OSError(errno.ESTALE, "Stale file handle")
    with files.guard("b"):
        raise FileMoved("another file has its name")
    assert files.reasons() == {"a": "Stale file handle"}
    with pytest.raises(ValueError, match="not ours"), files.guard("c"):
        raise ValueError("not ours")
    with files.guard("a"):
        pass
    assert not files


def test_a_file_that_fails_after_it_was_opened_leaves_no_descriptor_open(pod: Pod) -> None:
    pod.write("bad.log", "bad")
    pod.faults.set([("stat", "bad.log", errno.ESTALE)])
    with running(pod.own_log, *pod.arguments, **pod.faults.environ) as process:
        eventually(lambda: pod.refused() == ["bad.log"], "it is named")
        held = [os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()]
        assert not [path for path in held if path.endswith("bad.log")]
        assert ended(process) == 0


def test_no_descriptor_left_ends_nothing_and_all_is_shipped_once_there_are_some(pod: Pod) -> None:
    for number in range(10):
        pod.write(f"{number}.log", f"first of {number}")
    with running(pod.own_log, *pod.arguments) as process:
        eventually(lambda: len(pod.stored()) == 10, "all files are followed")
        limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        for number in range(10, 20):
            pod.write(f"{number}.log", f"first of {number}")
        eventually(lambda: "Too many open files" in pod.own_log.read_text(), "it is said")
        assert process.poll() is None
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limits)
        eventually(lambda: len(pod.stored()) == 20, "the others are shipped")
        assert ended(process) == 0
