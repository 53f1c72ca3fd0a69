"""A plain probe loads little, and answers as the command with options does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.cli import main

PROBE = """
import sys
sys.argv = ["sidecar", "probe", "live"]
from sidecar.__main__ import run_command
code = run_command()
heavy = {"argparse", "asyncio", "inspect", "logging", "pydantic", "sidecar.cli", "yaml"}
print(sorted(heavy & set(sys.modules)), code)
"""


def test_a_plain_probe_loads_no_command_line(tmp_path: Path) -> None:
    environ = {"SIDECAR_STATE_DIR": str(tmp_path)}
    command = [
        sys.executable,
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r}){PROBE}",
    ]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    message, loaded = done.stdout.splitlines()
    advice = "pass its state directory with --state-dir"
    assert message == f"no sidecar runs with this state directory ({tmp_path}); {advice}"
    assert loaded == "[] 1"


@pytest.mark.parametrize("kind", ["live", "ready", "startup"])
def test_both_ways_give_one_answer(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDECAR_STATE_DIR", str(tmp_path))
    plain = subprocess.run(
        [sys.executable, "-m", "sidecar", "probe", kind], capture_output=True, text=True, check=False
    )
    assert main(["probe", kind]) == plain.returncode == 1
    assert capsys.readouterr().out == plain.stdout
