"""What `sidecar explain` shows is what `sidecar run` would store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.cli import main


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    assert main(["explain", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_sample_in_utf_16_is_cut_and_joined_as_the_reader_does_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str
) -> None:
    sample, configuration = tmp_path / "app.log", tmp_path / "sidecar.yaml"
    sample.write_bytes("\ufeff\u010a first\n  at home\nsecond \u0a0a\n".encode(codec))
    configuration.write_text(
        f"sinks: {{out: 'sqlite:///{tmp_path}/logs.db'}}\n"
        f"pipelines: {{app: {{paths: [{sample}], sinks: [out], encoding: utf-16, multiline: indent, parser: plain}}}}\n"
    )
    found = explained(capsys, str(sample), "--config", str(configuration))
    assert [json.loads(item["document"])["message"] for item in found] == ["\u010a first\n  at home", "second \u0a0a"]
    assert [json.loads(item["document"])["log"]["offset"] for item in found] == [0, 38]
