"""`sidecar bench`: what it tells of a log, of a destination, and of what is wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main

LINES = 500


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.write_text("".join(f'{{"message":"order {n} placed","level":"info"}}\n' for n in range(LINES)))
    return file


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit code and both outputs of a run that reads the file once."""
    code = main(["bench", "--seconds", "0", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, err = told(capsys, "--json", *arguments)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_line_and_byte_is_counted_in_every_stage(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = figures(capsys, "--file", str(log), "--parser", "json")
    assert (found["lines"], found["bytes"], found["unparsed"]) == (LINES, log.stat().st_size, 0)
    assert list(found["microseconds_of_cpu_per_line"]) == [
        "read",
        "decode",
        "parse",
        "limits",
        "times",
        "aside",
        "transforms",
        "render",
    ]
    assert found["lines_per_second"] > 0


def test_the_last_line_needs_no_end(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.open("a") as file:
        file.write('{"message":"cut')
    found = figures(capsys, "--file", str(log), "--parser", "json")
    assert (found["lines"], found["unparsed"]) == (LINES + 1, 1)


def test_it_reads_the_file_again_until_the_time_is_over(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--file", str(log), "--seconds", "0.2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lines"] > LINES
    assert found["lines"] % LINES == 0


def test_into_a_sink_every_document_is_there(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "bench.db"
    found = figures(capsys, "--file", str(log), "--to", f"sqlite:///{database}")
    assert found["stored"] == LINES
    assert "deliver" in found["microseconds_of_cpu_per_line"]
    with closing(sqlite3.connect(database)) as opened:
        ((count,),) = opened.execute("SELECT count(*) FROM logs")
    assert count == LINES


def test_the_text_output_names_lines_that_do_not_parse(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.open("a") as file:
        file.write("no json at all\n" * LINES)
    code, out, _ = told(capsys, "--file", str(log), "--parser", "json")
    assert code == 0
    assert f"{2 * LINES:,} lines" in out
    assert f"{LINES:,} of them (50%) cannot be parsed: run `sidecar explain` to see why" in out
    assert "not delivered to a sink" in out


def test_a_pipeline_of_the_configuration_is_measured_and_nothing_is_written(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = tmp_path / "sidecar.yaml"
    configuration.write_text(
        f'state_dir: {tmp_path}/state\nsinks: {{out: "sqlite:///{tmp_path}/logs.db"}}\n'
        "pipelines: {a: {paths: [/a]}, b: {paths: [/b], parser: json, transforms: [{redact: [password]}]}}\n"
    )
    found = figures(capsys, "--config", str(configuration), "--pipeline", "b", "--file", str(log))
    assert "redact" in found["microseconds_of_cpu_per_line"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.log", "sidecar.yaml"]
    code, _, err = told(capsys, "--config", str(configuration), "--pipeline", "c", "--file", str(log))
    assert (code, err) == (2, 'sidecar: the configuration has no pipeline "c"; use one of a, b\n')


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.log", "cannot be read (No such file or directory)"),
        ("empty.log", "contains no line"),
        (".", "cannot be read"),
    ],
)
def test_a_file_that_has_no_lines(name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.log").touch()
    code, out, err = told(capsys, "--file", str(tmp_path / name))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    "target", ["elasticsearch://127.0.0.1:1/logs", "mongodb://127.0.0.1:1/logs", "sqlite:////proc/none/logs.db"]
)
def test_no_speed_is_shown_for_an_unreachable_sink(
    target: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = told(capsys, "--file", str(log), "--to", target)
    assert (code, out, err.count("\n")) == (2, "", 1)
