"""Every example is applied as it stands in its file, and does what the comment at its top says."""

from __future__ import annotations

import json
import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.kubernetes.cluster.api import ClusterError
from tests.kubernetes.cluster.cluster import ADDRESS, Cluster, Namespace, Object, Pod, wait
from tests.kubernetes.cluster.databases import Database, Elasticsearch, MongoDB, endpoint, endpoint_of, service
from tests.kubernetes.cluster.manifests import SIDECAR
from tests.support.servers.elasticsearch_proxy import ElasticsearchProxy, opened

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.mongodb, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[3] / "examples" / "kubernetes"
OF_ITS_OWN = "15-restricted-namespace.yaml"
"""Makes its namespace itself."""


@pytest.fixture(scope="module")
def databases(logging: Namespace, elasticsearch: Elasticsearch, mongodb: MongoDB) -> None:
    """The Services that the examples name: elasticsearch.logging and mongodb.logging."""
    both: tuple[Database, ...] = (elasticsearch, mongodb)
    for database in both:
        logging.apply(service(database), endpoint(database))


@pytest.fixture(scope="module")
def places(cluster: Cluster, databases: None) -> Iterator[dict[str, Namespace]]:
    """All examples at once, each in a namespace of its own: the first part of its path → where it is."""
    with ExitStack() as stack:
        found: dict[str, Namespace] = {}
        for path in sorted(EXAMPLES.rglob("*.yaml")):
            name = path.relative_to(EXAMPLES).parts[0]
            if name != OF_ITS_OWN:
                found[name] = found.get(name) or stack.enter_context(cluster.namespace())
                if items := [each for each in objects(path) if each["kind"] != "PodMonitor"]:
                    found[name].apply(*items)
        yield found


def objects(path: Path) -> list[Object]:
    return list(yaml.safe_load_all(path.read_text()))


class Shown:
    """One example, as soon as a test has said which."""

    def __init__(self, places: dict[str, Namespace], elasticsearch: Elasticsearch) -> None:
        self._places, self._elasticsearch = places, elasticsearch
        self.namespace: Namespace

    def example(self, name: str) -> None:
        """The test is about this one."""
        self.namespace = self._places[name.partition("/")[0]]

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
            conditions = self.namespace.get("jobs", job)["status"].get("conditions", [])
            return any(item["type"] == "Complete" and item["status"] == "True" for item in conditions)

        wait(f"Job {job} is complete", look, 90)
        (pod,) = self.namespace.pods(job_name=job)
        return pod


@pytest.fixture
def shown(places: dict[str, Namespace], elasticsearch: Elasticsearch) -> Shown:
    return Shown(places, elasticsearch)


def numbers(documents: list[dict[str, Any]]) -> list[int]:
    return sorted(document["number"] for document in documents)


def test_every_file_is_shown_here() -> None:
    files = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml")}
    text = Path(__file__).read_text()
    assert {name for name in files if f'"{name}"' not in text} == set()


def test_a_shared_volume_to_elasticsearch(shown: Shown) -> None:
    shown.example("01-shared-var-log-elasticsearch.yaml")
    found = shown.documents("logs-shop", 3)
    assert {each["kubernetes"]["pod"]["name"] for each in found} == {"shop"}
    assert {each["kubernetes"]["namespace"] for each in found} == {shown.namespace.name}
    status = shown.namespace.exec("shop", SIDECAR, "sidecar", "status")
    assert "app.log" in status


def test_a_shared_volume_to_mongodb(shown: Shown, mongodb: MongoDB) -> None:
    shown.example("01b-shared-var-log-mongodb.yaml")
    wait("documents in logs.shop", lambda: len(mongodb.documents("logs", "shop")) >= 3, 90)


def test_containers_share_the_network(shown: Shown) -> None:
    shown.example("02-network-namespace.yaml")
    wait("the other container hears it", lambda: '"ready"' in shown.namespace.logs("shop-network", "watcher"), 90)


def test_a_deployment_with_a_native_sidecar(shown: Shown) -> None:
    shown.example("03-native-deployment.yaml")
    assert numbers(shown.documents("logs-deployment", 4))[:4] == [-1, 0, 1, 2]


def test_a_job_with_a_native_sidecar(shown: Shown) -> None:
    shown.example("04-native-job.yaml")
    pod = shown.until_complete("import")
    assert pod.phase == "Succeeded"
    assert numbers(shown.documents("logs-job", 200)) == list(range(200))
    assert json.loads(pod.ended(SIDECAR)["message"])["sinks"]["search"]["lines_stored"] == 200


def test_a_cron_job_with_a_native_sidecar(shown: Shown) -> None:
    shown.example("04b-native-cronjob.yaml")
    assert len(shown.documents("logs-cronjob", 50, within=120)) % 50 == 0


def test_a_classic_job_that_sees_the_processes_of_its_application(shown: Shown) -> None:
    shown.example("05-classic-job-share-pid.yaml")
    assert shown.until_complete("import-classic").ended(SIDECAR)["exitCode"] == 0
    assert numbers(shown.documents("logs-classic-job", 200)) == list(range(200))


def test_a_classic_job_whose_application_is_wrapped(shown: Shown) -> None:
    shown.example("05b-classic-job-sentinel.yaml")
    pod = shown.until_complete("import-wrapped")
    assert pod.container("import")["restartCount"] == 1
    assert numbers(shown.documents("logs-wrapped-job", 200)) == list(range(200))


def test_a_virtual_machine_as_a_pod(shown: Shown) -> None:
    shown.example("06-vm-to-pod.yaml")
    wait(
        "both daemons write",
        lambda: {"web", "worker"} <= {d.get("daemon") for d in shown.documents("logs-vm", 4)},
        60,
    )
    steps = sorted((d["log"]["offset"], d["step"]) for d in shown.documents("logs-vm", 4) if "step" in d)
    assert [step for _, step in steps] == [1, 2]


def test_host_aliases(shown: Shown) -> None:
    shown.example("07-host-aliases.yaml")
    shown.documents("logs-aliases", 3)
    assert "es.local" in shown.namespace.exec("shop-aliases", SIDECAR, "cat", "/etc/hosts")


def test_a_debug_shell(shown: Shown) -> None:
    shown.example("08-debug-shell.yaml")
    shown.until("shop-shell", "has a shell", lambda pod: pod.runs("shell") and pod.runs("shop"))
    answered = shown.namespace.type_into("shop-shell", "shell", "ps; tail -n 1 /var/log/app/app.log\n", "accepted")
    assert "sidecar run" in answered
    assert "accepted" in answered


def test_host_namespaces(shown: Shown) -> None:
    shown.example("09-host-namespaces.yaml")
    shown.documents("logs-host", 3)
    assert shown.namespace.pod("node-agent").status["podIP"] == ADDRESS
    assert "kubelet" in shown.namespace.exec("node-agent", "agent", "ps", "-o", "args")
    ipc = shown.namespace.exec("node-agent", "agent", "readlink", "/proc/self/ns/ipc").strip()
    first_process = (shown.namespace.cluster.home / "run/init.pid").read_text().strip()
    assert ipc == str(Path(f"/proc/{first_process}/ns/ipc").readlink())


def test_image_pull_policies(shown: Shown) -> None:
    shown.example("10-image-pull-policy.yaml")

    def waits(*reasons: str) -> Callable[[Pod], bool]:
        return lambda pod: pod.container("app").get("state", {}).get("waiting", {}).get("reason") in reasons

    shown.until("pull-if-not-present", "runs", lambda pod: pod.phase == "Running")
    assert shown.until("pull-never", "waits", waits("ErrImageNeverPull")).phase == "Pending"
    assert shown.until("pull-always", "waits", waits("ErrImagePull", "ImagePullBackOff")).phase == "Pending"


def test_lifecycle_hooks(shown: Shown) -> None:
    shown.example("11-lifecycle-hooks.yaml")
    before = len(shown.documents("logs-hooks", 3))
    shown.namespace.delete("shop-hooks")
    wait("the Pod is gone", lambda: _is_gone(shown.namespace, "shop-hooks"), 60)
    found = numbers(shown.documents("logs-hooks", before))
    assert found == list(range(len(found)))
    happened = shown.namespace.happened("shop-hooks")
    assert not {"FailedPreStopHook", "FailedPostStartHook"}.intersection(happened)


def _is_gone(namespace: Namespace, pod: str) -> bool:
    try:
        namespace.pod(pod)
    except ClusterError:
        return True
    return False


def test_phases(shown: Shown) -> None:
    for name in (
        "12-phases/pending.yaml",
        "12-phases/running.yaml",
        "12-phases/succeeded.yaml",
        "12-phases/failed.yaml",
    ):
        shown.example(name)
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
    shown.example("14-multi-container.yaml")
    wanted = {("web", "GET / 200"), ("worker", "job done")}

    def pairs() -> bool:
        found = shown.documents("logs-multi", 2)
        return {(each["kubernetes"]["container"]["name"], each["message"]) for each in found} == wanted

    wait("both containers are told apart", pairs, 60)


def test_a_restricted_namespace(shown: Shown, cluster: Cluster) -> None:
    cluster.kubectl("apply", "--filename", str(EXAMPLES / OF_ITS_OWN))
    try:
        shown.documents("logs-restricted", 3)
        used = cluster.get("resourcequotas", "quota", "shop-restricted")["status"]["used"]
        assert used["pods"] == "1"
        (pod,) = [each for each in objects(EXAMPLES / "09-host-namespaces.yaml") if each["kind"] == "Pod"]
        with pytest.raises(ClusterError, match="violates PodSecurity"):
            cluster.kubectl("apply", "--namespace=shop-restricted", "--filename=-", given=json.dumps(pod))
    finally:
        cluster.kubectl("delete", "namespace", "shop-restricted", "--wait=false")


def test_a_new_configuration(shown: Shown) -> None:
    shown.example("17-config-reload.yaml")
    shown.documents("logs-reload", 3)
    whole = objects(EXAMPLES / "17-config-reload.yaml")[0]
    whole["data"]["sidecar.yaml"] += "    keep_empty: true\n"
    shown.namespace.apply(whole)
    wait("it is taken", lambda: '"reloaded"' in shown.namespace.logs("shop-reload", SIDECAR), 150)
    found = numbers(shown.documents("logs-reload", 5))
    assert found == list(range(len(found)))


def test_a_network_policy(shown: Shown) -> None:
    shown.example("18-network-policy.yaml")
    shown.documents("logs-policy", 3)


def test_metrics_for_a_scraper(shown: Shown) -> None:
    shown.example("19-metrics.yaml")  # "19b-podmonitor.yaml" needs an operator
    shown.documents("logs-metrics", 3)
    address = shown.namespace.pod("shop-metrics").status["podIP"]
    with urllib.request.urlopen(f"http://{address}:9600/metrics", timeout=20) as answer:
        assert 'log_sidecar_balance_lines{reason="",sink="search",what="stored"}' in answer.read().decode()


def test_volumes_that_outlive_the_pod(shown: Shown, cluster: Cluster) -> None:
    shown.example("13-statefulset-pvc.yaml")
    for name, mode in (("one", "ReadWriteOnce"), ("two", "ReadWriteOncePod")):
        cluster.shell(f"mkdir -p -m 0777 /var/lib/volumes/{name}")
        volume = {
            "capacity": {"storage": "1Gi"},
            "accessModes": [mode],
            "hostPath": {"path": f"/var/lib/volumes/{name}"},
        }
        item = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume}
        cluster.kubectl("apply", "--filename=-", given=json.dumps(item))
    shown.documents("logs-statefulset", 3)
    first = shown.until("ledger-0", "runs", lambda pod: pod.runs(SIDECAR)).container_id(SIDECAR)
    shown.namespace.delete("ledger-0")
    shown.until("ledger-0", "runs again", lambda pod: pod.runs(SIDECAR) and pod.container_id(SIDECAR) != first)
    wait("it writes again", lambda: numbers(shown.documents("logs-statefulset", 3)).count(0) == 2, 90)
    before = len(shown.documents("logs-statefulset", 3))
    found = shown.documents("logs-statefulset", before + 3)
    assert len({(each["log"]["file"]["path"], each["log"]["offset"]) for each in found}) == len(found)


def test_a_password_and_an_authority_that_rotate(
    shown: Shown, cluster: Cluster, elasticsearch: Elasticsearch
) -> None:
    shown.example("16-secret-and-tls.yaml")
    name, authority = "elasticsearch-tls", trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(f"{name}.logging").configure_cert(context)
    (secret,) = [each for each in objects(EXAMPLES / "16-secret-and-tls.yaml") if each["kind"] == "Secret"]
    wait(
        "it says that the certificate is none",
        lambda: '"sink_misconfigured"' in shown.namespace.logs("shop-tls", SIDECAR),
        90,
    )
    with opened(ElasticsearchProxy(elasticsearch.url, basic("change-me")), context, ADDRESS) as proxy:
        front = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
        for item in (
            front | {"spec": {"ports": [{"port": 9200, "targetPort": proxy.port}]}},
            endpoint_of(name, proxy.port),
        ):
            cluster.kubectl("apply", "--namespace=logging", "--filename=-", given=json.dumps(item))
        secret["stringData"]["ca.crt"] = authority.cert_pem.bytes().decode()
        shown.namespace.apply(secret)
        shown.documents("logs-tls", 3, within=180)
        proxy.authorization = basic("another one")
        secret["stringData"]["password"] = "another one"
        shown.namespace.apply(secret)
        before = len(shown.documents("logs-tls", 3))
        found = numbers(shown.documents("logs-tls", before + 30, within=180))
    assert found == list(range(len(found)))
    assert shown.namespace.pod("shop-tls").container(SIDECAR)["restartCount"] == 0


def basic(password: str) -> str:
    return f"Basic {b64encode(f'shipper:{password}'.encode()).decode()}"
