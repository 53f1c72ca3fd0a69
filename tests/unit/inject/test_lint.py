"""Each mistake in a manifest is found, and a manifest that `inject` wrote has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from sidecar.inject.lint import RULES, lint
from sidecar.inject.manifest import inject
from sidecar.inject.reasons import Caution, RefusalReason
from sidecar.inject.settings import MAY_BE_ALLOWED, PROFILES, InjectionSettings

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: import}
spec:
  ttlSecondsAfterFinished: 3600
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: import
          image: import:1
          command: [sh, -c, "trap 'exit 0' TERM; while true; do sleep 1; done"]
"""
NATIVE = inject(JOB, InjectionSettings(sink="elasticsearch://es:9200/logs")).text
CLASSIC = inject(
    JOB, InjectionSettings(sink="elasticsearch://es:9200/logs", mode="classic", exit_when="app-exits")
).text
STATEFUL = """\
apiVersion: apps/v1
kind: StatefulSet
spec:
  template:
    spec:
      automountServiceAccountToken: false
      containers:
        - name: log-sidecar
          image: log-sidecar:0.1.0
          env: [{name: SIDECAR_MODE, value: classic}, {name: SIDECAR_GRACE, value: "30"}]
          volumeMounts: [{name: log-sidecar-state, mountPath: /var/lib/sidecar}]
  volumeClaimTemplates:
    - metadata: {name: log-sidecar-state}
      spec: {accessModes: [ReadWriteOncePod]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
spec:
  egress:
    - ports: [{protocol: UDP, port: 53}]
      to: [{namespaceSelector: {}}]
"""
CRON = "kind: CronJob\nspec:\n  startingDeadlineSeconds: 60\n  jobTemplate: {spec: {}}\n"

MISTAKES = {
    "disk-limit": (NATIVE, "memory: 192Mi", "memory: 192Mi, ephemeral-storage: 9Gi"),
    "volume-size": (
        NATIVE,
        "image: import:1",
        "image: import:1\n          resources: {limits: {ephemeral-storage: 1Gi}}",
    ),
    "names": (NATIVE, "log-sidecar-state", "state"),
    "sigterm": (NATIVE, "trap 'exit 0' TERM; ", ""),
    "token": (NATIVE, "/var/run/secrets/kubernetes.io/serviceaccount", "/elsewhere"),
    "probe": (NATIVE, "periodSeconds: 120", "periodSeconds: 30"),
    "grace": (NATIVE, "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 61"),
    "mode": (NATIVE, "{name: SIDECAR_MODE, value: native}", "{name: SIDECAR_MODE, value: classic}"),
    "restart": (NATIVE, "          restartPolicy: Always\n", ""),
    "job-end": (CLASSIC, "- {name: SIDECAR_EXIT_WHEN, value: app-exits}", "- {name: OTHER, value: x}"),
    "processes": (CLASSIC, "shareProcessNamespace: true", "shareProcessNamespace: false"),
    "writable": (NATIVE, "mountPath: /var/log/app, readOnly: true", "mountPath: /var/log/app"),
    "image": (NATIVE, 'image: "log-sidecar:0.1.0"', "image: registry:5000/log-sidecar:latest"),
    "password": (NATIVE, "SIDECAR_SINKS__LOGS__URL", "SIDECAR_SINKS__LOGS__PASSWORD"),
    "dns": (POLICY, "      to: [{namespaceSelector: {}}]\n", ""),
    "job-history": (JOB, "  ttlSecondsAfterFinished: 3600\n", ""),
    "job-deadline": (CRON, "  startingDeadlineSeconds: 60\n", ""),
    "shared-state": (STATEFUL, "ReadWriteOncePod", "ReadWriteOnce"),
}


def test_each_rule_has_a_mistake() -> None:
    assert MISTAKES.keys() == RULES.keys()


@pytest.mark.parametrize("rule", MISTAKES)
def test_a_mistake_is_found_at_its_line(rule: str) -> None:
    text, right, wrong = MISTAKES[rule]
    assert lint(text) == []
    assert right in text
    findings = lint(text.replace(right, wrong))
    assert {finding.rule for finding in findings} == {rule}
    for finding in findings:
        line = text.replace(right, wrong).splitlines()[finding.line - 1]
        assert re.match(r"\s*- name: |apiVersion|kind", line), line


@pytest.mark.parametrize("text", [NATIVE, STATEFUL, POLICY, CRON])
def test_no_value_of_a_wrong_type_is_an_error(text: str) -> None:
    document = yaml.safe_load(text)

    def places(value: Any) -> Iterator[tuple[Any, Any]]:
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            if isinstance(inner, dict | list):
                yield from places(inner)

    for holder, key in list(places(document)):
        before = holder[key]
        for wrong in (None, 7, "x", [], {}, [None], [["x"]], [{"name": ["x"]}], {"x": [1]}):
            holder[key] = wrong
            assert isinstance(lint(json.dumps(document)), list)
        holder[key] = before


def test_an_empty_grace_period_is_the_usual_one() -> None:
    assert lint(STATEFUL.replace("    spec:\n", "    spec:\n      terminationGracePeriodSeconds: null\n", 1)) == []


def test_a_pod_without_a_sidecar_is_no_concern() -> None:
    assert lint(JOB.replace("trap 'exit 0' TERM; ", "")) == []


def test_the_reference_names_everything() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "inject.md").read_text()
    fields = [field.name for field in msgspec.structs.fields(InjectionSettings)]
    codes = [code.name for code in [*RefusalReason, *Caution]]
    names = [*fields, *codes, *RULES, *PROFILES, *MAY_BE_ALLOWED]
    assert [name for name in names if f"| `{name}` |" not in page] == []
