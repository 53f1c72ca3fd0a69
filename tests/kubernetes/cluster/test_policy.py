"""The policies of `sidecar policy` on a real API server: a Pod gets what `inject` adds, or a warning says why not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, settings

from sidecar.inject import names
from sidecar.inject.settings import InjectionSettings
from tests.kubernetes.admission import (
    INDEX,
    OPENSHIFT,
    OTHER,
    SETTINGS,
    Admission,
    as_accepted,
    compare,
    compare_table,
    image_of,
    taken,
)
from tests.kubernetes.cluster.api import ClusterError
from tests.kubernetes.cluster.cluster import Cluster, Namespace, Object, wait
from tests.kubernetes.cluster.databases import Elasticsearch, endpoint, service
from tests.kubernetes.cluster.manifests import APP, SIDECAR, SIDECAR_IMAGE, configuration, deployment, job, writing
from tests.kubernetes.neighbours import as_neighbour_sees, neighbour, strip_restart_policy
from tests.support.pods import TABLE, pod, pods

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Iterator[tuple[Namespace, Namespace]]:
    """The namespace that the policies are for, and another one."""
    with cluster.namespace() as chosen, cluster.namespace() as other:
        cluster.kubectl("label", "namespace", chosen.name, f"{names.INJECTION}=enabled")
        yield chosen, other


@pytest.fixture(scope="module")
def admission(cluster: Cluster, namespaces: tuple[Namespace, Namespace]) -> Iterator[Admission]:
    admission = Admission(cluster, namespaces[0].name, namespaces[1].name, "v1beta1")
    yield admission
    admission.stop()


def test_each_row_of_the_table_is_decided_as_by_inject(admission: Admission) -> None:
    admission.use(SETTINGS)
    compare_table(admission)


@pytest.mark.parametrize("options", [OTHER, OPENSHIFT])
def test_other_settings_make_other_policies(admission: Admission, options: InjectionSettings) -> None:
    admission.use(options)
    said = [compare(admission, item) for item, _ in TABLE.values()]
    assert said.count("") > 20


@given(pods())
@settings(max_examples=80, deadline=None, database=None, phases=[Phase.generate])
def test_any_pod_is_decided_as_by_inject(admission: Admission, item: Object) -> None:
    if admission.settings is not SETTINGS:
        admission.use(SETTINGS)
    compare(admission, as_accepted(item))


def test_elsewhere_a_pod_needs_the_label(admission: Admission) -> None:
    admission.use(SETTINGS)
    bare = admission.admit_elsewhere(pod())
    assert (image_of(bare.pod), bare.warnings) == ("", [])
    labelled = pod()
    labelled["metadata"]["labels"] = {names.INJECT: "true"}
    for admitted in (admission.admit_elsewhere(labelled), admission.admit(labelled)):
        assert image_of(admitted.pod) == SIDECAR_IMAGE
        assert [each["name"] for each in admitted.pod["spec"]["initContainers"]] == [SIDECAR]


def test_a_webhook_that_removes_the_restart_policy_is_corrected(admission: Admission) -> None:
    admission.use(SETTINGS)
    item = as_neighbour_sees(pod())
    with neighbour(admission.cluster, strip_restart_policy) as changed:
        wait("the webhook was called", lambda: admission.admit(item) and changed)
        admitted = admission.admit(item)
    assert [each["restartPolicy"] for each in admitted.pod["spec"]["initContainers"]] == ["Always"]
    assert admitted.warnings == []


REPOSITORY = SIDECAR_IMAGE.rpartition(":")[0]


def test_the_name_of_the_sidecar_is_for_its_image(admission: Admission) -> None:
    admission.use(SETTINGS)
    for image in (f"{REPOSITORY}:9", f"{REPOSITORY}@sha256:{'0' * 64}", REPOSITORY):
        assert admission.refusal_of(taken(image)) == ""
    for image in ("log-sidecar:0.1.0", f"{REPOSITORY}-other:1", f"other.example/{REPOSITORY}:1"):
        assert f"must have an image of {REPOSITORY}" in admission.refusal_of(taken(image))


def application(**environ: int) -> Object:
    """The inside of a Pod that knows no sidecar: an application that writes a file, and no volume for it."""
    container = writing(name=APP, **environ)
    container["volumeMounts"] = [{"name": "config", "mountPath": "/app", "readOnly": True}]
    return {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": "test"}}]}


@pytest.mark.elasticsearch
def test_unchanged_manifests_ship_their_logs(
    admission: Admission, namespaces: tuple[Namespace, Namespace], elasticsearch: Elasticsearch
) -> None:
    admission.use(SETTINGS)
    namespace = namespaces[0]
    namespace.apply(configuration({}), service(elasticsearch), endpoint(elasticsearch))
    namespace.apply(deployment("shop", application(rate=200)))
    namespace.apply(job("count", {**application(lines=300), "restartPolicy": "Never"}))

    def stored(owner: str) -> list[int]:
        found = elasticsearch.documents(INDEX)
        return sorted(each["number"] for each in found if each["kubernetes"]["pod"]["name"].startswith(f"{owner}-"))

    wait("the lines of the Job are stored", lambda: len(stored("count")) >= 300)
    (finished,) = namespace.pods(job_name="count")
    namespace.wait_for_pod(finished.name, "is over", lambda it: it.phase == "Succeeded")
    assert stored("count") == list(range(300))

    (running,) = namespace.pods(app="shop")
    with pytest.raises(ClusterError, match="must have an image of"):
        namespace.cluster.kubectl(
            "set", "image", f"pod/{running.name}", f"{SIDECAR}=other:1", f"--namespace={namespace.name}"
        )
    admission.stop()
    before = len(stored("shop"))
    wait("lines are stored without the policies", lambda: len(stored("shop")) >= before + 100)
    seen = namespace.pod(running.name)
    assert [seen.container(name)["restartCount"] for name in (APP, SIDECAR)] == [0, 0]
