"""The demonstration: an application that rotates its log, a sidecar that is killed in the middle, and the balance.

Everything is real: two processes, files in a separate folder, `kill -9`, and SQLite as the destination.
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
_PER_SECOND = 1_200
_ROTATE_EVERY = 2_500
_KILL_AT, _DOWN_FOR_S = 0.35, 1.5
_GIVE_UP_AFTER_S = 60.0


@dataclass(frozen=True, slots=True)
class DemoStatus:
    """One moment of the demonstration, as the command shows it."""

    written: int
    stored: int
    files: int
    happening: str


@dataclass(frozen=True, slots=True)
class DemoResult:
    """How it ended: lines written, lines stored, lines missing, lines stored more than once."""

    written: int
    stored: int
    lost: int
    twice: int

    @property
    def is_good(self) -> bool:
        """Every line is stored, and stored once."""
        return self.written == self.stored and not self.lost and not self.twice


Show = Callable[[DemoStatus], None]


def demo_application(folder: Path, lines: int = LINES, per_second: int = _PER_SECOND) -> None:
    """Writes numbered JSON lines into `folder/app.log` and rotates it by rename, as logrotate does."""
    path = folder / "app.log"
    log = path.open("a", encoding="utf-8")
    began = time.monotonic()
    for number in range(lines):
        record = {"time": iso(time.time()), "level": "info", "message": f"order {number} accepted", "number": number}
        log.write(json.dumps(record) + "\n")
        if number % 50 == 49:
            log.flush()
            time.sleep(max(0.0, began + number / per_second - time.monotonic()))
        if number % _ROTATE_EVERY == _ROTATE_EVERY - 1:
            log.close()
            path.rename(folder / f"app.log.{number // _ROTATE_EVERY + 1}")
            log = path.open("a", encoding="utf-8")
    log.close()


def run_demo(folder: Path, show: Show, lines: int = LINES) -> DemoResult:
    """The whole demonstration in `folder`; takes some fifteen seconds."""
    logs = folder / "log"
    logs.mkdir(parents=True)
    with _start_sidecar(folder, "sidecar") as first, _start_sidecar(folder, "application", str(lines)) as app:
        stage = _DemoRun(folder, logs, show)
        stage.wait(
            lambda: stage.written >= lines * _KILL_AT and stored(folder) > 0,
            "the sidecar ships while the application writes",
        )
        first.send_signal(signal.SIGKILL)
        first.wait()
        resume_at = time.monotonic() + _DOWN_FOR_S
        stage.wait(lambda: time.monotonic() >= resume_at, "kill -9: nothing is shipped, the application continues")
        before = stored(folder)
        with _start_sidecar(folder, "sidecar") as second:
            stage.wait(
                lambda: app.poll() is not None and stored(folder) > before,
                "a new sidecar takes up where the killed one was settled",
            )
            second.send_signal(signal.SIGTERM)
            stage.wait(lambda: second.poll() is not None, "SIGTERM: it reads to the end and delivers")
        stage.wait(lambda: True, "done")
    return _ending(folder, logs)


class _DemoRun:
    """Looks at the files and the database while something is going on."""

    def __init__(self, folder: Path, logs: Path, show: Show) -> None:
        self.written = 0
        self._folder, self._logs, self._show = folder, logs, show

    def wait(self, is_over: Callable[[], bool], happening: str) -> None:
        give_up_at = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            files = list(self._logs.iterdir())
            self.written = sum(_count(path) for path in files)
            self._show(DemoStatus(self.written, stored(self._folder), len(files), happening))
            if is_over() or time.monotonic() > give_up_at:
                return
            time.sleep(0.2)


@contextmanager
def _start_sidecar(folder: Path, what: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the demonstration, ended with it."""
    commands = {
        "application": [sys.executable, "-m", "sidecar.tools.demo", str(folder / "log"), *arguments],
        "sidecar": [
            sys.executable, "-m", "sidecar", "run", str(folder / "log" / "*.log*"), "--parser", "json",
            "--to", f"sqlite:///{folder}/logs.db", "--state-dir", str(folder / "state"),
        ],
    }  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    with (folder / f"{what}.log").open("ab") as own_log:
        process = subprocess.Popen(commands[what], stdout=own_log, stderr=own_log, env=environ)
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
    """How many documents the database holds now."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/logs.db?mode=ro", uri=True)) as db:
            (number,) = db.execute("SELECT count(*) FROM logs").fetchone()
            return int(number)
    except sqlite3.Error:
        return 0


def _ending(folder: Path, logs: Path) -> DemoResult:
    written = [json.loads(line)["number"] for path in logs.iterdir() for line in path.read_bytes().splitlines()]
    with closing(sqlite3.connect(f"file:{folder}/logs.db?mode=ro", uri=True)) as db:
        found = [row[0] for row in db.execute("SELECT json_extract(document, '$.number') FROM logs")]
    return DemoResult(len(written), len(found), len(set(written) - set(found)), len(found) - len(set(found)))


if __name__ == "__main__":
    demo_application(Path(sys.argv[1]), int(sys.argv[2]))
