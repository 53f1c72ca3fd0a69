"""The table of stages adds up, and has a figure for each stage that a workload has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.stages import STAGES, main


@pytest.mark.parametrize(
    ("name", "missing"), [("json", {"deliver"}), ("json → MongoDB", {"render"}), ("redact, 3 patterns", {"deliver"})]
)
def test_each_stage_has_its_figure(
    name: str, missing: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "stages.md"
    assert main(["--only", name, "--seconds", "0.1", "--lines", "1000", "--markdown", str(report)]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert report.read_text().splitlines()[-1] == told
    shown = dict(zip(["name", *STAGES, "all"], told.strip("| ").split(" | "), strict=True))
    assert {stage for stage in STAGES if shown[stage] == "–"} <= missing
    assert float(shown["all"]) == pytest.approx(sum(float(shown[r]) for r in STAGES if shown[r] != "–"), abs=0.05)
