"""The last message for the kubelet."""

from __future__ import annotations

import json
from pathlib import Path

from sidecar.kubernetes import termination_log as termination


def test_the_termination_message_is_one_line_within_the_limit_of_the_kubelet(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    termination.write_termination_message({"exit": 0}, file)
    assert not file.exists(), "outside of a Pod nobody makes the file"
    file.touch()
    termination.write_termination_message({"exit": 0, "sinks": {"search": {"stored": 5}}}, file)
    assert json.loads(file.read_text()) == {"exit": 0, "sinks": {"search": {"stored": 5}}}
    termination.write_termination_message({"error": "x" * 9000}, file)
    assert file.stat().st_size == 4096
