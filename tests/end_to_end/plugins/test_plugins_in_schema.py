"""`sidecar schema` describes plug-ins, and names those that it cannot describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.plugins import install_example, run_sidecar, write_plugin


def test_the_settings_of_a_plugged_in_sink_are_part_of_the_schema(tmp_path: Path) -> None:
    site = install_example("custom-sink", tmp_path)
    found = Draft202012Validator(json.loads(run_sidecar(site, "schema").stdout))

    def is_valid(sink: object) -> bool:
        return bool(found.is_valid({"sinks": {"out": sink}, "pipelines": {"app": {"paths": ["/a.log"]}}}))

    for sink in ("folder:///a", {"type": "folder", "path": "/a", "linger": "1s"}):
        assert is_valid(sink)
        (tmp_path / "sidecar.yaml").write_text(
            json.dumps({"sinks": {"out": sink}, "pipelines": {"app": {"paths": ["/a.log"]}}})
        )
        assert run_sidecar(site, "check", "--config", str(tmp_path / "sidecar.yaml")).returncode == 0
    for sink in ("foldr:///a", {"type": "folder"}, {"type": "folder", "path": "/a", "pth": "/b"}, {"path": "/a"}):
        assert not is_valid(sink)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("class plugin: pass", 'the sink "mine" has no `settings`'),
        (
            "class plugin:\n    settings = None\n    concurrency = 1",
            'the settings of the sink "mine" cannot be described',
        ),
    ],
)
def test_a_broken_sink_is_named_and_left_out(source: str, reason: str, tmp_path: Path) -> None:
    done = run_sidecar(write_plugin(tmp_path, "log_sidecar.sinks", "mine", source), "schema")
    assert done.returncode == 0
    assert "sink_sqlite" in json.loads(done.stdout)["$defs"]
    (problem,) = done.stderr.splitlines()
    assert reason in problem


@pytest.mark.parametrize(
    ("example", "valid", "misspelt"),
    [
        ("parser", [{"parser": {"type": "keyed", "separator": "|"}}, {"parser": "keyed, json"}], {"parser": "keyd"}),
        ("transform", [{"transforms": [{"tier": {"field": "a"}}]}, {"transforms": "tier"}], {"transforms": ["teir"]}),
    ],
)
def test_a_plugged_in_parser_or_transform_is_a_choice(
    example: str, valid: list[dict[str, Any]], misspelt: dict[str, Any], tmp_path: Path
) -> None:
    site = install_example(f"custom-{example}", tmp_path)
    found = Draft202012Validator(json.loads(run_sidecar(site, "schema").stdout))
    for pipeline in (*valid, misspelt):
        configuration = {"sinks": {"out": "stdout:"}, "pipelines": {"app": {"paths": ["/a.log"], **pipeline}}}
        assert found.is_valid(configuration) == (pipeline is not misspelt), pipeline
