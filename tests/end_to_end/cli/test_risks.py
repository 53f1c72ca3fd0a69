"""Each start writes the risky settings to the log."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.processes import sidecar

SEARCH = {"type": "elasticsearch", "username": "u", "password": "p"}


def test_each_risk_is_in_the_log_of_each_start(tmp_path: Path) -> None:
    whole = {
        "state_dir": f"{tmp_path}/state", "pipelines": {"app": {"paths": [f"{tmp_path}/*.log"]}},
        "sinks": {
            "a": "mongodb://u:p@db.invalid/logs",
            "b": {**SEARCH, "hosts": ["https://127.0.0.1:1"], "verify": False},
        },
    }  # fmt: skip
    (tmp_path / "sidecar.yaml").write_text(json.dumps(whole))
    (tmp_path / "sidecar.yaml").chmod(0o600)
    done = sidecar("run", "--config", f"{tmp_path}/sidecar.yaml", "--once")
    said = [json.loads(line) for line in done.stderr.splitlines() if '"risky_setting"' in line]
    assert [(each["level"], each["where"]) for each in said] == [("warning", "sinks.a"), ("warning", "sinks.b")]
