"""What is redacted is nowhere: not in a document, not in a dead letter, not in the sidecar's own log."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.processes import sidecar


def test_a_secret_is_in_no_file_that_the_sidecar_writes(tmp_path: Path) -> None:
    lines = [
        b'{"time":"2026-11-23T01:00:00Z","message":"login","password":"hunter2"}',
        b'{"message":"card 4111 1111 1111 1111 of ann@example.com","n":1.50}',
        b"not json, password=hunter2",
        b'{"message":"bad \xff byte","pwd":"hunter2"}',
    ]
    (tmp_path / "app.log").write_bytes(b"\n".join(lines) + b"\n")
    config = {
        "state_dir": str(tmp_path / "state"),
        "sinks": {"db": f"sqlite:///{tmp_path}/logs.db", "out": f"file://{tmp_path}/out.ndjson"},
        "pipelines": {
            "app": {
                "paths": [str(tmp_path / "app.log")],
                "parser": "json",
                "encoding_errors": "strict",
                "transforms": [{"redact": ["password", "credit_card", "email"]}],
            }
        },
    }
    (tmp_path / "sidecar.yaml").write_text(json.dumps(config))
    done = sidecar("run", "--once", "--config", str(tmp_path / "sidecar.yaml"))
    assert done.returncode == 0, done.stderr
    letters = sidecar("dead-letters", "list", "--json", "--state-dir", str(tmp_path / "state"))
    assert len(letters.stdout.splitlines()) == 2, letters.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "app.log"]
    assert {path.name for path in written} >= {"logs.db", "out.ndjson", "state.db"}
    for secret in (b"hunter2", b"4111 1111", b"ann@example"):
        assert not [path.name for path in written if secret in path.read_bytes()]
        assert secret.decode() not in done.stderr + letters.stdout
    documents = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert documents[0]["password"] == "[REDACTED]"
    assert documents[1]["message"] == "card [REDACTED] of [REDACTED]"
    assert documents[2]["message"] == "not json, password=[REDACTED]"
