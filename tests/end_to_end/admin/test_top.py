"""`sidecar top` on a terminal, with its keys, and without one."""

from __future__ import annotations

import os
import pty
import re
import selectors
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.processes import ENVIRON, eventually, running, sidecar


def follow(folder: Path) -> tuple[str, ...]:
    (folder / "app.log").write_text("one\n" * 50)
    return f"{folder}/app.log", "--to", f"sqlite:///{folder}/logs.db", "--state-dir", f"{folder}/state"


class Terminal:
    """A terminal with `sidecar top` in it, and everything that was shown on it."""

    def __init__(self, state: Path, columns: int = 120, lines: int = 40) -> None:
        ours, theirs = pty.openpty()
        environ = {**ENVIRON, "TERM": "xterm", "COLUMNS": str(columns), "LINES": str(lines)}
        command = [sys.executable, "-m", "sidecar", "top", "--every", "200ms", "--state-dir", str(state)]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
        os.close(theirs)
        self._ours, self.shown = ours, ""

    def _is_readable(self, within: float) -> bool:
        """Not by select(2), which cannot do with the high descriptors of a process that runs many tests."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ours, selectors.EVENT_READ)
            return bool(selector.select(within))

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def shows(self, text: str, timeout: float = 20) -> None:
        """Wait until this is shown, from now on."""
        self.shown, give_up_at = "", time.monotonic() + timeout
        while text not in self.shown:
            assert time.monotonic() < give_up_at, f"{text!r} is not in {self.shown[-2000:]!r}"
            if self._is_readable(0.2):
                self.shown += os.read(self._ours, 65536).decode(errors="replace")

    def ended(self) -> int:
        with suppress(OSError):  # EIO, once nobody has the other side any more
            while self._is_readable(20):
                os.read(self._ours, 65536)
        self.process.wait(20)
        os.close(self._ours)
        return self.process.returncode


def test_it_shows_files_and_takes_keys(tmp_path: Path) -> None:
    with running(tmp_path / "own.log", *follow(tmp_path)):
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        terminal = Terminal(tmp_path / "state")
        try:
            terminal.shows("app.log")
            terminal.shows("sorts files by size")
            terminal.press("s")
            terminal.shows("sorts files by name")
            terminal.press("p")
            terminal.shows("paused")
            terminal.press("q")
            assert terminal.ended() == 0
        finally:
            terminal.process.kill()


def test_the_longest_error_leaves_room_for_the_rest_on_a_small_terminal(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one\n" * 50)
    host = f"search.{'a-very-long-name-of-a-namespace.' * 6}invalid"
    sinks = [f"elasticsearch://{host}:9200/logs-{number}-{'x' * 100}" for number in range(3)]
    to = [word for url in (*sinks, f"sqlite:///{tmp_path}/logs.db") for word in ("--to", url)]
    with running(tmp_path / "own.log", f"{tmp_path}/app.log", *to, "--state-dir", f"{tmp_path}/state"):
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        terminal = Terminal(tmp_path / "state", 80, 24)
        try:
            terminal.shows("3 of 4 sinks down")
            terminal.shows("q quits")
            terminal.shows("q quits")
            frame = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown.rpartition("\x1b[H")[2]).splitlines()
            terminal.press("q")
            assert terminal.ended() == 0
        finally:
            terminal.process.kill()
    assert len(frame) <= 24
    assert all(len(line) <= 80 for line in frame), frame
    text = "\n".join(frame)
    for expected in ("3 of 4 sinks down", "default to elasticsearch", "retrying", "stored", "app.log", "q quits"):
        assert expected in text, text


@pytest.mark.parametrize("command", ["top", "status"])
def test_without_a_sidecar_it_says_so(tmp_path: Path, command: str) -> None:
    done = sidecar(command, "--state-dir", str(tmp_path))
    assert (done.returncode, "no sidecar runs with this state directory" in done.stderr) == (1, True)


def test_without_a_terminal_one_screen_follows_the_other_until_the_sidecar_ends(tmp_path: Path) -> None:
    with running(tmp_path / "own.log", *follow(tmp_path)) as process:
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        command = [sys.executable, "-m", "sidecar", "top", "--every", "100ms", "--state-dir", f"{tmp_path}/state"]
        with (tmp_path / "top.txt").open("wb") as out, subprocess.Popen(command, stdout=out, env=ENVIRON) as top:
            eventually(lambda: (tmp_path / "top.txt").read_text().count("up for") >= 6, "several screens")
            process.terminate()
            assert top.wait(20) == 0
