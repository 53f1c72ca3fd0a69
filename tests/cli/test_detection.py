"""`sidecar explain --detect` proposes what a person would have written, and what `sidecar check` accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import main
from sidecar.detection import untried
from tests.corpus.kinds import HERE as CORPUS

EXPECTED: dict[str, dict[str, Any]] = {
    "apache-access": {"parser": "apache"},
    "apache-error": {"parser": "apache_error"},
    "nginx-access": {"parser": ["nginx", "plain"]},
    "nginx-error": {"parser": "nginx_error"},
    "klog": {"multiline": "indent", "parser": "klog"},
    "log4j2": {"multiline": "java", "parser": "log4j"},
    "python-logging": {"multiline": "python", "parser": "python"},
    "postgresql": {"multiline": "indent", "parser": "postgresql"},
    "java-gc": {"parser": "java_gc"},
    "syslog-3164": {"parser": "syslog"},
    "heroku-router-logfmt": {"parser": "logfmt"},
    "containerd-cri-json": {"parser": {"type": "cri", "content": "json"}},
    "docker-json-in-json": {"parser": {"type": "docker", "content": "json"}},
    "aws-cloudtrail": {"parser": "json", "timestamp": {"field": "eventTime"}},
    "caddy-json": {"parser": "json"},
    "node-stack": {"parser": "plain", "multiline": "node"},
    "go-panic": {"parser": "plain", "multiline": "go"},
    "encoding-utf-16": {"encoding": "utf-16", "parser": ["json", "plain"]},
}


def proposal(file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["explain", "--detect", "--json", str(file)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_log_is_recognised_by_its_lines(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = proposal(CORPUS / kind / "input.log", capsys)["configuration"]["pipelines"]["app"]
    assert {name: value for name, value in pipeline.items() if name != "paths"} == EXPECTED[kind]


def test_columns_of_csv_are_named_by_the_first_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "export.csv"
    file.write_text("id;placed_at;total\n1;22.11.2026 10:00:00;64.40\n2;23.11.2026 10:00:00;1.00\n")
    pipeline = proposal(file, capsys)["configuration"]["pipelines"]["app"]
    assert pipeline["parser"] == {"type": "csv", "columns": ["id", "placed_at", "total"], "delimiter": ";"}


def test_the_format_of_a_time_under_another_name_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "app.log"
    file.write_text('{"n":1,"logged_at":"23.11.2026 01:00:00"}\n{"n":2,"logged_at":"24.11.2026 01:00:00"}\n')
    pipeline = proposal(file, capsys)["configuration"]["pipelines"]["app"]
    assert pipeline["timestamp"] == {"field": "logged_at", "formats": ["%d.%m.%Y %H:%M:%S"]}


@pytest.mark.parametrize("kind", ["log4j2", "containerd-cri-json", "json-and-text", "encoding-utf-16"])
def test_what_is_proposed_passes_the_check_and_shows_three_documents(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--detect", str(CORPUS / kind / "input.log")]) == 0
    shown = capfd.readouterr().out
    block, _, documents = shown.partition("\n\n")
    assert documents.count("\ndocument") + documents.startswith("document") == 3
    file = tmp_path / "sidecar.yaml"
    file.write_text(block)
    assert yaml.safe_load(block)["pipelines"]["app"]["paths"]
    assert main(["check", "--config", str(file)]) == 0


def test_an_empty_file_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.log").touch()
    assert main(["explain", "--detect", str(tmp_path / "empty.log")]) == 2
    assert "no whole line" in capsys.readouterr().err


def test_every_parser_is_tried_or_needs_options() -> None:
    assert not untried()
