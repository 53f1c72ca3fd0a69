"""Each example of another tool becomes a configuration that `check` accepts and that reads lines as expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main
from sidecar.config.yaml_file import read_yaml_file
from sidecar.convert.kinds import KINDS
from sidecar.convert.variables import required_names
from tests.unit.convert.example_files import EXAMPLES, FOLDER, convert_text, expected_file, name_of


class Anything(dict[str, str]):
    """An environment in which each variable is set."""

    def get(self, name: str, default: Any = None) -> Any:
        return "1"


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_an_example_becomes_what_is_expected(example: Path) -> None:
    expected = expected_file(example).read_text()
    assert convert_text(example) == expected, "python -m tests.unit.convert.example_files writes the results"


def test_each_tool_has_examples() -> None:
    assert {example.parent.name for example in EXAMPLES} == KINDS.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_check_accepts_the_result(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(example, monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["check", "--config", str(expected_file(example))]) == 0


def set_variables(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in expected_file(example).read_text().splitlines():
        for name in required_names(line.partition("#")[0]):
            monkeypatch.setenv(name, "http://localhost:9200" if name.endswith("_URL") else "value")


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_exit_code_says_whether_something_was_left_out(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["convert", str(example)])
    output = capsys.readouterr()
    assert code == (3 if "# left out: " in output.out else 0)
    assert output.out == expected_file(example).read_text()
    assert ("could not be converted" in output.err) == (code == 3)


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_no_secret_of_an_example_is_in_the_result(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["convert", str(example)])
    output = capsys.readouterr()
    assert "marker" not in output.out + output.err


def test_most_examples_have_a_secret() -> None:
    assert sum("marker" in example.read_text() for example in EXAMPLES) > len(EXAMPLES) // 2


LINES = [
    ("filebeat/1-one-input", "shop", "it is up", {"message": "it is up"}),
    (
        "filebeat/2-json-and-stack-traces",
        "orders-orders",
        '{"time":"2026-11-23T01:00:00Z","level":"info","n":64.40}',
        {"level": "info", "n": 64.4, "team": "payments", "build": "007", "@timestamp": "2026-11-23T01:00:00Z"},
    ),
    (
        "filebeat/2-json-and-stack-traces",
        "legacy",
        "2026-11-23 one\nTraceback\n  two",
        {"message": "2026-11-23 one\nTraceback\n  two", "tags": ["legacy"]},
    ),
    ("filebeat/2-json-and-stack-traces", "legacy", "DEBUG x", "filtered"),
    (
        "filebeat/3-processors",
        "web",
        "2026-11-23T01:00:00Z [info] 204 GET /cart",
        {"status": 204, "message": "GET /cart", "level": "info", "service": {
            "name": "web", "environment": "test", "api_token": "value",
        }, "@timestamp": "2026-11-23T01:00:00Z"},
    ),
    ("filebeat/3-processors", "web", "2026-11-23T01:00:00Z [debug] 500 GET /cart", "filtered"),
    ("filebeat/3-processors", "web", "2026-11-23T01:00:00Z [info] 204 GET /health", "filtered"),
    ("filebeat/3-processors", "web", "2026-11-23T01:00:00Z [info] 503 GET /health", {"status": 503}),
    (
        "filebeat/4-containers",
        "containers",
        '2026-11-23T01:00:00.5Z stdout F {"level":"warn"}',
        {"level": "warn", "stream": "stdout", "@timestamp": "2026-11-23T01:00:00.5Z"},
    ),
    ("filebeat/4-containers", "containers", '2026-11-23T01:00:00.5Z stderr F {"level":"warn"}', "filtered"),
    (
        "filebeat/5-modules-and-kafka",
        "nginx-access",
        '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5"',
        {"url": {"original": "/a"}, "user": {"name": "ann"}},
    ),
    (
        "filebeat/5-modules-and-kafka",
        "app-one",
        "one \\\ntwo \\\nthree",
        {"message": "one \\\ntwo \\\nthree", "fields": {"log_topic": "one"}},
    ),
    ("filebeat/6-autodiscover", "containers", '2026-11-23T01:00:00.5Z stdout F it is up', {"message": "it is up"}),
    (
        "fluent-bit/2-parsers",
        "orders",
        "2026-11-23 01:00:00,250 ERROR 503 no stock",
        {
            "level": "ERROR", "code": 503, "message": "no stock", "environment": "value", "api_key": "value",
            "@timestamp": "2026-11-23T01:00:00.250+02:00",
        },
    ),
    ("fluent-bit/2-parsers", "orders", "2026-11-23 01:00:00,250 DEBUG 503 x", "filtered"),
    ("fluent-bit/2-parsers", "orders", "2026-11-23 01:00:00,250 ERROR 200 x", "filtered"),
    (
        "fluent-bit/3-containers",
        "kube",
        '2026-11-23T01:00:00.5Z stdout F {"level":"warn"}',
        {"level": "warn", "stream": "stdout"},
    ),
    (
        "fluent-bit/4-yaml",
        "app",
        '{"at":1795395600.250,"lvl":"info","usr":"ann","method":"GET"}',
        {
            "level": "info", "user": {"name": "ann"}, "http": {"method": "GET"}, "region": "eu-1",
            "@timestamp": "2026-11-23T01:00:00.250Z",
        },
    ),
    ("fluent-bit/4-yaml", "jobs", "2026-11-23 one\ntwo", {"message": "2026-11-23 one\ntwo"}),
    ("fluent-bit/4-yaml", "old", "[01:00:00] one\ntwo", {"message": "one\ntwo"}),
    (
        "fluent-bit/5-many-filters",
        "app.-name",
        "2026-11-23 01:00:00,250 ERROR 503 no stock\n  at Shop",
        {"status": 503, "code": 503, "msg": "no stock\n  at Shop", "hostname": "value", "password": "value"},
    ),
    ("fluent-bit/5-many-filters", "app.-name", '{"level":"info","msg":"up"}', "filtered"),
    ("fluent-bit/5-many-filters", "rows", "a:1\tb:2", {"message": "a:1\tb:2"}),
    ("promtail/1-one-job", "system", "it is up", {"message": "it is up", "labels": {"job": "varlogs"}}),
    (
        "promtail/2-json",
        "shop",
        '{"time":"2026-11-23 01:00:00.250","level":"info","msg":"up","context":{"user":"ann"}}',
        {"message": "up", "level": "info", "@timestamp": "2026-11-23T01:00:00.250+01:00", "labels": {
            "job": "shop", "environment": "test",
        }},
    ),
    ("promtail/2-json", "shop", '{"level":"debug"}', "filtered"),
    ("promtail/2-json", "shop", '{"level":"info","msg":"healthcheck"}', "filtered"),
    (
        "promtail/3-multiline-regex",
        "java",
        "[2026-11-23T01:00:00Z] ERROR paid card=4111111111111111\n  at Shop",
        {
            "message": "[2026-11-23T01:00:00Z] ERROR paid card=[REDACTED]\n  at Shop", "level": "ERROR",
            "@timestamp": "2026-11-23T01:00:00Z", "labels": {"app": "billing", "owner": "money"},
        },
    ),
    ("promtail/3-multiline-regex", "java", "[2026-11-23T01:00:00Z] INFO GET /ready", "filtered"),
    (
        "promtail/4-kubernetes",
        "pods",
        "2026-11-23T01:00:00.5Z stdout F level=info took=5ms",
        None,
    ),
    ("promtail/4-kubernetes", "pods", "2026-11-23T01:00:00.5Z stdout F GET /metrics", "filtered"),
    (
        "promtail/5-other-inputs",
        "containers",
        '{"log":"it is up\\n","stream":"stdout","time":"2026-11-23T01:00:00.5Z"}',
        {"message": "it is up", "labels": {"job": "containers", "api_token": "value"}},
    ),
    (
        "vector/2-remap",
        "orders",
        '{"at":"2026-11-23 01:00:00.250","msg":"up","uid":7,"status":"204","level":"WARN","path":"/","internal":1}',
        None,
    ),
    (
        "vector/3-routes",
        "web-by_status-errors",
        '203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 503 5 "-" "curl/8.5"',
        {"url": {"original": "/a"}},
    ),
    (
        "vector/3-routes",
        "web-by_status-rest",
        '203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 503 5 "-" "curl/8.5"',
        "filtered",
    ),
    (
        "vector/3-routes",
        "web-by_status-rest",
        '203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /healthz HTTP/1.1" 200 5 "-" "curl/8.5"',
        "filtered",
    ),
    (
        "vector/3-routes",
        "java",
        "2026-11-23 01:00:00 WARN slow\n  at Shop",
        {"message": "2026-11-23 01:00:00 WARN slow\n  at Shop", "level": "warn"},
    ),
    ("vector/3-routes", "java", "2026-11-23 01:00:00 INFO fast", "filtered"),
    (
        "vector/4-kubernetes",
        "pods",
        '2026-11-23T01:00:00.5Z stdout F {"message":"paid 4111111111111111"}',
        {"message": "paid [REDACTED]", "cluster": "value"},
    ),
    ("vector/5-json", "app", "it is up", {"message": "it is up"}),
    ("vector/5-json", "app", "DEBUG $1 x", "filtered"),
]  # fmt: skip
"""Example, pipeline, lines, and the fields of the document; `filtered` if there is none. None: a sample."""


@pytest.mark.parametrize(("name", "pipeline", "text", "expected"), LINES)
def test_a_line_becomes_the_document_that_the_other_tool_would_send(
    name: str,
    pipeline: str,
    text: str,
    expected: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    example = next(each for each in EXAMPLES if name_of(each) == name)
    config = expected_file(example)
    set_variables(example, monkeypatch)
    settings = read_yaml_file(config, Anything()).data["pipelines"][pipeline]
    sample = tmp_path / "sample.log"
    sample.write_text(f"{text}\n", encoding=settings.get("encoding", "utf-8"))
    assert main(["explain", str(sample), "--config", str(config), "--pipeline", pipeline, "--json"]) == 0
    (event,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    if expected is None:
        assert event["outcome"] in ("document", "filtered")
    elif expected == "filtered":
        assert event["outcome"] == "filtered"
    else:
        document = json.loads(event["document"])
        assert {path: document.get(path) for path in expected} == {**expected, **nested(expected, document)}


def nested(expected: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the objects of which only some fields are expected, as they are, if these fields are right."""
    return {
        name: document[name]
        for name, value in expected.items()
        if isinstance(value, dict) and value.items() <= document.get(name, {}).items()
    }


def test_each_example_reads_a_line() -> None:
    assert {name for name, *_ in LINES} >= {
        name_of(example) for example in EXAMPLES if not name_of(example).startswith(("fluent-bit/1", "vector/1"))
    }


def test_the_folder_has_no_result_without_its_example() -> None:
    results = {path.relative_to(FOLDER / "expected").with_suffix("") for path in FOLDER.glob("expected/*/*.yaml")}
    assert results == {Path(name_of(example)) for example in EXAMPLES}
