"""Each exit code in the documentation is one that its command returns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.cli import COMMANDS, main
from sidecar.cli.exit_codes import COMMON, EXIT_CODES
from sidecar.state.database import open_database
from tests.support.processes import ENVIRON

GOOD, WRONG = ["--config", "good.yaml"], ["--config", "wrong.yaml"]
STATE = ["--state-dir", "state"]
CASES = [
    (["init", "app.log", "--to", "stdout:"], 0),
    (["init", "none.log", "--to", "stdout:"], 2),
    (["run", "app.log", "--to", "sqlite:///logs.db", "--once", *STATE], 0),
    (["run", *WRONG], 2),
    (["run", "none.log", "--to", "stdout:", "--once", *STATE], 3),
    (["check", *GOOD], 0),
    (["check", *WRONG], 2),
    (["check", "app.log", "--to", "mongodb://127.0.0.1:1/logs?serverSelectionTimeoutMS=100", "--connect"], 2),
    (["setup", "--print", *GOOD], 0),
    (["setup", "none", *GOOD], 2),
    (["config", "show", *GOOD], 0),
    (["config", "show", *WRONG], 2),
    (["convert", "filebeat.yml"], 0),
    (["convert", "none.yml"], 2),
    (["convert", "filebeat-with-more.yml"], 3),
    (["explain", "app.log"], 0),
    (["explain", "none.log"], 2),
    (["bench", "--file", "app.log", "--seconds", "0.1"], 0),
    (["bench", "--file", "none.log"], 2),
    (["dead-letters", "list", *STATE], 0),
    (["dead-letters", "show", "999", *STATE], 2),
    (["checkpoints", "list", *STATE], 0),
    (["checkpoints", "rewind", "--path", "/none", *STATE], 2),
    (["status", *STATE], 1),
    (["top", *STATE], 1),
    (["tap", "--file", "app.log"], 0),
    (["tap", *STATE], 1),
    (["tap", "--filter", "((", *STATE], 2),
    (["probe", "live", *STATE], 1),
    (["drain", *STATE], 1),
    (["wait-ready", "--timeout", "0s", *STATE], 0),
    (["wrap", "--tombstone", "end", "--", "sh", "-c", "exit 7"], 7),
    (["wrap"], 2),
    (["inject", "pod.yaml", "--sink", "elasticsearch://search:9200/logs"], 0),
    (["inject", "pod.yaml", "--sink", "elasticsearch://search:9200/logs", "--check"], 1),
    (["inject", "none.yaml"], 2),
    (["uninject", "pod.yaml"], 0),
    (["policy", "--sink", "elasticsearch://search:9200/logs"], 0),
    (["policy"], 2),
    (["lint", "by-hand.yaml"], 1),
    (["lint", "none.yaml"], 2),
    (["schema"], 0),
    (["plugins"], 0),
    (["completion", "--names", "sinks"], 0),
    (["completion"], 2),
    (["version"], 0),
    (["help", "run"], 0),
    (["help", "none"], 2),
]
ELSEWHERE = {
    ("dead-letters", 3): "tests/integration/sinks",
    ("demo", 1): "tests/end_to_end/cli/test_one_command.py",
    ("uninject", 1): "tests/unit/cli/test_inject.py",
    ("webhook", 2): "tests/end_to_end/test_webhook.py",
    ("wrap", 0): "tests/end_to_end/test_pod_commands.py",
}
"""Codes that other tests check, most of them with a server or a running sidecar."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.log").write_text("one\n")
    (tmp_path / "good.yaml").write_text('sinks: {out: "sqlite:///logs.db"}\npipelines: {app: {paths: [app.log]}}\n')
    (tmp_path / "wrong.yaml").write_text("sinks: {}\n")
    inputs = "filebeat.inputs: [{type: filestream, id: a, paths: [/var/log/a.log]}]\n"
    (tmp_path / "filebeat.yml").write_text(inputs + "output.console: {}\n")
    (tmp_path / "filebeat-with-more.yml").write_text(inputs + "output.redis: {hosts: [localhost]}\n")
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n    - {name: a, image: a:1}\n"
    (tmp_path / "pod.yaml").write_text(pod)
    (tmp_path / "by-hand.yaml").write_text(pod.replace("a:1", "a:1, env: [{name: SIDECAR_MODE, value: native}]"))
    open_database(tmp_path / "state", exclusive=True).close()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"), CASES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_command_ends_with_its_code(folder: Path, arguments: list[str], code: int) -> None:
    if arguments[0] in ("run", "wrap"):  # which change the signal handlers, or replace the process
        command = [sys.executable, "-m", "sidecar", *arguments]
        ended = subprocess.run(command, env=ENVIRON, capture_output=True, timeout=60, check=False).returncode
    else:
        try:
            ended = main(arguments)
        except SystemExit as exited:
            ended = int(exited.code or 0)
    assert ended == code


def test_each_documented_code_is_tested() -> None:
    assert list(EXIT_CODES) == list(COMMANDS)
    tested = {(arguments[0], code) for arguments, code in CASES} | set(ELSEWHERE)
    assert {(command, code) for command, codes in EXIT_CODES.items() for code in codes} <= tested
    assert all(Path(__file__).parents[3].joinpath(place).exists() for place in ELSEWHERE.values())
    assert set(COMMON) == {0, 1, 2, 130}
