"""Two pipelines that ship a file to the same place store each of its lines twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main
from sidecar.config.overlaps import find_overlaps
from sidecar.config.settings import Settings

SINKS = {"search": "elasticsearch://es/logs", "same": "elasticsearch://es/logs", "other": "elasticsearch://es/audit",
         "split": {"type": "elasticsearch", "hosts": "es", "index": "logs-{event.dataset:x}"}}  # fmt: skip
ERRORS = {"include_lines": ["ERROR"]}
OTHERS = {"transforms": [{"drop_when": "log.level == 'error'"}]}


def overlaps(one: Any, other: Any, found: set[str] | None = None) -> list[str]:
    """Where files of two pipelines overlap. `found`: the files that both match now."""
    pipelines = {"one": {"sinks": ["search"], **one}, "other": {"sinks": ["search"], **other}}
    settings = Settings.model_validate({"sinks": SINKS, "pipelines": pipelines})
    files = found or set()
    return [str(risk.reason) for risk in find_overlaps(settings, {"one": files, "other": files})]


@pytest.mark.parametrize(
    ("one", "other", "example"),
    [
        ({"paths": "/log/*.log"}, {"paths": "/log/*.log"}, "/log/*.log"),
        ({"paths": "/log/*.log"}, {"paths": "/log/app.log"}, "/log/app.log"),
        ({"paths": "/log/app.log"}, {"paths": ["/x", "/log/**"]}, "/log/app.log"),
        ({"paths": "/log/*/*.log"}, {"paths": "/log/app/*.log"}, "/log/app/*.log"),
        ({"paths": "/log/app.log"}, {"paths": "/log/app.log", "sinks": ["same", "other"]}, "/log/app.log"),
        ({"paths": "/log/app.log"}, {"paths": "/log/app.log", **ERRORS}, "/log/app.log"),
    ],
)
def test_a_file_of_two_pipelines_is_named(one: dict[str, Any], other: dict[str, Any], example: str) -> None:
    (said,) = overlaps(one, other)
    assert said == (
        f"{example} is also in the pipeline one, so elasticsearch://es:9200/logs stores each of its lines twice; "
        "exclude it in one of them, or filter in both"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"paths": "/log/a*.log"}, {"paths": "/log/b.log"}),
        ({"paths": "/log/*.log"}, {"paths": "/log/sub/app.log"}),
        ({"paths": "/log/*.log", "exclude": ["error.log"]}, {"paths": "/log/error.log"}),
        ({"paths": "/log/*.log", "exclude": ["error.log"]}, {"paths": "/log/err*.log"}),
        ({"paths": "/log/app.log"}, {"paths": "/log/app.log", "sinks": ["other"]}),
        ({"paths": "/log/app.log", "sinks": ["split"]}, {"paths": "/log/app.log", "sinks": ["split"]}),
        ({"paths": "/log/app.log", **ERRORS}, {"paths": "/log/app.log", **OTHERS}),
    ],
)
def test_pipelines_that_share_no_line_are_no_risk(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert overlaps(one, other) == []


def test_files_that_both_match_now_are_found_whatever_the_patterns_say() -> None:
    found = {"/log/ab.log", "/log/abb.log"}
    (said,) = overlaps({"paths": "/log/a*.log"}, {"paths": "/log/*b.log"}, found)
    assert said.startswith("/log/ab.log and 1 more is also in the pipeline one")
    assert overlaps({"paths": "/log/a*.log"}, {"paths": "/log/*b.log", "sinks": ["other"]}, found) == []


def test_check_warns_of_the_files_that_two_pipelines_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ab.log").write_text("line\n")
    config = tmp_path / "sidecar.yaml"
    pipelines = f"{{one: {{paths: '{tmp_path}/a*.log'}}, other: {{paths: '{tmp_path}/*b.log'}}}}"
    config.write_text(f"sinks: {{db: 'sqlite:///{tmp_path}/logs.db'}}\npipelines: {pipelines}\n")
    assert main(["check", "--config", str(config)]) == 0
    warning = f"warning: pipelines.other.paths: {tmp_path}/ab.log is also in the pipeline one"
    assert warning in capsys.readouterr().err
