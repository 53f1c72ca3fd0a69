"""Records that are changed and left out, by the sidecar as a user starts it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.processes import sidecar

LINES = [
    '{"time":"2026-11-23T01:00:00Z","lvl":"DEBUG","msg":"a","url":{"path":"/health"}}',
    '{"time":"2026-11-23T01:00:01Z","lvl":"INFO","msg":"b","took":"64.40","n":9007199254740993}',
    '{"time":"2026-11-23T01:00:02Z","lvl":"INFO","msg":"c","took":"soon"}',
    "",
    "no json",
    "a comment",
]
TRANSFORMS: list[Any] = [
    {"rename": {"lvl": "log.level", "msg": "message"}},
    {"lowercase": ["log.level"]},
    {"drop_when": 'log.level == "debug" and url.path ~ "^/health"'},
    {"convert": {"took": "float"}},
    {"drop_fields": ["time"]},
]


def config(folder: Path) -> str:
    (folder / "app.log").write_text("".join(f"{line}\n" for line in LINES))
    given = {
        "state_dir": str(folder / "state"),
        "sinks": {"out": f"file://{folder}/out.ndjson"},
        "pipelines": {
            "app": {
                "paths": [str(folder / "app.log")], "parser": "json", "transforms": TRANSFORMS,
                "exclude_lines": ["comment"],
            }
        },
    }  # fmt: skip
    (folder / "sidecar.yaml").write_text(json.dumps(given))
    return str(folder / "sidecar.yaml")


def test_what_is_left_arrives_as_it_should_and_the_balance_adds_up(tmp_path: Path) -> None:
    done = sidecar("run", "--once", "--config", config(tmp_path))
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines()]
    (balance,) = [each for each in said if each["event"] == "balance"]
    sizes = [len(line) + 1 for line in LINES]
    assert balance["filtered"] == sizes[0] + sizes[5]
    assert balance["skipped"] == 1
    assert balance["stored"] == sizes[1] + sizes[2] + sizes[4]
    assert balance["seen"] == sum(sizes)
    texts = (tmp_path / "out.ndjson").read_text().splitlines()
    first, second, third = map(json.loads, texts)
    assert (first["message"], first["log"]["level"], first["log"]["offset"]) == ("b", "info", sizes[0])
    assert '"took":64.40,"n":9007199254740993' in texts[0]
    assert (second["took"], second["error"]["message"]) == ("soon", "convert: took cannot be read as float")
    assert third["message"] == "no json"
    (fault,) = [each for each in said if each["event"] == "transform_failed"]
    assert (fault["transform"], fault["records"]) == ("convert", 1)


def test_explain_shows_what_is_left_out_and_by_which_rule(tmp_path: Path) -> None:
    done = sidecar("explain", str(tmp_path / "app.log"), "--config", config(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["outcome"], each["reason"]) for each in found] == [
        ("filtered", "drop_when"), ("document", ""), ("document", ""), ("skipped", "empty"), ("document", ""),
        ("filtered", "exclude_lines"),
    ]  # fmt: skip
    assert [each["line"] for each in found] == LINES
    shown = sidecar("explain", str(tmp_path / "app.log"), "--config", config(tmp_path))
    assert "drop_when" in shown.stdout


def test_a_wrong_expression_is_refused_with_its_place(tmp_path: Path) -> None:
    path = Path(config(tmp_path))
    path.write_text(path.read_text().replace("and url.path", "und url.path"))
    done = sidecar("check", "--config", str(path))
    assert done.returncode == 2
    assert "pipelines.app.transforms.2.drop_when: at character 22, before 'und url.path" in done.stderr
