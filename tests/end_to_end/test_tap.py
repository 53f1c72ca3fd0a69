"""`sidecar tap` on a running sidecar and on a file, as a user calls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ENVIRON, eventually, running, sidecar

SECRET = "s3cret-of-the-test"
LINE = json.dumps({"level": "error", "message": f"pin={SECRET} \x1b[31m \u202e", "user": "joe"}) + "\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "app.log").write_text("")
    (tmp_path / "sidecar.json").write_text(json.dumps({
        "state_dir": f"{tmp_path}/state", "sinks": {"db": f"sqlite:///{tmp_path}/logs.db"},
        "pipelines": {"app": {
            "paths": [f"{tmp_path}/app.log"], "parser": "json", "transforms": [{"redact": [{"pattern": SECRET}]}],
        }},
    }))  # fmt: skip
    return tmp_path / "sidecar.json"


class RunningTap:
    """`sidecar tap` with its output in files."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out, self._errors = folder / "tap.out", folder / "tap.err"
        command = [sys.executable, "-m", "sidecar", "tap", "--state-dir", f"{folder}/state", *arguments]
        with self.out.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, env=ENVIRON, stdout=out, stderr=errors,
                # a test run in the background has inherited that SIGINT is ignored
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )  # fmt: skip

    def shown(self) -> list[Any]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def ended(self) -> tuple[int, str]:
        return self.process.wait(30), self._errors.read_text()


@contextmanager
def tapped(folder: Path, *arguments: str) -> Iterator[RunningTap]:
    """Start a tap, and write lines until it shows some."""
    tap = RunningTap(folder, *arguments)

    def shows_something() -> bool:
        with (folder / "app.log").open("a") as file:
            file.write(LINE)
        return bool(tap.shown())

    try:
        eventually(shows_something, "the tap shows a line")
        yield tap
    finally:
        tap.process.kill()
        tap.process.wait()


def test_lines_are_shown_as_they_are_stored_until_somebody_ends_it(config: Path) -> None:
    folder = config.parent
    with running(folder / "own.log", "--config", str(config)) as process:
        assert sidecar("wait-ready", "--state-dir", f"{folder}/state").returncode == 0
        with tapped(folder, "app", "--stage", "parsed", "--filter", 'level == "error"') as tap:
            tap.process.send_signal(signal.SIGINT)
            code, errors = tap.ended()
            assert (code, "Traceback" in errors) == (0, False), errors
            assert "shown; 0 did not match; none were left out" in errors
            first = tap.shown()[0]
        assert SECRET not in tap.out.read_text()
        assert tap.out.read_text().replace("\n", "").isprintable()
        assert (first["pipeline"], first["path"], first["stage"]) == ("app", f"{folder}/app.log", "parsed")
        assert first["document"]["user"] == "joe"
        with tapped(folder) as tap:
            process.terminate()
            code, errors = tap.ended()
            assert (code, "the sidecar has ended" in errors) == (0, True), errors
            assert SECRET not in tap.out.read_text()


def test_a_limit_ends_it_and_so_does_a_reader_that_goes(config: Path) -> None:
    folder = config.parent
    (folder / "app.log").write_text(LINE)
    with running(folder / "own.log", "--config", str(config)):
        assert sidecar("wait-ready", "--state-dir", f"{folder}/state").returncode == 0
        with tapped(folder, "--limit", "1") as tap:
            code, errors = tap.ended()
            assert (code, len(tap.shown())) == (0, 1), errors
        for arguments, status, text in (
            (("web",), 1, "there is no pipeline 'web'; use one of app"),
            (("--filter", "a = 1"), 2, "--filter: at character 3"),
            (("--limit", "0"), 2, "at least 1"),
        ):
            done = sidecar("tap", *arguments, "--state-dir", f"{folder}/state")
            assert (done.returncode, text in done.stderr) == (status, True), done.stderr


def test_without_a_sidecar_it_says_so_and_shows_a_file(config: Path) -> None:
    folder = config.parent
    done = sidecar("tap", "--state-dir", f"{folder}/state")
    assert (done.returncode, "no sidecar runs" in done.stderr) == (1, True)
    (folder / "other.log").write_text(LINE * 3 + '{"level":"info"}\n')
    arguments = ("--config", str(config), "--file", f"{folder}/other.log", "--filter", 'level == "error"')
    for stage in ("parsed", "transformed", "document"):
        done = sidecar("tap", *arguments, "--stage", stage, "--limit", "2")
        shown = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.returncode, len(shown), shown[0]["document"]["level"]) == (0, 2, "error"), done.stderr
        assert SECRET not in done.stdout
        assert done.stdout.replace("\n", "").isprintable()
    done = sidecar("tap", "--config", str(config), "--file", f"{folder}/missing.log")
    assert (done.returncode, "cannot be read" in done.stderr) == (2, True)
