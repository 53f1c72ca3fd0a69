"""Plug-ins for tests: examples installed as a user does, and small ones written by a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def install_example(name: str, folder: Path) -> Path:
    """Install an example with pip below `folder`. Return the directory for `PYTHONPATH`."""
    shutil.copytree(EXAMPLES / name, folder / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    site, source = folder / "site", folder / "source"
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(source)]
    subprocess.run(command, check=True)
    return site


def write_plugin(site: Path, group: str, name: str, source: str) -> Path:
    """Write a distribution `log-sidecar-test` whose module has an attribute `plugin`, which it registers."""
    (site / "log_sidecar_test-1.0.dist-info").mkdir(parents=True)
    (site / "log_sidecar_test-1.0.dist-info" / "METADATA").write_text("Name: log-sidecar-test\nVersion: 1.0\n")
    entry_points = f"[{group}]\n{name} = log_sidecar_test:plugin\n"
    (site / "log_sidecar_test-1.0.dist-info" / "entry_points.txt").write_text(entry_points)
    (site / "log_sidecar_test.py").write_text(source)
    return site


def run_sidecar(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the plug-ins of `site`."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "sidecar", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
