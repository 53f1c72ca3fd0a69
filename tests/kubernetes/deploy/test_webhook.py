"""The manifests and the chart of the webhook: valid, restricted, without rights, with settings that it accepts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import trustme
import yaml

from sidecar import __version__
from sidecar.cli import build_parser
from sidecar.inject.settings import InjectionSettings, build_settings, read_values
from sidecar.webhook.certs import render_configuration
from tests.kubernetes.deploy import kubernetes_tools, podcheck
from tests.kubernetes.deploy.podcheck import Object

ROOT = Path(__file__).parents[3]
BASE = ROOT / "deploy" / "webhook" / "base"
CHART = ROOT / "deploy" / "helm" / "log-sidecar-webhook"
GUIDE = ROOT / "docs" / "how-to" / "webhook.md"
VERSIONS = [f"1.{minor}" for minor in range(30, 38)]  # matchConditions are stable since 1.30
RENDERED = (
    "kustomize base", "kustomize cert-manager", "kustomize self-managed", "helm cert-manager", "helm secret",
    "helm webhook",
)  # fmt: skip
SELF_MANAGED = ("kustomize self-managed", "helm webhook")


def rendered(kind: str) -> list[Object]:
    """The objects as one of the tools makes them."""
    programs = kubernetes_tools.prepared()
    if kind.startswith("kustomize"):
        command = [str(programs / "kubectl"), "kustomize", str(BASE.parent / kind.split()[1])]
    else:
        command = [
            str(programs / "helm"), "template", "log-sidecar-webhook", str(CHART), "--namespace", "log-sidecar",
            "--set", "settings.sink=elasticsearch://elasticsearch.logging:9200/logs",
            "--set", "namespaces.shop.profile=busy", "--set", f"certificate.source={kind.split()[1]}",
        ]  # fmt: skip
        if kind == "helm secret":
            command += ["--set", "certificate.caBundle=eA=="]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [item for item in yaml.safe_load_all(text) if item]


@pytest.fixture(params=RENDERED, scope="module")
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return rendered(request.param)


def one(items: list[Object], kind: str) -> Object:
    (found,) = [item for item in items if item["kind"] == kind]
    return found


def test_every_object_is_valid_by_the_strict_schemas(objects: list[Object]) -> None:
    for item in objects:
        if item["apiVersion"] != "cert-manager.io/v1":
            for version in VERSIONS:
                kubernetes_validate.validate(item, version, strict=True)


def test_the_pods_are_restricted_and_have_neither_rights_nor_a_way_out(objects: list[Object]) -> None:
    spec = podcheck.pod_spec(one(objects, "Deployment"))
    assert spec is not None
    assert podcheck.problems(spec) == []
    assert podcheck.security_level(spec) == "restricted"
    policy = one(objects, "NetworkPolicy")["spec"]
    if not is_self_managed(objects):
        assert spec["automountServiceAccountToken"] is False
        assert not [item for item in objects if "Role" in item["kind"] or item["kind"] == "ServiceAccount"]
        assert policy["egress"] == []
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert "ephemeral-storage" not in spec["containers"][0]["resources"]["limits"]


def is_self_managed(objects: list[Object]) -> bool:
    return "--manage-certificates" in one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("kind", SELF_MANAGED)
def test_a_webhook_that_manages_its_certificate_has_rights_on_three_objects_that_exist(kind: str) -> None:
    items = rendered(kind)
    assert is_self_managed(items)
    account = one(items, "ServiceAccount")["metadata"]["name"]
    spec = one(items, "Deployment")["spec"]["template"]["spec"]
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (account, True)
    for binding in (one(items, "RoleBinding"), one(items, "ClusterRoleBinding")):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "log-sidecar"}]
    rules = [rule for role in ("Role", "ClusterRole") for rule in one(items, role)["rules"]]
    allowed = {rule["resources"][0]: (rule["resourceNames"], rule["verbs"]) for rule in rules}
    names = {
        "secrets": one(items, "Secret"),
        "leases": one(items, "Lease"),
        "mutatingwebhookconfigurations": one(items, "MutatingWebhookConfiguration"),
    }
    verbs = {"secrets": "update", "leases": "update", "mutatingwebhookconfigurations": "patch"}
    assert allowed == {kind: ([item["metadata"]["name"]], ["get", verbs[kind]]) for kind, item in names.items()}
    assert not {"data", "stringData"} & one(items, "Secret").keys()  # an upgrade keeps what the webhook wrote
    volume = next(each for each in spec["volumes"] if each["name"] == "tls")
    assert volume["emptyDir"]["medium"] == "Memory"
    mount = next(each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "tls")
    assert not mount["readOnly"]
    ports = [port["port"] for rule in one(items, "NetworkPolicy")["spec"]["egress"] for port in rule["ports"]]
    assert ports == [443, 6443]


def test_the_replicas_are_spread_and_kept(objects: list[Object]) -> None:
    deployment = one(objects, "Deployment")
    assert deployment["spec"]["replicas"] == 2
    labels = deployment["spec"]["selector"]["matchLabels"]
    assert labels.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert one(objects, "Service")["spec"]["selector"] == labels
    spec = deployment["spec"]["template"]["spec"]
    assert [each["topologyKey"] for each in spec["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone", "kubernetes.io/hostname",
    ]  # fmt: skip


def test_the_command_and_the_settings_are_accepted(objects: list[Object]) -> None:
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    options = build_parser(container["args"]).parse_args(container["args"])
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    for path in (options.cert.parent, options.key.parent, options.settings.parent, options.namespaces):
        assert str(path) in mounts
    assert options.listen == ("", container["ports"][0]["containerPort"])
    texts = {
        name: text
        for item in objects
        if item["kind"] == "ConfigMap"
        for name, text in (item.get("data") or {}).items()
    }
    assert build_settings(read_values(texts["settings.yaml"], "settings.yaml")).sink
    assert container["image"] == f"log-sidecar:{__version__}"


def comparable(configuration: Object) -> list[Object]:
    hooks: list[Object] = configuration["webhooks"]
    return [{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": ""}} for hook in hooks]


def test_the_configuration_is_that_of_the_command(objects: list[Object]) -> None:
    found = one(objects, "MutatingWebhookConfiguration")
    expected = yaml.safe_load(render_configuration("log-sidecar-webhook", "log-sidecar"))
    assert comparable(found) == comparable(expected)
    for hook in found["webhooks"]:
        assert (hook["failurePolicy"], hook["sideEffects"], hook["reinvocationPolicy"]) == (
            "Ignore", "None", "IfNeeded",
        )  # fmt: skip
        excluded = hook["namespaceSelector"]["matchExpressions"][0]["values"]
        assert {"kube-system", "kube-node-lease", "log-sidecar"} <= set(excluded)


def test_a_certificate_is_for_the_service_and_in_the_secret_that_is_mounted(objects: list[Object]) -> None:
    service = one(objects, "Service")["metadata"]["name"]
    certificates = [item for item in objects if item["kind"] == "Certificate" and not item["spec"].get("isCA")]
    for certificate in certificates:
        assert f"{service}.log-sidecar.svc" in certificate["spec"]["dnsNames"]
        volumes = one(objects, "Deployment")["spec"]["template"]["spec"]["volumes"]
        assert certificate["spec"]["secretName"] in [volume.get("secret", {}).get("secretName") for volume in volumes]
        annotations = one(objects, "MutatingWebhookConfiguration")["metadata"]["annotations"]
        name = certificate["metadata"]["name"]
        assert annotations == {"cert-manager.io/inject-ca-from": f"log-sidecar/{name}"}


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(kubernetes_tools.prepared() / "helm"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_chart_passes_lint_and_refuses_wrong_values() -> None:
    assert helm("lint", "--strict", str(CHART)).returncode == 0
    wrong: dict[str, str] = {
        "replica=3": "replica", "failurePolicy=Never": "failurePolicy", "certificate.source=secret": "caBundle",
        "certificate.caBundle=-----BEGIN": "caBundle", "namespaces.a/b.profile=busy": "a/b",
        "settings.snik=stdout:": "snik", "image=null": "image", "image.tag=null": "tag", "settings=null": "settings",
        "user=null": "user",
        "certificate.apiServerPorts=null": "apiServerPorts", "excludedNamespaces=null": "excludedNamespaces",
        "networkPolicy=null": "networkPolicy", "failurePolicy=null": "failurePolicy", "replicas=null": "replicas",
    }  # fmt: skip
    for value, told in wrong.items():
        done = helm("template", "x", str(CHART), "--set", value)
        assert done.returncode != 0
        assert told in done.stderr
        assert "schema" in done.stderr or "caBundle" in done.stderr


def test_the_schema_of_the_chart_knows_the_settings() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["properties"]["settings"]["propertyNames"]["enum"] == sorted(InjectionSettings.__struct_fields__)


def test_an_issuer_and_openshift_can_be_set() -> None:
    values = ("certificate.issuerRef.name=company", "certificate.issuerRef.kind=ClusterIssuer",
              "user.runAsUser=null", "user.runAsGroup=null", "user.fsGroup=null")  # fmt: skip
    text = helm("template", "x", str(CHART), *(part for value in values for part in ("--set", value))).stdout
    items: list[Any] = list(yaml.safe_load_all(text))
    assert one(items, "Certificate")["spec"]["issuerRef"] == {"name": "company", "kind": "ClusterIssuer"}
    assert not [item for item in items if item["kind"] == "Issuer"]
    spec = one(items, "Deployment")["spec"]["template"]["spec"]
    assert not {"runAsUser", "runAsGroup"} & spec["containers"][0]["securityContext"].keys()
    assert "securityContext" not in spec


@pytest.mark.parametrize(
    ("source", "secret"), [("cert-manager", "company"), ("webhook", "x-log-sidecar-webhook-tls")]
)
def test_the_operator_of_prometheus_finds_the_webhook_and_its_alerts(source: str, secret: str) -> None:
    values = ("monitoring.podMonitor=true", "monitoring.rules=true", "monitoring.labels.release=prometheus",
              "certificate.secretName=company", f"certificate.source={source}")  # fmt: skip
    arguments = [part for value in values for part in ("--set", value)]
    items = list(yaml.safe_load_all(helm("template", "x", str(CHART), "--namespace", "infra", *arguments).stdout))
    monitor = one(items, "PodMonitor")
    template = one(items, "Deployment")["spec"]["template"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert endpoint["tlsConfig"]["serverName"] == f"{one(items, 'Service')['metadata']['name']}.infra.svc"
    assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": secret, "key": "ca.crt"}
    made = [item["metadata"]["name"] for item in items if item["kind"] == "Secret"]
    made += [item["spec"]["secretName"] for item in items if item["kind"] == "Certificate"]
    assert secret in made
    rules = one(items, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((CHART / "rules.yaml").read_text())
    for item in (monitor, rules):
        assert item["metadata"]["labels"]["release"] == "prometheus"


def test_the_chart_lets_only_some_clients_connect_and_ask(tmp_path: Path) -> None:
    (page,) = re.findall(r"```yaml\n# values.yaml of the chart\n(networkPolicy:.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "values.yaml").write_text(page)
    (tmp_path / "client-ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    done = helm(
        "template", "x", str(CHART), f"--values={tmp_path}/values.yaml",
        f"--set-file=clientCa={tmp_path}/client-ca.crt",
    )  # fmt: skip
    items = list(yaml.safe_load_all(done.stdout))
    policy = one(items, "NetworkPolicy")["spec"]["ingress"]
    assert policy == [
        {"from": yaml.safe_load(page)["networkPolicy"]["from"], "ports": [{"port": 8443, "protocol": "TCP"}]}
    ]
    (container,) = one(items, "Deployment")["spec"]["template"]["spec"]["containers"]
    (file,) = [Path(each.partition("=")[2]) for each in container["args"] if each.startswith("--client-ca=")]
    (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == str(file.parent)]
    (stored,) = [item for item in items if item["metadata"]["name"].endswith("-settings")]
    assert mount["name"] == "settings"
    assert stored["data"][file.name].strip() == (tmp_path / "client-ca.crt").read_text().strip()


def test_the_chart_has_the_version_of_the_sidecar() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {chart["version"], chart["appVersion"], values["image"]["tag"]} == {__version__}
