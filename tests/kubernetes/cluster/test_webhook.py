"""The tutorial on a real node: an unchanged application ships its logs by webhook, by file and by policy.

Between its sections: what happens to Pods while the webhook is slow, down, or removed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.inject import names
from tests.kubernetes.cluster.cluster import Cluster, Namespace, Object, wait
from tests.kubernetes.cluster.databases import Elasticsearch, endpoint, service
from tests.kubernetes.cluster.manifests import SIDECAR, job
from tests.support.page_commands import read_commands
from tests.support.pods import pod

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorial-kubernetes.md"
INDEX = "logs"
WEBHOOK, CONTAINER = "log-sidecar-webhook", "webhook"
MADE = {
    "mutatingwebhookconfiguration": [WEBHOOK],
    "namespace": ["log-sidecar", "by-webhook", "by-file", "by-policy"],
}
"""What the page makes in the whole cluster, but for the policies."""

TIMEOUT_S = 5
"""How long the API server waits for the webhook."""


def has_sidecar(cluster: Cluster, namespace: str) -> bool:
    """Whether a new Pod would get the sidecar."""
    spec = cluster.admit(namespace, pod()).pod["spec"]
    return SIDECAR in [each["name"] for each in spec.get("initContainers", [])]


class Tutorial:
    """The commands of the page, run in its order by the tests of its sections."""

    def __init__(self, cluster: Cluster, folder: Path, elasticsearch: Elasticsearch) -> None:
        self.cluster, self._folder, self._elasticsearch = cluster, folder, elasticsearch
        self._commands = read_commands(PAGE)
        programs = (Path(sys.executable).parent, cluster.home / "current", os.environ["PATH"])
        self._environ = {**cluster.environ, "PATH": ":".join(map(str, programs))}
        (folder / "deploy").symlink_to(ROOT / "deploy")

    def run(self, section: str) -> None:
        """Run the commands of a section. Each must succeed and print what the page shows."""
        commands = [command for command in self._commands if command.section == section]
        assert commands, section
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command.text], cwd=self._folder, env=self._environ,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{command.text}\n{done.stdout}\n{done.stderr}"
            assert not command.output or command.is_printed(done.stdout), f"{command.text}\n{done.stdout}"

    def file(self, name: str) -> bytes:
        """The content of a file that the commands wrote."""
        return (self._folder / name).read_bytes()

    def namespace(self, name: str) -> Namespace:
        """A namespace that the commands made."""
        return Namespace(self.cluster, name)

    def documents(self, namespace: str, owner: str) -> list[dict[str, Any]]:
        """What is stored of the Pods of a workload."""
        return [
            each
            for each in self._elasticsearch.documents(INDEX)
            if each["kubernetes"]["namespace"] == namespace
            and each["kubernetes"]["pod"]["name"].startswith(f"{owner}-")
        ]

    def assert_the_log_is_stored(self, namespace: str) -> None:
        """Lines of the application are stored with their fields, and its Pod has the sidecar."""
        documents = self.documents(namespace, "shop")
        assert documents
        assert {each["url"]["original"] for each in documents} == {"/cart"}
        (running,) = self.namespace(namespace).pods(app="shop")
        assert running.runs(SIDECAR)
        assert running.is_true("Ready")

    def clean(self) -> None:
        """Remove everything, whatever the tests have left."""
        for kind, items in MADE.items():
            self.cluster.kubectl("delete", kind, *items, "--ignore-not-found", "--wait=false")
        if (self._folder / "policy.yaml").exists():
            self.cluster.kubectl("delete", f"--filename={self._folder}/policy.yaml", "--ignore-not-found")


@pytest.fixture(scope="module")
def tutorial(
    cluster: Cluster, logging: Namespace, elasticsearch: Elasticsearch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tutorial]:
    """The tutorial, as far as its end of the section about the webhook."""
    logging.apply(service(elasticsearch), endpoint(elasticsearch))
    tutorial = Tutorial(cluster, tmp_path_factory.mktemp("tutorial"), elasticsearch)
    try:
        tutorial.run("An application")
        tutorial.run("By a webhook")
        yield tutorial
    finally:
        tutorial.clean()


def test_an_unchanged_deployment_has_its_log_stored_by_the_webhook(tutorial: Tutorial) -> None:
    tutorial.assert_the_log_is_stored("by-webhook")
    deployed = tutorial.namespace("by-webhook").get("deployments", "shop")["spec"]["template"]["spec"]
    assert [each["name"] for each in deployed["containers"]] == ["web"]
    assert not {"initContainers", "volumes"} & deployed.keys()


def test_a_job_completes_with_a_sidecar_of_the_webhook(tutorial: Tutorial) -> None:
    namespace = tutorial.namespace("by-webhook")
    command = "for n in $(seq 100); do echo line $n >> /var/log/nginx/count.log; done"
    container = {"name": "count", "image": "busybox:1.36", "command": ["sh", "-c", command]}
    namespace.apply(job("count", {"restartPolicy": "Never", "containers": [container]}))

    def is_complete() -> bool:
        conditions = namespace.get("jobs", "count")["status"].get("conditions", [])
        return any((each["type"], each["status"]) == ("Complete", "True") for each in conditions)

    wait("the Job is complete", is_complete)
    (finished,) = namespace.pods(job_name="count")
    assert (finished.phase, finished.ended(SIDECAR)["exitCode"]) == ("Succeeded", 0)
    stored = sorted(each["message"] for each in tutorial.documents("by-webhook", "count"))
    assert stored == sorted(f"line {number}" for number in range(1, 101))


def test_pods_start_without_the_sidecar_while_the_webhook_is_slow_or_down(tutorial: Tutorial) -> None:
    webhook = Namespace(tutorial.cluster, "log-sidecar")
    containers = [each.container_id(CONTAINER) for each in webhook.pods(**{"app.kubernetes.io/name": WEBHOOK})]
    assert len(containers) == 2
    for container in containers:
        webhook.cluster.signal(container, "SIGSTOP")
    started_at = time.monotonic()
    assert not has_sidecar(tutorial.cluster, "by-webhook")
    assert TIMEOUT_S - 1 < time.monotonic() - started_at < 3 * TIMEOUT_S
    for container in containers:
        webhook.cluster.signal(container, "SIGCONT")
    wait("it is asked again", lambda: has_sidecar(tutorial.cluster, "by-webhook"))

    webhook.cluster.kubectl("scale", f"deployment/{WEBHOOK}", "--replicas=0", "--namespace=log-sidecar")
    wait("it is down", lambda: not has_sidecar(tutorial.cluster, "by-webhook"))
    namespace = tutorial.namespace("by-webhook")
    bare: Object = {"name": "web", "image": "busybox:1.36", "command": ["sleep", "300"]}
    spec = {"containers": [bare], "terminationGracePeriodSeconds": 0}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": spec})
    started = namespace.wait_for_pod("bare", "runs", lambda it: it.runs("web"))
    assert not started.container(SIDECAR)


def test_after_the_removal_of_the_webhook_everything_continues(tutorial: Tutorial) -> None:
    before = len(tutorial.documents("by-webhook", "shop"))
    tutorial.run("Without the webhook")
    wait("more lines are stored", lambda: len(tutorial.documents("by-webhook", "shop")) > before)
    (running,) = tutorial.namespace("by-webhook").pods(app="shop")
    assert [running.container(name)["restartCount"] for name in ("web", SIDECAR)] == [0, 0]
    assert not has_sidecar(tutorial.cluster, "by-webhook")


def test_the_same_file_is_deployed_with_the_sidecar_and_restored(tutorial: Tutorial) -> None:
    tutorial.run("By a change of the file")
    tutorial.assert_the_log_is_stored("by-file")
    before, after = (tutorial.file(name).splitlines() for name in ("shop.yaml", "injected.yaml"))
    rest = iter(after)
    assert all(line in rest for line in before)  # in their order, with nothing but new lines between them


def test_the_same_deployment_has_its_log_stored_by_a_policy(tutorial: Tutorial) -> None:
    tutorial.run("By a policy")
    tutorial.assert_the_log_is_stored("by-policy")
    assert names.STATUS not in json.dumps(tutorial.namespace("by-policy").get("deployments", "shop"))
    tutorial.run("Clean up")


def test_replicas_manage_their_certificate_and_repair_what_is_lost(cluster: Cluster, namespace: Namespace) -> None:
    manifests = f"--kustomize={ROOT / 'deploy' / 'webhook' / 'self-managed'}"
    gone = ("get", "namespace", "log-sidecar", "--ignore-not-found")
    wait("the webhook of the tutorial is gone", lambda: not cluster.kubectl(*gone))
    webhook = Namespace(cluster, "log-sidecar")
    cluster.kubectl("label", "namespace", namespace.name, f"{names.INJECTION}=enabled")

    def values() -> Object:
        found: Object = webhook.get("secrets", f"{WEBHOOK}-tls").get("data", {})
        return found

    def bundles() -> set[str]:
        hooks = cluster.get("mutatingwebhookconfigurations", WEBHOOK)["webhooks"]
        return {hook["clientConfig"].get("caBundle", "") for hook in hooks}

    cluster.kubectl("apply", manifests)
    try:
        cluster.kubectl("rollout", "status", f"deployment/{WEBHOOK}", "--namespace=log-sidecar", "--timeout=110s")
        wait("it is asked", lambda: has_sidecar(cluster, namespace.name))
        first = values()
        assert bundles() == {first["ca.crt"]}
        replicas = [each.name for each in webhook.pods(**{"app.kubernetes.io/name": WEBHOOK})]
        assert webhook.get("leases", WEBHOOK)["spec"]["holderIdentity"] in replicas
        logs = "".join(webhook.logs(name, CONTAINER) for name in replicas)
        assert logs.count("certificate_renewed") == 1

        lost = [{"op": "remove", "path": f"/webhooks/{number}/clientConfig/caBundle"} for number in range(2)]
        patch = ("--type=json", "--patch", json.dumps(lost))
        cluster.kubectl("patch", "mutatingwebhookconfiguration", WEBHOOK, *patch)
        patch = ("--type=json", "--patch", '[{"op": "remove", "path": "/data"}]')
        cluster.kubectl("patch", "secret", f"{WEBHOOK}-tls", "--namespace=log-sidecar", *patch)
        wait("there is another certificate", lambda: values().get("tls.crt", first["tls.crt"]) != first["tls.crt"])
        assert bundles() == {values()["ca.crt"]}
        wait("it is asked again", lambda: has_sidecar(cluster, namespace.name))
    finally:
        cluster.kubectl("delete", manifests, "--wait=false")
