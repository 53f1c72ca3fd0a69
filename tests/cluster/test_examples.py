"""Every example is applied as it stands in its file, and does what the comment at its top says."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import ADDRESS, Cluster, KubectlFailed, Namespace, Object, Pod, wait
from tests.cluster.databases import Database, Elasticsearch, MongoDB, endpoint, service
from tests.cluster.manifests import SIDECAR

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.mongodb, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[2] / "examples" / "kubernetes"
NOT_HERE = {
    "13-statefulset-pvc.yaml": "the node has nothing that makes persistent volumes",
    "16-secret-and-tls.yaml": "Elasticsearch on the node has no TLS; tests/sinks/test_credentials.py rotates files",
}
"""Valid by the schemas, and not applied; docs/kubernetes.md says so, too."""


@pytest.fixture(scope="module", autouse=True)
def logging(cluster: Cluster, elasticsearch: Elasticsearch, mongodb: MongoDB) -> Iterator[None]:
    """The Services that the examples name: elasticsearch.logging and mongodb.logging."""
    databases: tuple[Database, ...] = (elasticsearch, mongodb)
    cluster.kubectl("create", "namespace", "logging")
    for database in databases:
        for item in (service(database), endpoint(database)):
            cluster.kubectl("apply", "--namespace=logging", "--filename=-", given=json.dumps(item))
    yield
    cluster.kubectl("delete", "namespace", "logging", "--wait=false")


class Shown:
    """One example in a namespace of its own."""

    def __init__(self, namespace: Namespace, elasticsearch: Elasticsearch) -> None:
        self.namespace, self._elasticsearch = namespace, elasticsearch

    def apply(self, name: str) -> None:
        self.namespace.apply(EXAMPLES / name)

    def documents(self, index: str, count: int, within: float = 90) -> list[dict[str, Any]]:
        """What is in the index, when there are so many."""

        def look() -> list[dict[str, Any]] | None:
            found = self._elasticsearch.documents(index)
            return found if len(found) >= count else None

        return wait(f"{count} documents in {index}", look, within)

    def until(self, name: str, what: str, condition: Callable[[Pod], object]) -> Pod:
        return self.namespace.wait_for_pod(name, what, condition, within=90)

    def until_complete(self, job: str) -> Pod:
        """The Pod of a Job that is complete."""

        def look() -> bool:
            conditions = self.namespace.get("job", job)["status"].get("conditions", [])
            return any(item["type"] == "Complete" and item["status"] == "True" for item in conditions)

        wait(f"Job {job} is complete", look, 90)
        (pod,) = self.namespace.pods(job_name=job)
        return pod


@pytest.fixture
def shown(namespace: Namespace, elasticsearch: Elasticsearch) -> Shown:
    return Shown(namespace, elasticsearch)


def numbers(documents: list[dict[str, Any]]) -> list[int]:
    return sorted(document["number"] for document in documents)


def test_every_file_is_shown_here_or_said_why_not() -> None:
    files = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml")}
    text = Path(__file__).read_text()
    assert {name for name in files - NOT_HERE.keys() if f'"{name}"' not in text} == set()
    assert NOT_HERE.keys() <= files


def test_a_shared_volume_to_elasticsearch(shown: Shown) -> None:
    shown.apply("01-shared-var-log-elasticsearch.yaml")
    found = shown.documents("logs-shop", 3)
    assert {each["kubernetes"]["pod"]["name"] for each in found} == {"shop"}
    assert {each["kubernetes"]["namespace"] for each in found} == {shown.namespace.name}
    status = shown.namespace.exec("shop", SIDECAR, "sidecar", "status")
    assert "app.log" in status


def test_a_shared_volume_to_mongodb(shown: Shown, mongodb: MongoDB) -> None:
    shown.apply("01b-shared-var-log-mongodb.yaml")
    wait("documents in logs.shop", lambda: len(mongodb.documents("logs", "shop")) >= 3, 90)


def test_containers_share_the_network(shown: Shown) -> None:
    shown.apply("02-network-namespace.yaml")
    wait("the other container hears it", lambda: '"ready"' in shown.namespace.logs("shop-network", "watcher"), 90)


def test_a_deployment_with_a_native_sidecar(shown: Shown) -> None:
    shown.apply("03-native-deployment.yaml")
    assert numbers(shown.documents("logs-deployment", 4))[:4] == [-1, 0, 1, 2]


def test_a_job_with_a_native_sidecar(shown: Shown) -> None:
    shown.apply("04-native-job.yaml")
    pod = shown.until_complete("import")
    assert pod.phase == "Succeeded"
    assert numbers(shown.documents("logs-job", 200)) == list(range(200))
    assert json.loads(pod.ended(SIDECAR)["message"])["sinks"]["search"]["lines_stored"] == 200


def test_a_cron_job_with_a_native_sidecar(shown: Shown) -> None:
    shown.apply("04b-native-cronjob.yaml")
    assert len(shown.documents("logs-cronjob", 50, within=120)) % 50 == 0


def test_a_classic_job_that_sees_the_processes_of_its_application(shown: Shown) -> None:
    shown.apply("05-classic-job-share-pid.yaml")
    assert shown.until_complete("import-classic").ended(SIDECAR)["exitCode"] == 0
    assert numbers(shown.documents("logs-classic-job", 200)) == list(range(200))


def test_a_classic_job_whose_application_is_wrapped(shown: Shown) -> None:
    shown.apply("05b-classic-job-sentinel.yaml")
    pod = shown.until_complete("import-wrapped")
    assert pod.container("import")["restartCount"] == 1
    assert numbers(shown.documents("logs-wrapped-job", 200)) == list(range(200))


def test_a_virtual_machine_as_a_pod(shown: Shown) -> None:
    shown.apply("06-vm-to-pod.yaml")
    wait(
        "both daemons write",
        lambda: {"web", "worker"} <= {d.get("daemon") for d in shown.documents("logs-vm", 4)},
        60,
    )
    steps = sorted((d["log"]["offset"], d["step"]) for d in shown.documents("logs-vm", 4) if "step" in d)
    assert [step for _, step in steps] == [1, 2]


def test_host_aliases(shown: Shown) -> None:
    shown.apply("07-host-aliases.yaml")
    shown.documents("logs-aliases", 3)
    assert "es.local" in shown.namespace.exec("shop-aliases", SIDECAR, "cat", "/etc/hosts")


def test_a_debug_shell(shown: Shown) -> None:
    shown.apply("08-debug-shell.yaml")
    shown.until("shop-shell", "has a shell", lambda pod: pod.runs("shell") and pod.runs("shop"))
    answered = shown.namespace.type_into("shop-shell", "shell", "ps; tail -n 1 /var/log/app/app.log\n", "accepted")
    assert "sidecar run" in answered
    assert "accepted" in answered


def test_host_namespaces(shown: Shown) -> None:
    shown.apply("09-host-namespaces.yaml")
    shown.documents("logs-host", 3)
    assert shown.namespace.pod("node-agent").status["podIP"] == ADDRESS
    assert "kubelet" in shown.namespace.exec("node-agent", "agent", "ps", "-o", "args")


def test_image_pull_policies(shown: Shown) -> None:
    shown.apply("10-image-pull-policy.yaml")

    def waits(*reasons: str) -> Callable[[Pod], bool]:
        return lambda pod: pod.container("app").get("state", {}).get("waiting", {}).get("reason") in reasons

    shown.until("pull-if-not-present", "runs", lambda pod: pod.phase == "Running")
    assert shown.until("pull-never", "waits", waits("ErrImageNeverPull")).phase == "Pending"
    assert shown.until("pull-always", "waits", waits("ErrImagePull", "ImagePullBackOff")).phase == "Pending"


def test_lifecycle_hooks(shown: Shown) -> None:
    shown.apply("11-lifecycle-hooks.yaml")
    before = len(shown.documents("logs-hooks", 3))
    shown.namespace.delete("shop-hooks")
    wait("the Pod is gone", lambda: _is_gone(shown.namespace, "shop-hooks"), 60)
    found = numbers(shown.documents("logs-hooks", before))
    assert found == list(range(len(found)))
    happened = shown.namespace.cluster.get("events", f"--namespace={shown.namespace.name}")["items"]
    assert not {each["reason"] for each in happened} & {"FailedPreStopHook", "FailedPostStartHook"}


def _is_gone(namespace: Namespace, pod: str) -> bool:
    try:
        namespace.pod(pod)
    except KubectlFailed:
        return True
    return False


def test_phases(shown: Shown) -> None:
    for name in (
        "12-phases/pending.yaml",
        "12-phases/running.yaml",
        "12-phases/succeeded.yaml",
        "12-phases/failed.yaml",
    ):
        shown.apply(name)
    for phase in ("Running", "Succeeded", "Failed"):
        shown.until(f"phase-{phase.lower()}", phase, lambda pod, phase=phase: pod.phase == phase)  # type: ignore[misc]
    assert shown.namespace.pod("phase-pending").phase == "Pending"
    assert (
        shown.until("phase-failed", "the sidecar has ended", lambda pod: pod.ended(SIDECAR)).ended(SIDECAR)[
            "exitCode"
        ]
        == 0
    )
    assert numbers(shown.documents("logs-succeeded", 100)) == list(range(100))
    assert numbers(shown.documents("logs-failed", 100)) == list(range(100))


def test_several_containers(shown: Shown) -> None:
    shown.apply("14-multi-container.yaml")
    wanted = {("web", "GET / 200"), ("worker", "job done")}

    def pairs() -> bool:
        found = shown.documents("logs-multi", 2)
        return {(each["kubernetes"]["container"]["name"], each["message"]) for each in found} == wanted

    wait("both containers are told apart", pairs, 60)


def test_a_restricted_namespace(shown: Shown, cluster: Cluster) -> None:
    cluster.kubectl("apply", "--filename", str(EXAMPLES / "15-restricted-namespace.yaml"))
    try:
        shown.documents("logs-restricted", 3)
        used = cluster.get("resourcequota", "quota", "--namespace=shop-restricted")["status"]["used"]
        assert used["pods"] == "1"
        host = yaml.safe_load_all((EXAMPLES / "09-host-namespaces.yaml").read_text())
        (pod,) = [each for each in host if each["kind"] == "Pod"]
        with pytest.raises(KubectlFailed, match="violates PodSecurity"):
            cluster.kubectl("apply", "--namespace=shop-restricted", "--filename=-", given=json.dumps(pod))
    finally:
        cluster.kubectl("delete", "namespace", "shop-restricted", "--wait=false")


def test_a_new_configuration(shown: Shown) -> None:
    shown.apply("17-config-reload.yaml")
    shown.documents("logs-reload", 3)
    whole: Object = next(yaml.safe_load_all((EXAMPLES / "17-config-reload.yaml").read_text()))
    whole["data"]["sidecar.yaml"] += "    keep_empty: true\n"
    shown.namespace.apply(whole)
    wait("it is taken", lambda: '"reloaded"' in shown.namespace.logs("shop-reload", SIDECAR), 150)
    found = numbers(shown.documents("logs-reload", 5))
    assert found == list(range(len(found)))


def test_a_network_policy(shown: Shown) -> None:
    shown.apply("18-network-policy.yaml")
    shown.documents("logs-policy", 3)


def test_metrics_for_a_scraper(shown: Shown) -> None:
    every = list(yaml.safe_load_all((EXAMPLES / "19-podmonitor.yaml").read_text()))
    shown.namespace.apply(*(each for each in every if each["kind"] != "PodMonitor"))
    shown.documents("logs-metrics", 3)
    address = shown.namespace.pod("shop-metrics").status["podIP"]
    with urllib.request.urlopen(f"http://{address}:9600/metrics", timeout=20) as answer:
        assert 'log_sidecar_balance_lines{reason="",sink="search",what="stored"}' in answer.read().decode()
