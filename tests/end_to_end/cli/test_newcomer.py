"""The first hour of a user: an empty folder, `init`, `check`, `explain`, `tap`, `run --once`; and what goes wrong."""

from __future__ import annotations

import ctypes
import json
import os
import pty
import resource
import selectors
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from sidecar.cli import main
from tests.corpus.kinds import HERE, Kind
from tests.support.processes import ENVIRON, eventually, running, sidecar

KINDS = [
    "apache-access", "haproxy-http", "klog", "log4j2", "logback-json", "nginx-error", "node-pino", "postgresql",
    "python-logging", "syslog-5424",
]  # fmt: skip
PATIENCE_S = 30
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # prctl(2), capabilities(7)


@pytest.mark.parametrize("name", KINDS)
def test_from_an_empty_folder_to_documents(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.log").write_bytes(Kind(name).log)
    assert main(["init", "app.log", "--to", "sqlite:///logs.db"]) == 0
    assert main(["check", "--config", "sidecar.yaml", "--connect"]) == 0
    assert main(["explain", "app.log", "--config", "sidecar.yaml", "--json"]) == 0
    explained = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    documents = [event["document"] for event in explained if event["outcome"] == "document"]
    assert documents
    assert not [event["error"] for event in explained if event["error"]]
    assert main(["tap", "--file", "app.log", "--config", "sidecar.yaml", "--limit", "1"]) == 0
    done = sidecar("run", "--config", "sidecar.yaml", "--once", "--state-dir", f"{tmp_path}/state")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect("logs.db")) as database:
        ((count,),) = database.execute("SELECT count(*) FROM logs")
    assert count == len(documents)
    assert set(map(type, yaml.safe_load(Path("sidecar.yaml").read_text())["pipelines"]["app"])) == {str}


def test_all_kinds_of_this_journey_are_in_the_corpus() -> None:
    assert all((HERE / name / "input.log").is_file() for name in KINDS)
    assert len(KINDS) == 10


@contextmanager
def on_a_terminal(folder: Path, *arguments: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Yield a terminal, and `sidecar init` that runs on it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sidecar", "init", *arguments], cwd=folder, env=ENVIRON, stdin=theirs, stdout=theirs,
        stderr=theirs, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            yield ours, process
        finally:
            process.kill()
            os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """Return what the terminal shows, up to this text."""
    shown, give_up_at = "", time.monotonic() + PATIENCE_S
    with selectors.DefaultSelector() as selector:
        selector.register(terminal, selectors.EVENT_READ)
        while text not in shown:
            assert time.monotonic() < give_up_at, shown
            if selector.select(1):
                shown += os.read(terminal, 65536).decode()
    return shown


def test_a_terminal_is_asked_until_each_answer_is_valid(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"time":"2026-11-28T10:00:00Z","level":"info"}\n')
    with on_a_terminal(tmp_path) as (terminal, process):
        read_until(terminal, "Which log file")
        os.write(terminal, b"ap.log\n")
        assert "no such file; name a file with lines" in read_until(terminal, "Which log file")
        os.write(terminal, b"app.log\n")
        assert "app.log: json" in read_until(terminal, "Where to ship")
        os.write(terminal, b"nats://h\n")
        assert 'no sink has URLs that begin with "nats:"' in read_until(terminal, "Where to ship")
        os.write(terminal, b"sqlite:////no/such/dir/logs.db\n")
        read_until(terminal, "write it to the file nevertheless? [y/N]")
        os.write(terminal, b"\n")
        read_until(terminal, "Where to ship")
        os.write(terminal, b"sqlite:///logs.db\n")
        assert "accepts documents" in read_until(terminal, "sidecar run --config sidecar.yaml")
        assert process.wait(PATIENCE_S) == 0
    assert sidecar("check", "--config", str(tmp_path / "sidecar.yaml")).returncode == 0


def test_the_manifest_is_made_from_a_sample_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"time":"2026-11-28T10:00:00Z","level":"info"}\n')
    with on_a_terminal(tmp_path, "--kubernetes", "--to", "stdout:") as (terminal, process):
        read_until(terminal, "in its container")
        os.write(terminal, b"app.log\n")
        assert "app.log is not an absolute path; with --kubernetes" in read_until(terminal, "in its container")
        os.write(terminal, b"/var/log/app/*.log\n")
        read_until(terminal, "Which file on this machine")
        os.write(terminal, b"no.log\n")
        assert "no.log: cannot be read (No such file or directory)" in read_until(
            terminal, "Which file on this machine"
        )
        os.write(terminal, b"app.log\n")
        assert "app.log: json" in read_until(terminal, "kubectl apply -f kubernetes.yaml")
        assert process.wait(PATIENCE_S) == 0
    config_map = next(yaml.safe_load_all((tmp_path / "kubernetes.yaml").read_text()))
    assert yaml.safe_load(config_map["data"]["sidecar.yaml"])["pipelines"]["app"]["parser"] == "json"


def interrupted(process: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C until the process ends: Python misses one that arrives directly before it begins to read."""
    for _ in range(PATIENCE_S):
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(1)
    raise AssertionError("it does not end")


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as (terminal, process):
        read_until(terminal, "Which log file")
        assert interrupted(process) == 130
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_the_input_leaves_nothing(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as (terminal, process):
        read_until(terminal, "Which log file")
        os.write(terminal, b"\x04")
        assert "the input ended before all questions were answered" in read_until(terminal, "nothing was written")
        assert process.wait(PATIENCE_S) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("a line\n")
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", "init", "app.log", "--to", "stdout:"], cwd=tmp_path, env=ENVIRON,
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256)),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, "sidecar: sidecar.yaml: cannot be written (File too large); name another file with --output FILE\n",
    )  # fmt: skip
    assert [entry.name for entry in tmp_path.iterdir()] == ["app.log"]


def without_privileges() -> None:
    """Let the modes of files count for root as well."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def small_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def complaint_in(line: str) -> str:
    """Return the text of a warning or error; "" for any other line."""
    if not line.startswith("{"):
        return "" if line.startswith("usage:") else line
    event = json.loads(line)
    return str(event["message"]) if event["level"] in ("warning", "error") else ""


class Newcomer(NamedTuple):
    """A user with one folder, who reads what the sidecar answers."""

    folder: Path

    def answer(self, code: int, *arguments: str, preexec: Callable[[], None] | None = None, **environ: str) -> str:
        """Run a command that ends with this code. Return its only complaint."""
        done = subprocess.run(
            [sys.executable, "-m", "sidecar", *arguments], cwd=self.folder, env={**ENVIRON, **environ},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, preexec_fn=preexec,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        complaints = [text for line in done.stderr.splitlines() if (text := complaint_in(line))]
        assert len(complaints) == 1, complaints
        assert "Traceback" not in done.stderr
        return complaints[0]

    def once(self, code: int, *arguments: str, **more: Any) -> str:
        """Ship what is there, and end."""
        return self.answer(code, "run", *arguments, "--once", **more)


def test_everything_goes_wrong_once_and_each_time_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    user, out, state = Newcomer(tmp_path), ["--to", "sqlite:///logs.db", "--state-dir", "state"], f"{tmp_path}/state"
    (tmp_path / "app.log").write_text("".join(f'{{"n":{n}}}\n' for n in range(100)))

    assert 'unknown command "chek"; did you mean "check"?' in user.answer(2, "chek")
    assert 'unknown option --onse; did you mean "--once"?' in user.answer(2, "run", "app.log", *out, "--onse")
    wrong_scheme = user.once(2, "app.log", "--to", "http://localhost:9200/logs")
    assert wrong_scheme == 'sidecar: --to: no sink has URLs that begin with "http:"; did you mean "elasticsearch"?'
    wrong = 'sinks: {out: "sqlite:///logs.db"}\npipelines: {app: {path: [app.log]}}\n'
    (tmp_path / "sidecar.yaml").write_text(wrong)
    assert user.answer(2, "check", "--config", "sidecar.yaml", "--set", "pipelines.app.paths=app.log") == (
        'sidecar: sidecar.yaml:2: pipelines.app.path is not a setting; did you mean "paths"?'
    )
    assert "no file matches 'ap.log': no such file" in user.once(3, "ap.log", *out)

    (tmp_path / "app.log").chmod(0)
    unreadable = user.once(3, "app.log", *out, preexec=without_privileges)
    assert "app.log' (Permission denied); change its mode or owner; other files are not affected" in unreadable
    (tmp_path / "app.log").chmod(0o644)
    (tmp_path / "locked").mkdir(mode=0o500)
    assert user.once(2, "app.log", *out[:2], "--state-dir", "locked/state", preexec=without_privileges) == (
        "sidecar: locked/state: cannot use the state directory (Permission denied);"
        " make it writable for this user, or choose another one with --state-dir"
    )
    assert user.once(2, "app.log", *out[:2], "--state-dir", "full", preexec=small_disk) == (
        "sidecar: full: the state cannot be written (disk I/O error); free space on its volume and make it writable"
        " for this user"
    )

    dead = ["--to", "elasticsearch://127.0.0.1:9/logs", "--state-dir", "dead"]
    assert user.once(3, "app.log", *dead, SIDECAR_DRAIN__TIMEOUT="5s") == (
        "default to elasticsearch://127.0.0.1:9/logs: cannot be reached (Connection refused);"
        " check that it is running and reachable from this host; retries from its checkpoints"
    )
    unknown = ["--to", "mongodb://no-such-host.invalid/logs?serverSelectionTimeoutMS=500", "--state-dir", "unknown"]
    assert "the host name cannot be resolved; check the spelling" in user.answer(
        2, "check", "app.log", *unknown, "--connect"
    )

    with running(tmp_path / "own.log", str(tmp_path / "app.log"), "--to", "stdout:", "--state-dir", state):
        eventually(lambda: '"started"' in (tmp_path / "own.log").read_text(), "the first one has the state")
        assert "state: another sidecar is using this state directory" in user.once(2, "app.log", *out)

    ship = ["run", f"{tmp_path}/app.log", "--to", f"sqlite:///{tmp_path}/logs.db", "--state-dir", state, "--once"]
    done = sidecar(*ship, "--parser", "nginx")
    assert "no parser accepted 100 lines, which became `message` as a whole: try other parsers with" in done.stderr
    assert sidecar("checkpoints", "rewind", "--all", "--new-ids", "--state-dir", state).returncode == 0
    (tmp_path / "logs.db").unlink()
    done = sidecar(*ship)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "logs.db")) as database:
        numbers = [json.loads(text)["n"] for (text,) in database.execute("SELECT document FROM logs ORDER BY rowid")]
    assert numbers == list(range(100))
