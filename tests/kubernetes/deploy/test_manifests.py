"""The manifests of examples/kubernetes: valid, as secure as they say, with configurations that the sidecar takes."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sidecar import __version__
from sidecar.config.loader import load
from sidecar.inject.lint import lint
from sidecar.kubernetes.exit_rules import NoExitRule, parse_exit_rule
from sidecar.kubernetes.pod import Pod
from tests.kubernetes.deploy import podcheck
from tests.kubernetes.deploy.podcheck import Object

EXAMPLES = Path(__file__).parents[3] / "examples"
ROOT = EXAMPLES.parent
FILES = sorted((EXAMPLES / "kubernetes").rglob("*.yaml"))
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]
IMAGES = {"log-sidecar:0.1.0", "docker.io/library/busybox:1.36"}
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EXAMPLES / "kubernetes")))


@cache
def objects(path: Path) -> list[Object]:
    return list(yaml.safe_load_all(path.read_text()))


def pods(path: Path) -> list[Object]:
    return [spec for spec in map(podcheck.pod_spec, objects(path)) if spec]


def valid(item: Object, version: str) -> None:
    """Raises where the strict schema of a version does not take an object."""
    if item["kind"] == "PodMonitor":
        # Of another project, and not in the schemas: only what ours has in it.
        assert item["apiVersion"] == "monitoring.coreos.com/v1"
        assert item["spec"].keys() == {"selector", "podMetricsEndpoints"}
        for endpoint in item["spec"]["podMetricsEndpoints"]:
            assert endpoint == {"portNumber": 9600, "path": "/metrics", "interval": "30s"}
    else:
        kubernetes_validate.validate(item, version, strict=True)


@each_file
def test_every_object_is_valid_by_the_strict_schema_of_each_supported_version(path: Path) -> None:
    for version in VERSIONS:
        for item in objects(path):
            valid(item, version)


@each_file
def test_every_pod_keeps_the_rules_that_no_schema_knows(path: Path) -> None:
    assert [problem for spec in pods(path) for problem in podcheck.problems(spec)] == []


@each_file
def test_every_pod_is_as_secure_as_its_file_says(path: Path) -> None:
    (claimed,) = re.findall(r"^# Pod Security: (\w+)$", path.read_text(), re.MULTILINE)
    assert {podcheck.security_level(spec) for spec in pods(path)} <= {claimed}


@each_file
def test_every_pod_has_no_api_token_and_no_service_links(path: Path) -> None:
    assert [problem for spec in pods(path) for problem in podcheck.pod_problems(spec)] == []


@each_file
def test_lint_finds_nothing(path: Path) -> None:
    """Check for disk limits, common names, ignored SIGTERM, tokens, frequent probes, open DNS, and other rules."""
    assert lint(path.read_text()) == []


def test_each_name_is_used_by_one_example() -> None:
    files = [path for path in FILES if "12-phases" not in path.parts]
    named = [
        (item["metadata"].get("namespace"), item["kind"], item["metadata"]["name"])
        for path in [
            *files,
            EXAMPLES / "kustomize" / "deployment.yaml",
            ROOT / "deploy/kustomize/base/configmap.yaml",
        ]
        for item in objects(path)
    ]
    assert [name for name, count in Counter(named).items() if count > 1] == []


def test_the_image_has_the_name_that_the_build_command_gives_it() -> None:
    (tag,) = set(
        re.findall(
            r"docker build -f deploy/Dockerfile .*?-t (\S+) \.", (ROOT / "deploy/README.md").read_text(), re.DOTALL
        )
    )
    assert tag == f"log-sidecar:{__version__}"
    assert tag in IMAGES


def test_the_debug_container_sees_the_logs_of_its_example() -> None:
    path = EXAMPLES / "kubernetes" / "08-debug-shell.yaml"
    custom = json.loads((path.parent / "08-debug-container.json").read_text())
    assert "--custom=08-debug-container.json" in path.read_text()
    shop = next(each for spec in pods(path) for each in spec["containers"] if each["name"] == "shop")
    assert custom["securityContext"]["runAsUser"] == shop["securityContext"]["runAsUser"]
    (mount,) = custom["volumeMounts"]
    assert {**shop["volumeMounts"][0], "readOnly": True} == mount


@each_file
def test_volumes_name_what_is_in_the_same_file(path: Path) -> None:
    there = {(item["kind"], item["metadata"]["name"]) for item in objects(path)}
    for volume in (volume for spec in pods(path) for volume in spec.get("volumes", [])):
        if "configMap" in volume:
            assert ("ConfigMap", volume["configMap"]["name"]) in there
        if "secret" in volume:
            assert ("Secret", volume["secret"]["secretName"]) in there


@each_file
def test_every_configuration_is_taken_with_the_environment_of_its_container(path: Path, tmp_path: Path) -> None:
    texts = {item["metadata"]["name"]: item["data"] for item in objects(path) if item["kind"] == "ConfigMap"}
    for spec in pods(path):
        for container in podcheck.sidecars(spec):
            (name,) = [each["configMap"]["name"] for each in spec["volumes"] if each["name"] == "log-sidecar-config"]
            taken(texts[name]["sidecar.yaml"], container, tmp_path)


@each_file
def test_the_rule_by_which_it_ends_is_taken(path: Path) -> None:
    for spec in pods(path):
        for container in podcheck.sidecars(spec):
            said = podcheck.environment(container)
            if said.get("SIDECAR_EXIT_WHEN") != "app-exits":  # which looks at the processes of this machine
                rule = parse_exit_rule(said.get("SIDECAR_EXIT_WHEN", ""), Pod.from_environ(said))
                assert isinstance(rule, NoExitRule) is ("SIDECAR_EXIT_WHEN" not in said)


def taken(text: str, container: Object, folder: Path) -> None:
    """Raises where the sidecar of a container would not take a configuration; its secrets stand in a folder."""
    for name in ("password", "ca.crt"):
        (folder / name).write_text("x")
    (folder / "sidecar.yaml").write_text(text.replace("/etc/sidecar-secret", str(folder)))
    environ = podcheck.environment(container)
    assert environ["SIDECAR_CONFIG"] == "/etc/sidecar/sidecar.yaml"
    load(folder / "sidecar.yaml", environ)


def test_examples_need_two_images_and_never_write_to_the_same_place() -> None:
    where = [path for path in FILES if path.name != "10-image-pull-policy.yaml"]
    found = {each["image"] for path in where for spec in pods(path) for each in podcheck.containers(spec)}
    assert found == IMAGES
    stored = [
        target
        for path in FILES
        for item in objects(path)
        if item["kind"] == "ConfigMap"
        for target in re.findall(r"(?:elasticsearch|mongodb)\S*://[^\s\"]+", item["data"]["sidecar.yaml"])
    ]
    assert len(stored) == len(set(stored)) > 20


@each_file
def test_the_comment_at_the_top_says_what_it_shows_and_what_goes_wrong_without_it(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^# (Shows|Apply|Look at|Without it|Pod Security): ", text, re.MULTILINE)
    assert headings == ["Shows", "Apply", "Look at", "Without it", "Pod Security"]
    assert f"kubectl apply -f {path.name}" in text


def test_every_example_is_in_the_index() -> None:
    index = (EXAMPLES / "README.md").read_text()
    assert [path.name for path in FILES if f"({path.relative_to(EXAMPLES)})" not in index] == []
    linked = re.findall(r"\]\((kubernetes/\S+|helm/\S+|kustomize/\S+)\)", index)
    assert [name for name in linked if not (EXAMPLES / name).exists()] == []
