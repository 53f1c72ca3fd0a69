"""The Pods of examples/kubernetes: valid, restricted where they can be, with a configuration that is taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sidecar.kubernetes.endings import ExitRule, FileAppears, Never
from sidecar.kubernetes.endings import rule_of as rule_of_text
from sidecar.kubernetes.pod import Pod
from sidecar.settings import load

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "kubernetes"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
NOT_RESTRICTED = {"09-host-namespaces.yaml"}
NOT_OF_KUBERNETES = {"PodMonitor"}
"""Kinds that an operator brings along; no schema of Kubernetes knows them."""

Object = dict[str, Any]

by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def objects(path: Path) -> list[Object]:
    return list(yaml.safe_load_all(path.read_text()))


def pods(path: Path) -> Iterator[Object]:
    """The inside of every Pod that the file makes, in whatever it is wrapped."""
    for item in objects(path):
        if item["kind"] == "Pod":
            yield item["spec"]
        elif item["kind"] == "CronJob":
            yield item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in item.get("spec", {}):
            yield item["spec"]["template"]["spec"]


def containers(spec: Object) -> list[Object]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def sidecars(path: Path) -> list[tuple[Object, Object]]:
    """(Pod, container) of each sidecar that ships."""
    return [(spec, each) for spec in pods(path) for each in containers(spec) if each["name"] == "log-sidecar"]


def environ(container: Object) -> dict[str, str]:
    return {item["name"]: item.get("value", "x") for item in container["env"]}


def test_every_file_has_its_place_in_the_index() -> None:
    index = (ROOT / "examples" / "README.md").read_text()
    for path in FILES:
        name = path.relative_to(EXAMPLES)
        assert f"(kubernetes/{name.parts[0]})" in index, name


@pytest.mark.parametrize("version", VERSIONS)
@by_file
def test_every_object_is_valid_by_the_strict_schema_of_each_supported_version(path: Path, version: str) -> None:
    for item in objects(path):
        if item["kind"] not in NOT_OF_KUBERNETES:
            kubernetes_validate.validate(item, version, strict=True)


@by_file
def test_the_comment_at_the_top_says_what_it_shows_and_what_goes_wrong_without_it(path: Path) -> None:
    text = path.read_text()
    for heading in ("# Shows:", "# Apply: kubectl apply -f ", "# Look at:", "# Without it:"):
        assert heading in text
    assert f"kubectl apply -f {path.name}" in text


@by_file
def test_every_container_holds_to_the_restricted_profile(path: Path) -> None:
    for spec in pods(path):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        host = {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert bool(host) is (path.name in NOT_RESTRICTED)
        for container in containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert context["runAsUser"] > 0


@by_file
def test_what_the_schemas_do_not_see(path: Path) -> None:
    for spec in pods(path):
        names = [each["name"] for each in containers(spec)]
        assert len(names) == len(set(names))
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        claims = {"app-log", "state"} if path.name == "13-statefulset-pvc.yaml" else set()
        for container in containers(spec):
            mounts = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounts} <= volumes | claims
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)
            assert container["resources"]["limits"].keys() == container["resources"]["requests"].keys()
        for container in spec.get("initContainers", []):
            is_sidecar = container.get("restartPolicy") == "Always"
            assert is_sidecar or not {"lifecycle", "livenessProbe", "readinessProbe"} & container.keys()


@by_file
def test_the_sidecar_knows_how_the_pod_treats_it(path: Path) -> None:
    for spec, container in sidecars(path):
        said = environ(container)
        pod = Pod.of(said)
        is_native = container in spec.get("initContainers", [])
        assert pod.mode == ("native" if is_native else "classic")
        assert (container.get("restartPolicy") == "Always") is is_native
        assert pod.grace_s == spec["terminationGracePeriodSeconds"]
        assert said["SIDECAR_ON_CONFIG_ERROR"] == "park"
        if not is_native:
            assert pod.restart_policy == spec.get("restartPolicy", "Always")
        if said.get("SIDECAR_EXIT_WHEN") == "app-exits":
            assert spec["shareProcessNamespace"] is True
        else:
            rule: ExitRule = rule_of_text(said.get("SIDECAR_EXIT_WHEN", ""), pod)
            assert isinstance(rule, FileAppears if "SIDECAR_EXIT_WHEN" in said else Never)


@by_file
def test_it_reads_the_logs_and_writes_only_its_state(path: Path) -> None:
    for _, container in sidecars(path):
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert [name for name, mount in mounts.items() if not mount.get("readOnly")] == ["state"]
        assert container["livenessProbe"]["exec"]["command"] == ["sidecar", "probe", "live"]
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"


@by_file
def test_its_configuration_and_environment_are_taken(path: Path, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    maps = {item["metadata"]["name"]: item["data"] for item in objects(path) if item["kind"] == "ConfigMap"}
    for spec, container in sidecars(path):
        (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "config"]
        text = maps[volume["configMap"]["name"]]["sidecar.yaml"].replace("/etc/sidecar-secret", str(tmp_path))
        (tmp_path / "sidecar.yaml").write_text(text)
        assert load(tmp_path / "sidecar.yaml", environ(container)).pipelines
