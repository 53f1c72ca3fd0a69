"""`sidecar inject` as a function of the real Kustomize, by the commands of the guide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.page_commands import read_commands
from tests.support.processes import ENVIRON, sidecar
from tests.support.servers.go_programs import KUSTOMIZE

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "inject.md"
SECTION = "Kustomize and kpt"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      containers:
        - {name: web, image: "nginx:1.27"}
"""


def test_kustomize_makes_of_a_deployment_what_inject_makes_of_its_file(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "kustomize").symlink_to(KUSTOMIZE.found())
    (tmp_path / "deployment.yaml").write_text(DEPLOYMENT)
    commands = [each.text for each in read_commands(PAGE) if each.section == SECTION and "kpt" not in each.text]
    assert len(commands) == 4
    path = ":".join(map(str, (programs, Path(sys.executable).parent, os.environ["PATH"])))
    done = subprocess.run(
        ["bash", "-ec", "".join(commands)], cwd=tmp_path, env={**ENVIRON, "PATH": path}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sink = yaml.safe_load((tmp_path / "inject.yaml").read_text())["spec"]["sink"]
    expected = sidecar("inject", str(tmp_path / "deployment.yaml"), "--sink", sink).stdout
    assert "log-sidecar" in expected
    assert yaml.safe_load(done.stdout) == yaml.safe_load(expected)
