"""The Helm chart and the Kustomize component: rendered with the real tools, always the sidecar of the examples."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar import __version__
from tests.kubernetes.deploy import kubernetes_tools, podcheck
from tests.kubernetes.deploy.podcheck import Object
from tests.kubernetes.deploy.test_manifests import EXAMPLES, VERSIONS, objects, pods, taken, valid

ROOT = EXAMPLES.parent
CHART = ROOT / "deploy" / "helm" / "log-sidecar"
NATIVE = EXAMPLES / "kubernetes" / "03-native-deployment.yaml"
CLASSIC = EXAMPLES / "kubernetes" / "05-classic-job-share-pid.yaml"


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder with `helm` and `kubectl`."""
    return kubernetes_tools.prepared()


class Helm:
    """Helm with a copy of both charts, the dependency built, and settings of nobody else."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program, self._folder = program, folder
        for place in ("deploy/helm", "examples/helm"):
            shutil.copytree(ROOT / place, folder / place, ignore=shutil.ignore_patterns("charts", "Chart.lock"))
        self.run("dependency", "build", "examples/helm/shop")

    def run(self, *arguments: str) -> str:
        """What it prints. Raises `CalledProcessError`."""
        environ = {"HOME": str(self._folder), "PATH": "/usr/bin:/bin"}
        command = [str(self._program), *arguments]
        return subprocess.run(
            command, cwd=self._folder, env=environ, capture_output=True, text=True, check=True
        ).stdout

    def rendered(self, **values: Any) -> dict[str, Object]:
        """The objects of the user's chart by kind, with values of the library chart."""
        (self._folder / "values.json").write_text(json.dumps({"log-sidecar": values}))
        text = self.run("template", "shop", "examples/helm/shop", "--values", "values.json")
        return {item["kind"]: item for item in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def helm(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tools / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def kustomized(tools: Path) -> dict[str, Object]:
    """What `kubectl kustomize` makes of the example, by kind."""
    command = [str(tools / "kubectl"), "kustomize", str(EXAMPLES / "kustomize")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {item["kind"]: item for item in yaml.safe_load_all(text)}


def pod(rendered: dict[str, Object]) -> Object:
    spec = podcheck.pod_spec(rendered["Deployment"])
    assert spec
    return spec


def sidecar(path: Path) -> Object:
    """The one of an example."""
    (found,) = podcheck.sidecars(pods(path)[0])
    return deepcopy(found)


def volumes(spec: Object) -> dict[str, Object]:
    """By name; only the name of the ConfigMap differs from example to example."""
    found = {volume["name"]: volume for volume in deepcopy(spec["volumes"])}
    found["log-sidecar-config"]["configMap"]["name"] = "any"
    return found


NO_TOKEN = {
    "name": "log-sidecar-no-token",
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}


def in_any_pod(container: Object) -> Object:
    """The sidecar of an example, as a Pod has it that does not switch the token off."""
    return {**container, "volumeMounts": [*container["volumeMounts"], NO_TOKEN]}


def with_token(found: dict[str, Object]) -> dict[str, Object]:
    return {**found, "log-sidecar-no-token": {"name": "log-sidecar-no-token", "emptyDir": {}}}


def works(rendered: dict[str, Object], folder: Path) -> None:
    """Raises where one of the objects would not do on a cluster."""
    for item in rendered.values():
        for version in VERSIONS:
            valid(item, version)
    spec = pod(rendered)
    assert podcheck.problems(spec) == []
    assert podcheck.security_level(spec) == "restricted"
    (container,) = podcheck.sidecars(spec)
    taken(rendered["ConfigMap"]["data"]["sidecar.yaml"], container, folder)
    named = [volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume]
    assert named == [rendered["ConfigMap"]["metadata"]["name"]]


def test_the_charts_pass_lint(helm: Helm) -> None:
    helm.run("lint", "--strict", "deploy/helm/log-sidecar")
    helm.run("lint", "--strict", "examples/helm/shop")


def test_the_chart_adds_the_sidecar_of_the_examples(helm: Helm, tmp_path: Path) -> None:
    rendered = helm.rendered()
    works(rendered, tmp_path)
    assert pod(rendered)["initContainers"] == [in_any_pod(sidecar(NATIVE))]
    assert volumes(pod(rendered)) == with_token(volumes(pods(NATIVE)[0]))


def test_the_classic_container_is_that_of_the_examples(helm: Helm) -> None:
    values = {"mode": "classic", "exitWhen": "app-exits", "podRestartPolicy": "Never", "containerName": "import"}
    assert pod(helm.rendered(**values))["initContainers"] == [in_any_pod(sidecar(CLASSIC))]


def test_on_openshift_the_user_is_left_out(helm: Helm) -> None:
    rendered = helm.rendered(securityContext={"runAsUser": None, "runAsGroup": None})
    context = pod(rendered)["initContainers"][0]["securityContext"]
    assert context.keys() == sidecar(NATIVE)["securityContext"].keys() - {"runAsUser", "runAsGroup"}


def test_a_native_sidecar_needs_a_version_that_knows_it(helm: Helm) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        helm.run("template", "shop", "examples/helm/shop", "--kube-version", "1.28.0")
    assert "needs Kubernetes 1.29" in failed.value.stderr
    helm.run(
        "template", "shop", "examples/helm/shop", "--kube-version", "1.28.0", "--set", "log-sidecar.mode=classic"
    )


def test_the_component_leaves_volumes_with_usual_names_alone(tools: Path, tmp_path: Path) -> None:
    item = next(item for item in objects(EXAMPLES / "kustomize" / "deployment.yaml"))
    own = [
        {"name": "config", "configMap": {"name": "of-the-application"}},
        {"name": "state", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "podinfo", "emptyDir": {}},
    ]
    item = deepcopy(item)
    item["spec"]["template"]["spec"]["volumes"] += own
    (tmp_path / "app.yaml").write_text(yaml.safe_dump(item))
    shutil.copytree(ROOT / "deploy" / "kustomize" / "component", tmp_path / "component")
    (tmp_path / "kustomization.yaml").write_text("resources: [app.yaml]\ncomponents: [component]\n")
    command = [str(tools / "kubectl"), "kustomize", str(tmp_path)]
    made = yaml.safe_load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [volume for volume in made["spec"]["template"]["spec"]["volumes"] if volume in own] == own


def test_values_arrive(helm: Helm, tmp_path: Path) -> None:
    config = {
        "limits": {"memory": 1000000},
        "sinks": {"search": {"type": "elasticsearch", "hosts": ["https://es:9200"], "batch_bytes": "1MiB"}},
    }
    rendered = helm.rendered(
        config=config,
        secretName="credentials",
        configMapName="shipping",
        terminationGracePeriodSeconds=60,
        extraEnv=[{"name": "SIDECAR_LOG_LEVEL", "value": "debug"}],
        image={"repository": "registry.example/log-sidecar", "tag": "0.1.0"},
    )
    works(rendered, tmp_path)
    (container,) = podcheck.sidecars(pod(rendered))
    assert container["image"] == "registry.example/log-sidecar:0.1.0"
    assert podcheck.environment(container)["SIDECAR_LOG_LEVEL"] == "debug"
    assert {"name": "log-sidecar-secret", "mountPath": "/etc/sidecar-secret", "readOnly": True} in container[
        "volumeMounts"
    ]
    stored = yaml.safe_load(rendered["ConfigMap"]["data"]["sidecar.yaml"])
    assert stored["sinks"] == config["sinks"]
    assert stored["limits"] == config["limits"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"mod": "native"}, "'mod' not allowed"),
        ({"mode": "modern"}, "must be one of 'native', 'classic'"),
        ({"config": {"sinks": None}}, "log-sidecar.config.sinks is empty"),
        ({"resources": {"limits": {"ephemeral-storage": "1Gi"}}}, "resources"),
        *(({name: None}, f"missing property '{name}'") for name in ("image", "mode", "config", "log", "state")),
        ({"log": {"createVolume": None}}, "missing property 'createVolume'"),
    ],
)
def test_a_wrong_value_is_refused_with_the_reason(helm: Helm, values: dict[str, Any], told: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        helm.rendered(**values)
    assert told in failed.value.stderr


def test_every_value_has_a_comment_and_a_schema() -> None:
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())

    def leaves(values: Object, known: Object) -> list[str]:
        assert values.keys() <= known.keys()
        nested = {name for name, value in values.items() if known[name].get("additionalProperties") is False}
        deeper = [leaf for name in nested for leaf in leaves(values[name], known[name]["properties"])]
        return [*(values.keys() - nested), *deeper]

    for name in leaves(yaml.safe_load(text), schema["properties"]):
        assert re.search(rf"^ *#.*\n *{name}:", text, re.MULTILINE), name


def test_the_chart_has_the_version_of_the_sidecar() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {chart["version"], chart["appVersion"], values["image"]["tag"]} == {__version__}


def test_the_component_adds_the_sidecar_of_the_examples_first(kustomized: dict[str, Object], tmp_path: Path) -> None:
    works(kustomized, tmp_path)
    wanted = in_any_pod(sidecar(NATIVE))
    of_the_pod = {"SIDECAR_GRACE": "60", "CONTAINER_NAME": "shop"}
    wanted["env"] = [
        {**item, "value": of_the_pod[item["name"]]} if item["name"] in of_the_pod else item for item in wanted["env"]
    ]
    first, *others = pod(kustomized)["initContainers"]
    assert first == wanted
    assert [each["name"] for each in others] == ["migrate"]
    assert volumes(pod(kustomized)) == with_token(volumes(pods(NATIVE)[0]))


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Job"])
def test_the_component_adds_the_sidecar_to_other_kinds(kind: str, tools: Path, tmp_path: Path) -> None:
    (item,) = objects(EXAMPLES / "kustomize" / "deployment.yaml")
    (tmp_path / "app.yaml").write_text(yaml.safe_dump({**item, "kind": kind}))
    shutil.copytree(ROOT / "deploy" / "kustomize" / "component", tmp_path / "component")
    (tmp_path / "kustomization.yaml").write_text("resources: [app.yaml]\ncomponents: [component]\n")
    command = [str(tools / "kubectl"), "kustomize", str(tmp_path)]
    made = yaml.safe_load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert made["kind"] == kind
    spec = made["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["initContainers"]] == ["log-sidecar", "migrate"]


def test_a_deployment_without_the_label_stays_as_it_is(tools: Path, tmp_path: Path) -> None:
    plain = next(item for item in objects(NATIVE) if item["kind"] == "Deployment")
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(plain))
    shutil.copytree(ROOT / "deploy" / "kustomize" / "component", tmp_path / "component")
    (tmp_path / "kustomization.yaml").write_text("resources: [plain.yaml]\ncomponents: [component]\n")
    command = [str(tools / "kubectl"), "kustomize", str(tmp_path)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(made) == plain


def test_the_post_renderer_adds_the_sidecar_to_any_chart(tools: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    shutil.copy(ROOT / "tests" / "unit" / "inject" / "manifests" / "statefulset-with-claim.yaml", chart / "templates")
    shutil.copytree(ROOT / "deploy" / "helm" / "post-renderer", tmp_path / "plugins" / "log-sidecar")
    programs = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    environ = {"HOME": str(tmp_path), "HELM_PLUGINS": str(tmp_path / "plugins"), "PATH": programs}
    command = [str(tools / "helm"), "template", "shop", str(chart), "--post-renderer", "log-sidecar"]
    for argument in ("--sink", "elasticsearch://elasticsearch.logging:9200/logs"):
        command += ["--post-renderer-args", argument]
    text = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    (spec,) = filter(None, map(podcheck.pod_spec, yaml.safe_load_all(text)))
    assert [container["name"] for container in spec["initContainers"]] == ["log-sidecar", "setup"]
    command[-1] = "http://elasticsearch.logging:9200/logs"
    assert subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 1
