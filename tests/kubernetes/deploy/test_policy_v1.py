"""The policies of `sidecar policy` for Kubernetes 1.36, on a real API server of this version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.inject import names
from tests.kubernetes.admission import OTHER, SETTINGS, Admission, compare_table, image_of, taken
from tests.kubernetes.cluster.cluster import Cluster
from tests.kubernetes.cluster.manifests import SIDECAR_IMAGE
from tests.kubernetes.deploy import kubernetes_tools
from tests.support.pods import pod
from tests.support.servers.kube_apiserver import running

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CHOSEN, ELSEWHERE = "chosen", "elsewhere"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with running() as folder:
        (folder / "current").mkdir()
        (folder / "current" / "kubectl").symlink_to(kubernetes_tools.prepared() / "kubectl")
        yield folder


@pytest.fixture(scope="module")
def admission(home: Path) -> Admission:
    cluster = Cluster(home)
    for name in (CHOSEN, ELSEWHERE):
        cluster.kubectl("create", "namespace", name)
        cluster.kubectl("create", "serviceaccount", "default", f"--namespace={name}")
    cluster.kubectl("label", "namespace", CHOSEN, f"{names.INJECTION}=enabled")
    return Admission(cluster, CHOSEN, ELSEWHERE, "v1")


def test_each_row_of_the_table_is_decided_as_by_inject(admission: Admission) -> None:
    admission.use(SETTINGS)
    compare_table(admission)


def test_other_settings_make_other_policies_and_a_label_is_enough(admission: Admission) -> None:
    admission.use(OTHER)
    assert "must have an image of" in admission.refusal_of(taken("other:1"))
    admission.use(SETTINGS)
    assert image_of(admission.admit_elsewhere(pod()).pod) == ""
    labelled = pod()
    labelled["metadata"]["labels"] = {names.INJECT: "true"}
    assert image_of(admission.admit_elsewhere(labelled).pod) == SIDECAR_IMAGE
