"""Runs the demonstration: an application rotates its log, the sidecar is killed and restarted, lines are counted.

It uses real processes, real log files in a separate folder, `kill -9`, and SQLite as the sink.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sidecar.lib.clock import iso

LINES = 12_000
_LINES_PER_SECOND = 1_200
_LINES_PER_FILE = 2_500
_KILL_AT_SHARE, _DOWN_FOR_S = 0.35, 1.5
_GIVE_UP_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class DemoStatus:
    """The state of the demonstration at one moment."""

    written: int
    stored: int
    files: int
    activity: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The balance of the demonstration."""

    written: int
    """Lines that the application wrote."""

    stored: int
    """Documents in the database."""

    lost: int
    """Lines without a document."""

    twice: int
    """Documents whose line was stored already."""

    @property
    def is_good(self) -> bool:
        """Whether every line is stored exactly once."""
        return self.written == self.stored and not self.lost and not self.twice


Show = Callable[[DemoStatus], None]


def demo_application(folder: Path, lines: int = LINES, per_second: int = _LINES_PER_SECOND) -> None:
    """Write numbered JSON lines into `folder/app.log`, and rotate it by rename as logrotate does."""
    path = folder / "app.log"
    log = path.open("a", encoding="utf-8")
    started_at = time.monotonic()
    for number in range(lines):
        record = {"time": iso(time.time()), "level": "info", "message": f"order {number} accepted", "number": number}
        log.write(json.dumps(record) + "\n")
        if number % 50 == 49:
            log.flush()
            time.sleep(max(0.0, started_at + number / per_second - time.monotonic()))
        if number % _LINES_PER_FILE == _LINES_PER_FILE - 1:
            log.close()
            path.rename(folder / f"app.log.{number // _LINES_PER_FILE + 1}")
            log = path.open("a", encoding="utf-8")
    log.close()


def run_demo(folder: Path, show: Show, lines: int = LINES) -> DemoResult:
    """Run the demonstration in `folder`, which takes about fifteen seconds."""
    logs = folder / "log"
    logs.mkdir(parents=True)
    with _start_sidecar(folder, "sidecar") as first, _start_sidecar(folder, "application", str(lines)) as app:
        stage = _DemoRun(folder, logs, show)
        stage.wait(
            lambda: stage.written >= lines * _KILL_AT_SHARE and stored(folder) > 0,
            "the sidecar ships while the application writes",
        )
        first.send_signal(signal.SIGKILL)
        first.wait()
        resume_at = time.monotonic() + _DOWN_FOR_S
        stage.wait(lambda: time.monotonic() >= resume_at, "kill -9: nothing is shipped, the application continues")
        before = stored(folder)
        with _start_sidecar(folder, "sidecar") as second:
            stage.wait(
                lambda: app.poll() is not None and stored(folder) >= min(before + 1, lines),
                "a new sidecar continues from the last checkpoint of the killed one",
            )
            second.send_signal(signal.SIGTERM)
            stage.wait(
                lambda: second.poll() is not None, "SIGTERM: the sidecar reads the files to their end and delivers"
            )
        stage.wait(lambda: True, "done")
    return _count_result(folder, logs)


class _DemoRun:
    """Shows the counts of the files and of the database until the next step can begin."""

    def __init__(self, folder: Path, logs: Path, show: Show) -> None:
        self.written = 0
        self._folder, self._logs, self._show = folder, logs, show

    def wait(self, is_done: Callable[[], bool], activity: str) -> None:
        give_up_at = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            files = list(self._logs.iterdir())
            self.written = sum(_count(path) for path in files)
            self._show(DemoStatus(self.written, stored(self._folder), len(files), activity))
            if is_done() or time.monotonic() > give_up_at:
                return
            time.sleep(0.2)


@contextmanager
def _start_sidecar(folder: Path, what: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process of the demonstration, and kill it when the block ends."""
    commands = {
        "application": [sys.executable, "-m", "sidecar.tools.demo", str(folder / "log"), *arguments],
        "sidecar": [
            sys.executable, "-m", "sidecar", "run", str(folder / "log" / "*.log*"), "--parser", "json",
            "--to", f"sqlite:///{folder}/logs.db", "--state-dir", str(folder / "state"),
        ],
    }  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    with (folder / f"{what}.log").open("ab") as output:
        process = subprocess.Popen(commands[what], stdout=output, stderr=output, env=environ)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _count(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def stored(folder: Path) -> int:
    """Return the number of documents in the database; 0 while there is no database."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/logs.db?mode=ro", uri=True)) as db:
            (number,) = db.execute("SELECT count(*) FROM logs").fetchone()
            return int(number)
    except sqlite3.Error:
        return 0


def _count_result(folder: Path, logs: Path) -> DemoResult:
    written = [json.loads(line)["number"] for path in logs.iterdir() for line in path.read_bytes().splitlines()]
    with closing(sqlite3.connect(f"file:{folder}/logs.db?mode=ro", uri=True)) as db:
        numbers = [row[0] for row in db.execute("SELECT json_extract(document, '$.number') FROM logs")]
    stored_once = set(numbers)
    return DemoResult(len(written), len(numbers), len(set(written) - stored_once), len(numbers) - len(stored_once))


if __name__ == "__main__":
    demo_application(Path(sys.argv[1]), int(sys.argv[2]))
