"""The check of Pods finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.kubernetes.deploy import podcheck
from tests.kubernetes.deploy.podcheck import Object
from tests.kubernetes.deploy.test_manifests import EXAMPLES, pods

GOOD = pods(EXAMPLES / "kubernetes" / "03-native-deployment.yaml")[0]


def changed(change: Callable[[Object, Object], object]) -> Object:
    spec = deepcopy(GOOD)
    change(spec, spec["initContainers"][0])
    return spec


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda pod, _: pod["containers"][0].update(name="log-sidecar"), "two containers are called log-sidecar"),
        (lambda pod, _: pod["volumes"].pop(0), "there is no volume app-log"),
        (lambda _, it: it["volumeMounts"][0].update(mountPath="/etc/sidecar"), "/etc/sidecar is mounted twice"),
        (lambda _, it: it["volumeMounts"][0].pop("readOnly"), "it reads logs and writes its state, not otherwise"),
        (lambda _, it: it["resources"]["requests"].update(memory="1Gi"), "more memory is requested than allowed"),
        (lambda _, it: it["resources"]["limits"].update({"ephemeral-storage": "1Gi"}), "no ephemeral limit"),
        (lambda _, it: it.pop("restartPolicy"), "a plain init container has no livenessProbe"),
        (lambda pod, _: pod.update(terminationGracePeriodSeconds=60), "SIDECAR_GRACE is 30, not 60"),
        (lambda _, it: it["env"].append({"name": "SIDECAR_MODE", "value": "native"}), "SIDECAR_MODE is set twice"),
    ],
)
def test_a_broken_rule_is_reported(change: Callable[[Object, Object], object], problem: str) -> None:
    assert podcheck.problems(GOOD) == []
    assert any(found.endswith(problem) for found in podcheck.problems(changed(change)))


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (lambda pod, _: None, "restricted"),
        (lambda _, it: it["securityContext"].pop("seccompProfile"), "baseline"),
        (lambda _, it: it["securityContext"].update(runAsUser=0), "baseline"),
        (lambda pod, _: pod.update(hostPID=True), "privileged"),
        (lambda pod, _: pod["volumes"].append({"name": "host", "hostPath": {"path": "/var/log"}}), "privileged"),
    ],
)
def test_the_security_level_is_the_strictest_that_lets_it_in(
    change: Callable[[Object, Object], object], level: str
) -> None:
    assert podcheck.security_level(changed(change)) == level
