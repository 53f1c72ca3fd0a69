"""The first hour of a user: an empty folder, `init`, `check`, `explain`, `tap`, `run --once`; and what goes wrong."""

from __future__ import annotations

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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from sidecar.cli import main
from tests.corpus.kinds import HERE, Kind
from tests.support.processes import ENVIRON, sidecar

KINDS = [
    "apache-access", "haproxy-http", "klog", "log4j2", "logback-json", "nginx-error", "node-pino", "postgresql",
    "python-logging", "syslog-5424",
]  # fmt: skip
PATIENCE_S = 30


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
        assert "begin with /" in read_until(terminal, "in its container")
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


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as (terminal, process):
        read_until(terminal, "Which log file")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
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
