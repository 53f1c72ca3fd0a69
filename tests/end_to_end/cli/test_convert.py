"""A configuration of another tool is converted, and the result ships the lines, each once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.processes import sidecar

SOURCES = {
    "filebeat.yml": """
filebeat.inputs:
  - type: filestream
    paths: [{folder}/*.log]
    parsers: [{{ndjson: {{target: ""}}}}]
    processors: [{{drop_event.when.equals.level: debug}}]
output.file: {{path: {folder}, filename: out}}
""",
    "fluent-bit.conf": """
[INPUT]
    Name tail
    Path {folder}/*.log
    Parser json
    Read_from_Head On
[FILTER]
    Name grep
    Match *
    Exclude level debug
[OUTPUT]
    Name file
    Match *
    Path {folder}
    File out.ndjson
""",
    "promtail.yaml": """
scrape_configs:
  - job_name: app
    static_configs: [{{labels: {{__path__: '{folder}/*.log'}}}}]
    pipeline_stages: [{{json: {{expressions: {{level: }}}}}}, {{drop: {{source: level, value: debug}}}}]
""",
    "vector.toml": """
[sources.app]
type = "file"
include = ["{folder}/*.log"]
[transforms.parsed]
type = "remap"
inputs = ["app"]
source = '''
. = parse_json!(.message)
if .level == "debug" {{ abort }}
'''
[sinks.out]
type = "file"
inputs = ["parsed"]
path = "{folder}/out.ndjson"
""",
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_result_of_a_conversion_ships_each_line_once(name: str, tmp_path: Path) -> None:
    source, config = tmp_path / name, tmp_path / "sidecar.yaml"
    source.write_text(SOURCES[name].format(folder=tmp_path))
    lines = [json.dumps({"n": n, "level": "debug" if n % 3 == 0 else "info"}) for n in range(30)]
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in lines))
    done = sidecar("convert", str(source), "--output", str(config))
    assert done.returncode == 0, done.stderr
    assert "run `sidecar check --config" in done.stderr
    shipped = []
    for _ in range(2):
        done = sidecar("run", "--config", str(config), "--once", "--state-dir", f"{tmp_path}/state")
        assert done.returncode == 0, done.stderr
        shipped += done.stdout.splitlines()
    if (out := tmp_path / "out.ndjson").exists():
        shipped += out.read_text().splitlines()
    assert [json.loads(line)["n"] for line in shipped] == [n for n in range(30) if n % 3]
