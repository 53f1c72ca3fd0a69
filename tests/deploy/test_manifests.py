"""The Pods of examples/kubernetes: valid, restricted, and with a configuration that the sidecar takes."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sidecar.settings import load

EXAMPLES = Path(__file__).parents[2] / "examples" / "kubernetes"
FILES = sorted(EXAMPLES.glob("*.yaml"))
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def pod(path: Path) -> dict[str, Any]:
    (found,) = [item for item in objects(path) if item["kind"] == "Pod"]
    spec: dict[str, Any] = found["spec"]
    return spec


def test_there_is_one_for_each_database() -> None:
    assert [path.name for path in FILES] == [
        "01-shared-var-log-elasticsearch.yaml",
        "01b-shared-var-log-mongodb.yaml",
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_object_is_valid_by_the_strict_schema_of_each_supported_version(path: Path, version: str) -> None:
    for item in objects(path):
        kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_container_holds_to_the_restricted_profile(path: Path) -> None:
    spec = pod(path)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["initContainers"] + spec["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert context["runAsUser"] > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_sidecar_is_native_and_shares_the_log_volume_read_only(path: Path) -> None:
    spec = pod(path)
    (sidecar,) = spec["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    volumes = {volume["name"] for volume in spec["volumes"]}
    for container in [sidecar, *spec["containers"]]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    mounts = {mount["name"]: mount for mount in sidecar["volumeMounts"]}
    assert mounts["app-log"]["readOnly"] is True
    assert "readOnly" not in mounts["state"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_configuration_and_environment_are_taken(path: Path, tmp_path: Path) -> None:
    (config,) = [item for item in objects(path) if item["kind"] == "ConfigMap"]
    (tmp_path / "password").write_text("x")
    text = config["data"]["sidecar.yaml"].replace("/etc/sidecar-secret", str(tmp_path))
    (tmp_path / "sidecar.yaml").write_text(text)
    (sidecar,) = pod(path)["initContainers"]
    environ = {item["name"]: item.get("value", "x") for item in sidecar["env"]}
    settings = load(tmp_path / "sidecar.yaml", environ)
    assert list(settings.pipelines) == ["app"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_comment_at_the_top_says_what_it_shows_and_what_goes_wrong_without_it(path: Path) -> None:
    text = path.read_text()
    for heading in ("# Shows:", "# Apply:", "# Look at:", "# Without it:"):
        assert heading in text
