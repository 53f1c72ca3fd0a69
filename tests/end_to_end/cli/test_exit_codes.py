"""How a run ends: with which code, and what it says about files that were not read."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.plugins import write_plugin
from tests.support.processes import ENVIRON, eventually, running


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def once(logs: Path, *paths: str, exclude: str = "", limit: int | None = None) -> tuple[int, str]:
    """Run the sidecar once into standard output. Return its exit code and what it said.

    `limit`: bytes that a file may have, so that the state cannot grow beyond them.
    """
    command = [sys.executable, "-m", "sidecar", "run", *paths, "--to", "stdout:", "--once", "--parser", "plain"]
    command += ["--state-dir", str(logs.parent / "state")]
    done = subprocess.run(
        command, env={**ENVIRON, "SIDECAR_EXCLUDE": exclude}, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=None if limit is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    return done.returncode, done.stderr


def test_everything_is_delivered(logs: Path) -> None:
    (logs / "a.log").write_text("one\n")
    assert once(logs, f"{logs}/*.log")[0] == 0


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        ("missing.log", 3, "no such file"),
        ("*.txt", 0, "no such file"),
        ("gone/*.log", 0, "does not exist"),
        ("", 3, "it is a directory; to read the files in it, write"),
        ("old.log.gz", 3, "is excluded by *.gz in `exclude`"),
        ("link.log", 3, "a symbolic link"),
    ],
)
def test_a_path_without_a_match_is_explained(logs: Path, path: str, code: int, reason: str) -> None:
    (logs / "old.log.gz").write_bytes(b"")
    (logs / "link.log").symlink_to("/etc/hostname")
    found, said = once(logs, str(logs / path))
    assert found == code
    assert said.count("no file matches") == 1
    assert reason in said
    assert "waits" not in said


def test_a_named_file_that_is_missing_beside_one_that_is_there(logs: Path) -> None:
    (logs / "a.log").write_text("one\n")
    code, said = once(logs, f"{logs}/a.log", f"{logs}/b.log")
    assert (code, said.count("no file matches")) == (3, 1)


def test_files_that_the_state_cannot_take(logs: Path) -> None:
    (logs / "first.log").write_text("one\n")
    assert once(logs, f"{logs}/*.log")[0] == 0
    for number in range(2000):
        (logs / f"{number}.log").write_text(f"{number}\n")
    code, said = once(logs, f"{logs}/*.log", limit=40 * 1024)
    assert code == 3
    assert "the state cannot be written" in said
    assert once(logs, f"{logs}/*.log")[0] == 0


def test_the_state_is_removed_while_the_sidecar_runs(logs: Path) -> None:
    own_log, state = logs.parent / "own.log", logs.parent / "state"
    (logs / "a.log").write_text("one\n")
    out = logs.parent / "out.ndjson"
    with running(own_log, f"{logs}/*.log", "--to", f"file://{out}", "--state-dir", str(state)) as process:
        eventually(lambda: out.exists() and "one" in out.read_text(), "the line is delivered")
        shutil.rmtree(state)
        assert process.wait(20) == 2
    said = own_log.read_text()
    assert said.count("the state was removed or replaced") == 1
    assert "Traceback" not in said


@contextmanager
def piped(*arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A sidecar that runs until the block ends, and the lines that it prints. They are in no file."""
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar", "run", *arguments], env={**ENVIRON, **environ}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join(10)


def test_a_reload_while_the_state_cannot_be_written_keeps_the_configuration(logs: Path) -> None:
    config = logs.parent / "sidecar.yaml"
    text = f"""
state_dir: {logs.parent}/state
sinks: {{out: "stdout:"}}
pipelines: {{app: {{paths: [{logs}/*.log]}}}}
"""
    config.write_text(text)
    with piped("--config", str(config)) as (process, lines):
        (logs / "a.log").write_text("one\n")
        eventually(lambda: any('"one"' in line for line in lines), "a line is delivered")
        before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        config.write_text(text.replace("paths:", "multiline: java, paths:"))
        eventually(lambda: any("cannot change" in line for line in lines), "the reload is refused")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        with (logs / "a.log").open("a") as file:
            file.write("two\n")
        eventually(lambda: any('"two"' in line for line in lines), "the next line is delivered")
        process.terminate()
        assert process.wait(30) == 0


def test_fewer_descriptors_than_open_files(logs: Path) -> None:
    for number in range(150):
        (logs / f"{number}.log").write_text(f"line {number}\n")
    command = [sys.executable, "-m", "sidecar", "run", f"{logs}/*.log", "--to", "stdout:"]
    command += ["--once", "--state-dir", str(logs.parent / "state")]
    done = subprocess.run(
        command, env=ENVIRON, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"line ') == 150
    assert done.stderr.count("log files open instead of") == 1
    assert "refused" not in done.stderr


BROKEN_SINK = """
from sidecar.sinks import SinkSettings

class Settings(SinkSettings):
    type: str = "broken"

class plugin:
    settings, concurrency = Settings, 1

    def __init__(self, settings):
        raise ZeroDivisionError
"""


def test_a_reload_to_a_sink_that_cannot_be_made_keeps_the_configuration(logs: Path) -> None:
    site = write_plugin(logs.parent / "site", "log_sidecar.sinks", "broken", BROKEN_SINK)
    config = logs.parent / "sidecar.yaml"
    text = f"""
state_dir: {logs.parent}/state
sinks: {{out: "stdout:"}}
pipelines: {{app: {{paths: [{logs}/*.log]}}}}
"""
    config.write_text(text)
    with piped("--config", str(config), PYTHONPATH=str(site)) as (process, lines):
        (logs / "a.log").write_text("one\n")
        eventually(lambda: any('"one"' in line for line in lines), "a line is delivered")
        config.write_text(text.replace('"stdout:"', '"stdout:", bad: {type: broken}'))
        eventually(lambda: any("raised ZeroDivisionError" in line for line in lines), "the reload is refused")
        with (logs / "a.log").open("a") as file:
            file.write("two\n")
        eventually(lambda: any('"two"' in line for line in lines), "the next line is delivered")
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("command", [["version"], ["schema"], ["plugins"], ["explain", "a.log"]])
def test_output_that_cannot_be_written_is_an_error_without_a_traceback(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("one\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sidecar", *command],
            cwd=tmp_path, env=ENVIRON, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    reason = "sidecar: cannot write to standard output (No space left on device)\n"
    assert (done.returncode, done.stderr[-len(reason) :]) == (2, reason)
    assert "Traceback" not in done.stderr
