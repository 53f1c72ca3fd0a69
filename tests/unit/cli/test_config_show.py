"""`sidecar config show`: each setting with its value and its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import main

FILE = """\
log_level: warning
limits:
  memory: ${MEMORY:-20MiB}
sinks:
  search:
    type: elasticsearch
    hosts: es:9200
    index: logs
    username: writer
  local: sqlite:////nowhere/logs.db
pipelines:
  app:
    paths: [/var/log/app/*.log]
    parser: [json, plain]
    multiline: java
    transforms: [{add: {team: payments}}]
"""


def show(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings that are shown, and the origin of each line."""
    assert main(["config", "show", *arguments]) == 0
    text = capsys.readouterr().out
    origins: dict[str, str] = {}
    path: list[str] = []
    for line in text.splitlines():
        content, _, origin = line.partition(" # ")
        depth = (len(content) - len(content.lstrip())) // 2
        path[depth:] = [content.strip().partition(":")[0]]
        origins[".".join(path)] = origin
    return yaml.safe_load(text), origins


def test_each_value_names_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(FILE)
    monkeypatch.setenv("SIDECAR_SINKS__SEARCH__PASSWORD", "hunter2")
    monkeypatch.setenv("SIDECAR_DRAIN__TIMEOUT", "9s")
    shown, origins = show(
        capsys, "--config", str(file), "--set", "pipelines.app.max_line=2KiB", "--log-format", "json"
    )
    assert origins["log_level"] == f"{file}:1"
    assert origins["limits.memory"] == f"{file}:3"
    assert origins["limits.open_files"] == "default"
    assert origins["sinks.search.index"] == f"{file}:8"
    assert origins["sinks.search.password"] == "environment: SIDECAR_SINKS__SEARCH__PASSWORD"
    assert origins["sinks.local.path"] == f"{file}:10"
    assert origins["pipelines.app.parser"] == f"{file}:14"
    assert origins["pipelines.app.multiline.preset"] == f"{file}:15"
    assert origins["pipelines.app.multiline.timeout"] == "default"
    assert origins["pipelines.app.max_line"] == "--set: pipelines.app.max_line"
    assert origins["pipelines.app.timestamp.zone"] == "default"
    assert origins["drain.timeout"] == "environment: SIDECAR_DRAIN__TIMEOUT"
    assert origins["log_format"] == "--log-format"
    assert (shown["limits"]["memory"], shown["pipelines"]["app"]["max_line"]) == ("20MiB", "2KiB")
    assert (shown["limits"]["deleted_grace"], shown["drain"]["timeout"]) == ("5m", "9s")
    assert shown["pipelines"]["app"]["paths"] == ["/var/log/app/*.log"]


def test_secrets_are_stars(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(FILE)
    monkeypatch.setenv("SIDECAR_SINKS__SEARCH__PASSWORD", "hunter2")
    assert main(["config", "show", "--config", str(file)]) == 0
    text = capsys.readouterr().out
    assert "hunter2" not in text
    assert yaml.safe_load(text)["sinks"]["search"]["password"] == "**********"


def test_only_what_may_be_a_secret_is_stars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sidecar.yaml"
    needed = {"elasticsearch": ", hosts: h", "opensearch": ", hosts: h", "kafka": ", brokers: h",
              "file": ", path: /a", "sqlite": ", path: /a", "stdout": ""}  # fmt: skip
    sinks = "".join(f"  {name}: {{type: {name}{more}}}\n" for name, more in needed.items())
    file.write_text(f"sinks:\n{sinks}pipelines: {{app: {{paths: /a.log}}}}\n")
    assert main(["config", "show", "--config", str(file)]) == 0
    assert "*****" not in capsys.readouterr().out


def test_a_url_of_a_sink_is_shown_without_its_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sidecar.yaml"
    proxy = "{type: elasticsearch, hosts: h, proxy: 'http://u:hunter2@proxy:3128'}"
    file.write_text(
        "sinks:\n  m: mongodb://u:hunter2@db:27018,db2/logs?replicaSet=rs0&appName=hunter2&tlsCAFile=/ca\n"
        f"  e: elasticsearch://u:hunter2@es/gateway/logs\n  p: {proxy}\n  k: kafka://u:hunter2@b/t\n"
        "pipelines: {app: {paths: /a.log}}\n"
    )
    shown, _ = show(capsys, "--config", str(file))
    assert shown["sinks"]["m"]["url"] == (
        "mongodb://db:27018,db2:27017/logs?replicaSet=rs0&appName=**********&tlsCAFile=/ca"
    )
    assert shown["sinks"]["e"]["url"] == "elasticsearch://es:9200/gateway/logs"
    assert shown["sinks"]["p"]["proxy"] == "http://u:**********@proxy:3128/"
    assert shown["sinks"]["k"]["url"] == "kafka://b/t"
    assert "hunter2" not in str(shown)


def test_the_type_of_a_sink_comes_from_its_url(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(FILE.replace("    username: writer\n", ""))
    _, origins = show(capsys, "--config", str(file))
    assert (origins["sinks.search.type"], origins["sinks.local.type"]) == (f"{file}:6", f"{file}:9")


def test_what_a_url_sets_comes_from_the_url(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(
        "sinks:\n  long:\n    url: opensearch://ann:pw@es:9200/logs\n    linger: 2s\npipelines: {app: {paths: /a}}\n"
    )
    monkeypatch.setenv("SIDECAR_SINKS__SHORT", "elasticsearch://es/logs")
    monkeypatch.setenv("SIDECAR_PIPELINES__APP__MULTILINE", "java")
    _, origins = show(capsys, "--config", str(file), "--set", "sinks.other=sqlite:////a")
    for name in ("type", "hosts", "index", "username", "password"):
        assert origins[f"sinks.long.{name}"] == f"{file}:3"
    assert (origins["sinks.long.linger"], origins["sinks.long.timeout"]) == (f"{file}:4", "default")
    assert {origins[f"sinks.short.{name}"] for name in ("type", "hosts", "index")} == {
        "environment: SIDECAR_SINKS__SHORT"
    }
    assert origins["pipelines.app.multiline.preset"] == "environment: SIDECAR_PIPELINES__APP__MULTILINE"
    assert (origins["sinks.other.path"], origins["sinks.other.table"]) == ("--set: sinks.other", "default")


def test_a_pipeline_on_the_command_line_names_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    shown, origins = show(capsys, "/a.log", "--to", "sqlite:////logs.db", "--multiline", "java")
    assert origins["pipelines.default.paths"] == "PATH"
    assert origins["pipelines.default.parser"] == "default"
    assert origins["pipelines.default.multiline.preset"] == "--multiline"
    assert shown["pipelines"]["default"]["parser"] == [{"type": "auto"}]
