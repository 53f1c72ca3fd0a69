"""The policies of `sidecar policy` for Kubernetes 1.36, on a real API server of this version."""

from __future__ import annotations

import pytest

from sidecar.inject import names
from tests.kubernetes.admission import OTHER, SETTINGS, Admission, compare_table, image_of, make_namespace, taken
from tests.kubernetes.cluster.cluster import Cluster
from tests.kubernetes.cluster.manifests import SIDECAR_IMAGE
from tests.support.pods import pod

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CHOSEN, ELSEWHERE = "chosen", "elsewhere"


@pytest.fixture(scope="module")
def admission(api_server: Cluster) -> Admission:
    make_namespace(api_server, CHOSEN, f"{names.INJECTION}=enabled")
    make_namespace(api_server, ELSEWHERE)
    return Admission(api_server, CHOSEN, ELSEWHERE, "v1")


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
