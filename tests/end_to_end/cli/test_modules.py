"""A running sidecar imports only what its configuration uses: each module costs memory in every Pod."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.plugins import run_sidecar, write_plugin

_RUN = """
import sys
from sidecar.__main__ import run_command
code = run_command()
print(*sys.modules)
sys.exit(code)
"""

_NOT_IMPORTED = (
    "dotenv",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "regex",
    "rich",
    "sidecar.admin.http_server",
    "sidecar.admin.page",
    "sidecar.config.loader",
    "sidecar.parse.formats.web",
    "sidecar.parse.grok_patterns.web",
    "sidecar.pipeline.auto_format",
    "sidecar.pipeline.detection",
    "sidecar.telemetry.otlp",
    "sidecar.tools",
    "sidecar.transform.redaction.detectors",
    "sidecar.transform.redaction.redactor",
    "sidecar.transform.user_agent",
    "yaml",
)


def _modules(folder: Path, pipeline: dict[str, Any]) -> set[str]:
    """Run the sidecar once over a file, and return the names of the modules that it has imported."""
    (folder / "app.log").write_text('{"message":"one"}\n')
    configuration = {
        "state_dir": f"{folder}/state",
        "sinks": {"out": f"file://{folder}/out.ndjson"},
        "pipelines": {"app": {"paths": f"{folder}/*.log", **pipeline}},
    }
    (folder / "sidecar.yaml").write_text(json.dumps(configuration))
    command = [sys.executable, "-c", _RUN, "run", "--once", "--config", str(folder / "sidecar.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_pipeline_of_json_imports_no_other_format(tmp_path: Path) -> None:
    assert not _modules(tmp_path, {"parser": "json"}) & set(_NOT_IMPORTED)


@pytest.mark.parametrize(
    ("pipeline", "module"),
    [
        ({"parser": ["nginx_error", "plain"]}, "sidecar.parse.formats.web"),
        ({"parser": {"type": "grok", "pattern": "%{GREEDYDATA:message}"}}, "sidecar.parse.grok_patterns.web"),
        ({"parser": "auto"}, "sidecar.pipeline.detection"),
        ({"transforms": [{"redact": ["email"]}]}, "sidecar.transform.redaction.redactor"),
    ],
)
def test_what_is_configured_is_imported(tmp_path: Path, pipeline: dict[str, Any], module: str) -> None:
    assert module in _modules(tmp_path, pipeline)


def test_a_run_whose_standard_streams_are_closed_delivers(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one\n")
    to = f"file://{tmp_path}/out.ndjson"
    run = [sys.executable, "-m", "sidecar", "run", "--once", f"{tmp_path}/*.log", "--to", to]
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *run, "--state-dir", f"{tmp_path}/state"]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert '"one"' in (tmp_path / "out.ndjson").read_text()


def test_an_end_of_the_process_that_reads_the_settings_is_reported(tmp_path: Path) -> None:
    site = write_plugin(tmp_path / "site", "log_sidecar.transforms", "broken", "import os; os._exit(7)")
    (tmp_path / "sidecar.yaml").write_text(
        f"sinks: {{out: 'file://{tmp_path}/out'}}\npipelines: {{app: {{paths: /a.log, transforms: [broken]}}}}\n"
    )
    done = run_sidecar(site, "run", "--once", "--config", f"{tmp_path}/sidecar.yaml")
    assert done.returncode == 2
    assert "the process that reads the settings has ended with exit code 7" in done.stderr
