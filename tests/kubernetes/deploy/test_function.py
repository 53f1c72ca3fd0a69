"""`sidecar inject` as a function of the real Kustomize and as a plug-in of Argo CD, as the guide configures them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from sidecar.inject.settings import InjectionSettings
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


def test_the_plug_in_of_argo_cd_renders_what_inject_makes_of_the_files(tmp_path: Path) -> None:
    """Argo CD reads standard output, and takes another exit code for an error."""
    files = [each.text for each in read_commands(PAGE) if each.section == "Argo CD" and each.text.startswith("cat >")]
    subprocess.run(["sh", "-ec", "".join(files)], cwd=tmp_path, check=True)
    plugin = yaml.safe_load((tmp_path / "plugin.yaml").read_text())
    assert (plugin["apiVersion"], plugin["kind"]) == ("argoproj.io/v1alpha1", "ConfigManagementPlugin")
    (tmp_path / plugin["spec"]["discover"]["fileName"]).write_text("sink: elasticsearch://es:9200/logs\n")
    (tmp_path / "manifests").mkdir()
    for name in ("shop", "cart"):
        (tmp_path / f"manifests/{name}.yaml").write_text(DEPLOYMENT.replace("name: shop", f"name: {name}"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        plugin["spec"]["generate"]["command"], cwd=tmp_path, env={**ENVIRON, "PATH": path}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    rendered = list(yaml.safe_load_all(done.stdout))
    assert [each["metadata"]["name"] for each in rendered] == ["cart", "shop"]
    for each in rendered:
        assert each["spec"]["template"]["spec"]["initContainers"][0]["name"] == "log-sidecar"


def test_the_repo_server_of_argo_cd_gets_a_valid_container(tmp_path: Path) -> None:
    files = [each.text for each in read_commands(PAGE) if each.section == "Argo CD" and each.text.startswith("cat >")]
    subprocess.run(["sh", "-ec", "".join(files)], cwd=tmp_path, check=True)
    patch = yaml.safe_load((tmp_path / "repo-server.yaml").read_text())["spec"]["template"]["spec"]
    of_argo: list[dict[str, Any]] = [{"name": name, "emptyDir": {}} for name in ("var-files", "plugins")]
    spec = {**patch, "volumes": [*patch["volumes"], *of_argo]}
    deployment = yaml.safe_load(DEPLOYMENT)
    deployment["spec"]["template"]["spec"] = spec
    kubernetes_validate.validate(deployment, "1.34", strict=True)
    (container,) = patch["containers"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {each["name"] for each in spec["volumes"]}
    assert container["image"] == InjectionSettings().image
