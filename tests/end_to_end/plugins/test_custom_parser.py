"""The example plug-in: installed as a user does, conformant, and what becomes of lines on which a parser fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.parse import plugin
from sidecar.testing import ParserConformance, ParserUnderTest
from tests.support.plugins import EXAMPLES, install_example, run_sidecar

LINES = ["2026-11-23T01:00:00Z|WARN|id=7|took=12ms|disk almost full", "no such line", "2026-11-23T01:00:01Z|INFO|up"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example("custom-parser", tmp_path_factory.mktemp("plugin"))


def test_the_example_is_short_enough_to_be_read_at_a_glance() -> None:
    assert len((EXAMPLES / "custom-parser" / "keyed_parser.py").read_text().splitlines()) < 50


def test_an_installed_parser_is_listed_and_does_its_work(installed: Path, tmp_path: Path) -> None:
    listed = run_sidecar(installed, "plugins").stdout
    assert "log-sidecar-keyed 0.1.0" in listed
    assert "Time, level, `key=value` pairs and a message" in listed
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in LINES))
    config = {
        "state_dir": str(tmp_path / "state"),
        "sinks": {"out": f"file://{tmp_path}/out.ndjson"},
        "pipelines": {"app": {"paths": [str(tmp_path / "app.log")], "parser": {"type": "keyed", "separator": "|"}}},
    }
    (tmp_path / "sidecar.yaml").write_text(json.dumps(config))
    done = run_sidecar(installed, "run", "--once", "--config", str(tmp_path / "sidecar.yaml"))
    assert done.returncode == 0, done.stderr
    first, second, third = map(json.loads, (tmp_path / "out.ndjson").read_text().splitlines())
    assert (first["@timestamp"], first["id"], first["took"], first["message"]) == (
        "2026-11-23T01:00:00Z", "7", 12, "disk almost full",
    )  # fmt: skip
    assert second["message"] == "no such line"
    assert second["error"]["message"] == "the line has no time, level and message between '|'"
    assert third["message"] == "up"


def test_a_list_of_parsers_gives_the_lines_that_it_cannot_read_to_the_next(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text('{"n":1}\n2026-11-23T01:00:01Z|INFO|up\n')
    config = {
        "state_dir": str(tmp_path / "state"),
        "sinks": {"out": f"file://{tmp_path}/out.ndjson"},
        "pipelines": {"app": {"paths": [str(tmp_path / "app.log")], "parser": ["keyed", "json"]}},
    }
    (tmp_path / "sidecar.yaml").write_text(json.dumps(config))
    assert run_sidecar(installed, "run", "--once", "--config", str(tmp_path / "sidecar.yaml")).returncode == 0
    first, second = map(json.loads, (tmp_path / "out.ndjson").read_text().splitlines())
    assert (first["n"], second["message"]) == (1, "up")
    assert "error" not in first


class TestKeyed(ParserConformance):
    @pytest.fixture
    def under_test(self, installed: Path, monkeypatch: pytest.MonkeyPatch) -> ParserUnderTest:
        monkeypatch.syspath_prepend(str(installed))
        fields = {
            "@timestamp": "2026-11-23T01:00:00Z", "log.level": "warn", "message": "disk almost full", "id": "7",
            "took": 12,
        }  # fmt: skip
        return ParserUnderTest(plugin.resolve("keyed"), LINES[0], fields, foreign="no such line")
