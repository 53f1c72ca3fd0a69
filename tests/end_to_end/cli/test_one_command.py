"""`sidecar run PATH --to URL` alone: it detects the formats, reads standard input, and says what it did."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ENVIRON, eventually, running, sidecar

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "corpus"


def documents(folder: Path) -> list[dict[str, Any]]:
    if not (folder / "logs.db").exists():
        return []
    with closing(sqlite3.connect(folder / "logs.db")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'logs'").fetchone():
            return []
        return [json.loads(text) for (text,) in db.execute("SELECT document FROM logs ORDER BY rowid")]


def options(folder: Path) -> list[str]:
    return ["--to", f"sqlite:///{folder}/logs.db", "--state-dir", f"{folder}/state"]


def test_the_format_of_each_file_is_detected(tmp_path: Path) -> None:
    for name in ("logback", "nginx-main", "json-and-text"):
        (tmp_path / f"{name}.log").write_bytes((CORPUS / name / "input.log").read_bytes())
    done = sidecar("run", f"{tmp_path}/*.log", *options(tmp_path), "--once")
    assert done.returncode == 0, done.stderr
    told = {
        Path(each["path"]).stem: each["parser"]
        for each in map(json.loads, done.stderr.splitlines())
        if each["event"] == "format_detected"
    }
    assert told == {
        "logback": "log4j (multiline: java)",
        "nginx-main": "nginx",
        "json-and-text": "json, nginx, python, plain",
    }
    assert {each["log"]["level"] for each in documents(tmp_path) if each["log"]["file"]["path"].endswith("back.log")}
    assert not any("error" in each and "message" in each["error"] for each in documents(tmp_path))


def test_another_source_of_settings_can_choose_the_parser(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"n":1}\n')
    done = sidecar(
        "run", f"{tmp_path}/app.log", *options(tmp_path), "--once", SIDECAR_PIPELINES__DEFAULT__PARSER="plain"
    )
    assert done.returncode == 0, done.stderr
    assert [each["message"] for each in documents(tmp_path)] == ['{"n":1}']


def test_paths_and_a_configuration_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "sidecar.yaml").write_text('sinks: {out: "stdout:"}\npipelines: {app: {paths: [/a.log]}}\n')
    done = sidecar("run", "/a.log", "--to", "stdout:", "--config", f"{tmp_path}/sidecar.yaml")
    assert done.returncode == 2
    assert "cannot be combined with --config; use --set to override settings of the file" in done.stderr


def formats(folder: Path) -> list[str | None]:
    """The formats in the state, as a reader sees them while the sidecar runs."""
    if not (folder / "state" / "state.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{folder}/state/state.db?mode=ro", uri=True)) as db:
        return [text for (text,) in db.execute("SELECT format FROM generations")]


def event(number: int) -> str:
    head = f"2026-11-23 01:00:0{number}.000 [main] ERROR c.e.Shop - failed {number}"
    return f"{head}\ncom.example.ShopError: no disk\n\tat c.e.Shop.run(Shop.java:17)\n"


def test_killed_before_and_after_the_decision_each_event_is_stored_once_and_read_the_same_way(tmp_path: Path) -> None:
    log, own = tmp_path / "app.log", tmp_path / "own.log"
    arguments = [str(log), *options(tmp_path)]
    log.write_text(event(0))
    with running(own, *arguments) as process:
        eventually(lambda: len(formats(tmp_path)) == 1, "the file is known")
        process.send_signal(signal.SIGKILL)
    was_decided = formats(tmp_path) != [None]
    assert was_decided or documents(tmp_path) == []
    with log.open("a") as file:
        file.write(event(1))
    with running(own, *arguments) as process:
        eventually(lambda: formats(tmp_path) != [None], "the format is decided")
        process.send_signal(signal.SIGKILL)
    with log.open("a") as file:
        file.write("".join(f'{{"n":{number}}}\n' for number in range(100)) + event(2))
    assert sidecar("run", *arguments, "--once").returncode == 0
    assert formats(tmp_path) == ['{"parser":"log4j","multiline":"java"}']
    stored = documents(tmp_path)
    assert [each["message"].count("\n") for each in stored if "log" in each and "level" in each["log"]] == [2, 2, 2]
    assert len(stored) == 103


def test_standard_input_is_shipped_until_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sidecar", "run", "-", *options(tmp_path)]
    with subprocess.Popen(command, env=ENVIRON, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        eventually(lambda: len(documents(tmp_path)) == 1, "the first line is stored while the input is open")
        process.stdin.write(b'{"n":2}')
        process.stdin.close()
        assert process.wait(40) == 0
    assert [each["n"] for each in documents(tmp_path)] == [1, 2]


def test_standard_input_is_shipped_once_and_is_the_only_path(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sidecar", "run", *options(tmp_path), "--once", "-"]
    done = subprocess.run(command, env=ENVIRON, input=b'{"n":1}\n{"n":2}\n', capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [each["n"] for each in documents(tmp_path)] == [1, 2]
    refused = sidecar("run", "-", "/a.log", *options(tmp_path))
    assert (refused.returncode, "- cannot be combined with other paths" in refused.stderr) == (2, True)


def pipe(text: bytes, *arguments: str, **environ: str) -> tuple[int, str]:
    """Run `sidecar run -` with this input. Return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", "run", "-", *arguments], env={**ENVIRON, **environ}, input=text,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr.decode()


def test_no_later_run_looks_for_standard_input_that_was_delivered(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        once = ["--once"] if number == 1 else []
        code, said = pipe(b'{"n":%d}\n' % number, *options(tmp_path), *once)
        assert (code, '"warning"' in said) == (0, False), said
    assert [each["n"] for each in documents(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("once", [True, False])
def test_standard_input_that_was_not_delivered_is_kept(tmp_path: Path, once: bool) -> None:
    gone, temporary = tmp_path / "gone", tmp_path / "tmp"
    temporary.mkdir()
    to = ["--to", f"sqlite:///{gone}/logs.db", "--state-dir", f"{tmp_path}/state"]
    code, said = pipe(
        b'{"n":1}\n{"n":2}\n', *to, *(["--once"] if once else []), TMPDIR=str(temporary), SIDECAR_DRAIN__TIMEOUT="1s"
    )
    (kept,) = temporary.glob("*/stdin")
    assert code == 3
    assert f"what was read of it is kept: run `sidecar run {kept} --once`" in said
    gone.mkdir()
    done = sidecar("run", str(kept), *to, "--once")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(gone / "logs.db")) as database:
        assert database.execute("SELECT count(*) FROM logs").fetchone() == (2,)


def test_a_single_run_says_what_it_stored_itself(tmp_path: Path) -> None:
    def told() -> str:
        done = sidecar("run", f"{tmp_path}/app.log*", *options(tmp_path), "--once")
        assert done.returncode == 0, done.stderr
        lines = list(map(json.loads, done.stderr.splitlines()))
        assert lines[-1]["event"] == "balance"
        return "".join(each["message"].partition(": ")[2] for each in lines if each["event"] == "run_stored")

    assert told() == ""
    (tmp_path / "app.log").write_text('{"n":1}\n{"n":2}\n')
    assert told() == "this run stored 2 lines"
    assert told().startswith("nothing was new, because earlier runs delivered all lines; to ship them again, run")
    with (tmp_path / "app.log").open("a") as file:
        file.write('{"n":3\n')
    assert told() == (
        "this run stored 1 line; no parser accepted 1 line, which became `message` as a whole: try other parsers with"
        " `sidecar explain`"
    )
    assert sidecar("checkpoints", "rewind", "--all", "--state-dir", f"{tmp_path}/state").returncode == 0
    assert told().startswith("this run stored 3 lines, 3 of which the sink already had; no parser accepted 1 line")


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_format_of_the_own_log_can_be_chosen(tmp_path: Path, form: str) -> None:
    (tmp_path / "app.log").write_text('{"n":1}\n')
    done = sidecar("run", f"{tmp_path}/app.log", *options(tmp_path), "--once", "--log-format", form)
    assert done.returncode == 0
    assert all(line.startswith("{") == (form == "json") for line in done.stderr.splitlines())
    assert "\x1b" not in done.stderr
