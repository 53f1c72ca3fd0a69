"""Tests that users keep beside their rules, and files tried with them, by `sidecar check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main


def check(tmp_path: Path, pipeline: dict[str, Any], *arguments: str) -> int:
    file = tmp_path / "sidecar.yaml"
    app = {"paths": [f"{tmp_path}/*.log"], **pipeline}
    sinks = {"out": f"sqlite:///{tmp_path}/logs.db"}
    file.write_text(json.dumps({"sinks": sinks, "pipelines": {"app": app}}))
    return main(["check", "--config", str(file), *arguments])


def rule(**given: Any) -> dict[str, Any]:
    return {"parser": ["json", "syslog"], "tests": [{"name": "of levels", **given}]}


def test_passed_tests_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = '{"level":"info","n":64.40,"a":{"b":[1]}}'
    expected = {"level": "info", "n": 64.4, "a.b": [1], "log": {"offset": 0}, "error.message": None}
    assert check(tmp_path, rule(input=line, expect=[expected])) == 0
    assert "1 rule test passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "expect", "said"),
    [
        ('{"level":"INFO"}', [{"level": "info"}], 'document 1: level: expected "info", is "INFO"'),
        ('{"n":1}', [{"level": "info"}], 'document 1: level: expected "info", is missing'),
        ('{"n":true}', [{"n": 1}], "document 1: n: expected 1, is true"),
        ('{"a":{"b":1}}', [{"a": None}], 'document 1: a: must be absent, but is {"b":1}'),
        ('{"a":{"b":1}}', [{"a": {}}], 'document 1: a: expected {}, is {"b":1}'),
        ('{"a":[{"b":true}]}', [{"a": [{"b": 1}]}], 'document 1: a: expected [{"b":1}], is [{"b":true}]'),
        ("???", [{"error.message": None}], "document 1: error.message: must be absent"),
        ('{"n":1}\n{"n":2}', [{"n": 1}], "expected 1 document, got 2 documents"),
    ],
)
def test_a_difference_names_its_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, expect: list[Any], said: str
) -> None:
    assert check(tmp_path, rule(input=line, expect=expect)) == 2
    assert f'pipelines.app.tests: "of levels": {said}' in capsys.readouterr().err


def test_a_time_without_a_year_is_completed_from_now(tmp_path: Path) -> None:
    line = ["Feb 29 01:00:00 node sshd[812]: Accepted"]
    given = {"input": line, "now": "2028-03-01T00:00:00Z"}
    assert check(tmp_path, rule(**given, expect=[{"@timestamp": "2028-02-29T01:00:00Z"}])) == 0


def test_the_text_of_a_test_is_utf_8_whatever_the_files_are_in(tmp_path: Path) -> None:
    pipeline = {**rule(input='{"a":"ä"}', expect=[{"a": "ä"}]), "encoding": "utf-16"}
    assert check(tmp_path, pipeline) == 0


def test_times_without_quotes_are_texts(tmp_path: Path) -> None:
    file = tmp_path / "sidecar.yaml"
    line = """'{"x":"2026-11-23T01:00:00Z","day":"2026-11-23"}'"""
    expected = "{x: 2026-11-23T01:00:00Z, day: 2026-11-23}"
    file.write_text(
        "sinks: {out: 'stdout:'}\npipelines: {app: {paths: [/a.log], parser: json, tests: "
        f"[{{name: a, input: {line}, expect: [{expected}]}}]}}}}\n"
    )
    assert main(["check", "--config", str(file)]) == 0


def test_a_file_is_tried_with_each_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"n":1}\n???\n')
    assert check(tmp_path, {"parser": "json"}, "--try", str(log)) == 0
    told = capsys.readouterr().out
    assert "as pipeline app:" in told
    assert "byte 8: ???" in told
