"""Pods that `sidecar inject` has changed, on a real node: each way in which a log directory is shared.

The other rows of the table, such as refusals, are tested in tests/kubernetes/deploy/test_webhook_on_api_server.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import yaml

from sidecar.inject import names
from sidecar.inject.manifest import Edited, inject, uninject
from sidecar.inject.settings import InjectionSettings
from tests.kubernetes.cluster.cluster import Cluster, Namespace, Object, wait
from tests.kubernetes.cluster.databases import Elasticsearch, endpoint, service
from tests.kubernetes.cluster.manifests import APP_IMAGE, SIDECAR, SIDECAR_IMAGE

pytestmark = [pytest.mark.cluster, pytest.mark.elasticsearch, pytest.mark.slow]

INDEX = "logs-inject"
SETTINGS = InjectionSettings(
    sink=f"elasticsearch://elasticsearch:9200/{INDEX}", image=SIDECAR_IMAGE, image_pull_policy="Never",
    allow_host_path=True,
)  # fmt: skip
EMPTY: Object = {"emptyDir": {}}
NGINX = "docker.io/library/nginx:debian"
"""The real one, of Debian: it writes to /var/log/nginx, which it does not make itself."""


@dataclass(frozen=True)
class Row:
    """A Pod, and the paths that its containers write to, as they see them."""

    spec: Object
    written: dict[str, list[str]]
    annotations: dict[str, str]
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the administrator that differ."""


def writer(*files: str, mounts: dict[str, str] | None = None, name: str = "web", **fields: Any) -> Object:
    """A container that writes a line to each of its files five times a second, for its user alone to read.

    `mounts`: path → volume.
    """
    lines = "; ".join(f"echo line of {name} >> {path}" for path in files)
    folders = " ".join(path.rpartition("/")[0] for path in files)
    return {
        "name": name, "image": "busybox:1.36", "imagePullPolicy": "Never", "command": ["sh", "-c"],
        "args": [
            f"trap exit TERM; umask 077; mkdir -p {folders}; while true; do {lines}; sleep 0.2 & wait $!; done"
        ],
        "volumeMounts": [{"name": volume, "mountPath": path} for path, volume in (mounts or {}).items()],
        "securityContext": {"runAsUser": 101, **fields.pop("securityContext", {})},
        **fields,
    }  # fmt: skip


def volumes(**kinds: Object) -> list[Object]:
    return [{"name": name, **kind} for name, kind in kinds.items()]


A = "/srv/logs/a.log"
PROXY: Object = {
    "name": "linkerd-proxy", "image": "busybox:1.36", "imagePullPolicy": "Never",
    "command": ["sh", "-c", "trap exit TERM; while true; do sleep 1 & wait $!; done"],
}  # fmt: skip
LOGS = {"logs": "/srv/logs/**/*.log"}
ROWS: dict[str, Row] = {
    "nothing": Row({"containers": [writer(A, securityContext={"readOnlyRootFilesystem": True})]}, {"web": [A]}, LOGS),
    "volume-at-it": Row(
        {"containers": [writer(A, mounts={"/srv/logs": "v"})], "volumes": volumes(v=EMPTY)}, {"web": [A]}, LOGS
    ),
    "mount-without-slash": Row(
        {"containers": [writer(A, mounts={"srv/logs": "v"})], "volumes": volumes(v=EMPTY)}, {"web": [A]}, LOGS
    ),
    "proxy-first": Row({"containers": [PROXY, writer(A)]}, {"web": [A]}, LOGS),
    "resources-of-the-pod": Row(
        {
            "containers": [writer(A)],
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        },
        {"web": [A]},
        LOGS,
    ),
    "volume-above": Row(
        {"containers": [writer(A, mounts={"/srv": "v"})], "volumes": volumes(v=EMPTY)}, {"web": [A]}, LOGS
    ),
    "volume-over-the-program": Row(
        {"containers": [writer("/opt/shop/a.log", mounts={"/opt": "v"})], "volumes": volumes(v=EMPTY)},
        {"web": ["/opt/shop/a.log"]},
        {"logs": "/opt/**/*.log"},
    ),
    "volume-above-the-state": Row(
        {
            "automountServiceAccountToken": True,
            "containers": [writer("/var/log/app/a.log", mounts={"/var": "v"})],
            "volumes": volumes(v=EMPTY),
        },
        {"web": ["/var/log/app/a.log"]},
        {},
    ),
    "volume-below": Row(
        {
            "containers": [writer(A, "/srv/logs/deep/b.log", mounts={"/srv/logs/deep": "v"})],
            "volumes": volumes(v=EMPTY),
        },
        {"web": [A, "/srv/logs/deep/b.log"]},
        LOGS,
    ),
    "configmap-below": Row(
        {
            "containers": [writer(A, mounts={"/srv/logs/conf": "v"})],
            "volumes": volumes(v={"configMap": {"name": "kube-root-ca.crt"}}),
        },
        {"web": [A]},
        LOGS,
    ),
    "sub-path": Row(
        {
            "containers": [
                writer(
                    A,
                    env=[{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    volumeMounts=[{"name": "v", "mountPath": "/srv/logs", "subPathExpr": "of-$(POD)"}],
                )
            ],
            "volumes": volumes(v=EMPTY),
        },
        {"web": [A]},
        LOGS,
    ),
    "claim": Row(
        {
            "containers": [writer(A, mounts={"/srv/logs": "v"})],
            "volumes": volumes(v={"persistentVolumeClaim": {"claimName": "data"}}),
        },
        {"web": [A]},
        LOGS,
    ),
    "host-path": Row(
        {
            "containers": [writer(A, mounts={"/srv/logs": "v"})],
            "volumes": volumes(v={"hostPath": {"path": "/var/lib/volumes/host"}}),
        },
        {"web": [A]},
        LOGS,
    ),
    "several-containers": Row(
        {"containers": [writer(A), writer("/srv/work/b.log", name="worker")]},
        {"web": [A], "worker": ["/srv/work/b.log"]},
        {"logs": "web:/srv/logs/*.log, worker:/srv/work/*.log"},
    ),
    "same-directory": Row(
        {"containers": [writer(A), writer("/srv/logs/b.log", name="worker")]},
        {"web": [A, "/srv/logs/b.log"]},
        {"logs": "web:/srv/logs/*.log, worker:/srv/logs/*.log"},
    ),
    "secret": Row({"containers": [writer(A)]}, {"web": [A]}, LOGS, {"secret": "keys"}),
    "secret-for-a-group": Row(
        {"securityContext": {"fsGroup": 5}, "containers": [writer(A)]}, {"web": [A]}, LOGS, {"secret": "keys"}
    ),
    "config-map": Row({"containers": [writer(A)]}, {"web": [A]}, LOGS, {"sink": "", "config_map": "settings"}),
    "classic": Row({"containers": [writer(A)]}, {"web": [A]}, {**LOGS, "mode": "classic"}),
    "openshift": Row(
        # What its admission gives to a container that names no user.
        {
            "securityContext": {"runAsUser": 1000920000},
            "containers": [writer(A, securityContext={"runAsUser": 1000920000})],
        },
        {"web": [A]},
        LOGS,
        {"platform": "openshift"},
    ),
}


def nginx(settings: dict[str, Any], **annotations: str) -> Row:
    """A Pod of nginx that asks itself for a page again and again, so that it has an access log."""
    ask = "while true; do wget -q -O /dev/null http://127.0.0.1/; sleep 0.2; done"
    containers = [
        {"name": "web", "image": NGINX, "imagePullPolicy": "Never"},
        {"name": "client", "image": "busybox:1.36", "imagePullPolicy": "Never", "command": ["sh", "-c", ask]},
    ]
    spec = {"containers": containers, "terminationGracePeriodSeconds": 10}
    return Row(spec, {"web": ["/var/log/nginx/access.log"]}, annotations, settings)


ROWS |= {
    "keeps-files-as-a-user": Row(
        # With the `cp` of GNU, and files that only root may read.
        {"containers": [writer("/var/log/apt/a.log", image=APP_IMAGE)]},
        {"web": ["/var/log/apt/a.log"]},
        {"logs": "/var/log/apt/a.log", "keep-image-files": "true"},
    ),
    "nginx": nginx({}, logs="/var/log/nginx/*.log"),
    # Its image has an access log that only www-data may read.
    "nginx-keeps-files": nginx({"run_as": 33}, **{"logs": "/var/log/**/access.log", "keep-image-files": "true"}),
}
HIDDEN = nginx({}, logs="/var/log/**/access.log")


def manifest(name: str, row: Row) -> str:
    metadata: Object = {"name": name}
    if row.annotations:
        metadata["annotations"] = {names.ANNOTATIONS + key: value for key, value in row.annotations.items()}
    spec = {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1, **row.spec}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, sort_keys=False)


def injected(name: str, row: Row) -> Edited:
    """The manifest with the sidecar, which was not refused and can be restored."""
    text = manifest(name, row)
    edited = inject(text, msgspec.structs.replace(SETTINGS, **row.settings))
    assert [outcome.outcome for outcome in edited.outcomes] == ["injected"], edited.outcomes
    assert uninject(edited.text).text == text
    return edited


@pytest.fixture(scope="module")
def place(cluster: Cluster, elasticsearch: Elasticsearch) -> Iterator[Namespace]:
    """All Pods at once, in one namespace."""
    with cluster.namespace() as namespace:
        namespace.apply(service(elasticsearch), endpoint(elasticsearch), *claim(cluster, "claim"), *credentials())
        cluster.shell("mkdir -p -m 0777 /var/lib/volumes/host")
        wait("the ConfigMap of the cluster", lambda: namespace.get("configmaps", "kube-root-ca.crt"))
        for name, row in {**ROWS, "nginx-hidden": HIDDEN}.items():
            cluster.kubectl("apply", "--filename=-", f"--namespace={namespace.name}", given=injected(name, row).text)
        yield namespace


def credentials() -> Iterator[Object]:
    """The Secret and the ConfigMap of the Pods that name one."""
    keys = {"SINKS__LOGS__USERNAME": "shipper", "SINKS__LOGS__PASSWORD": "not checked"}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": keys}
    pipeline = {"paths": ["/srv/logs/*.log"], "parser": "plain", "transforms": ["kubernetes"]}
    settings = yaml.safe_dump({"sinks": {"logs": SETTINGS.sink}, "pipelines": {"app": pipeline}})
    metadata = {"name": "settings"}
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"sidecar.yaml": settings}}


def claim(cluster: Cluster, folder: str) -> Iterator[Object]:
    """A claim, and the volume that it gets: nothing makes volumes here."""
    cluster.shell(f"mkdir -p -m 0777 /var/lib/volumes/{folder}")
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
    volume = {"capacity": {"storage": "1Gi"}, "hostPath": {"path": f"/var/lib/volumes/{folder}"}, **common}
    item = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": folder}, "spec": volume}
    cluster.kubectl("apply", "--filename=-", given=json.dumps(item))
    wanted = {"resources": {"requests": {"storage": "1Gi"}}, "volumeName": folder, **common}
    yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": wanted}


@pytest.mark.parametrize("name", ROWS)
def test_every_file_of_the_application_is_stored(name: str, place: Namespace, elasticsearch: Elasticsearch) -> None:
    row = ROWS[name]
    wanted = {(container, path.rpartition("/")[2]) for container, paths in row.written.items() for path in paths}

    def stored() -> set[tuple[str, str]]:
        found = [each for each in elasticsearch.documents(INDEX) if each["kubernetes"]["pod"]["name"] == name]
        return {
            (each["kubernetes"]["container"]["name"], each["log"]["file"]["path"].rpartition("/")[2])
            for each in found
        }

    def explain() -> str:
        pod = place.pod(name)
        return yaml.safe_dump(pod.status) + str(stored()) + place.logs(name, SIDECAR)

    wait(f"documents of {name}", lambda: wanted <= stored(), 120, explain)
    seen = place.pod(name)
    assert [each for each in row.written if not seen.runs(each)] == []


def test_an_application_starts_before_the_settings_of_its_sidecar_arrive(
    place: Namespace, elasticsearch: Elasticsearch
) -> None:
    row = Row(ROWS["nothing"].spec, {"web": [A]}, LOGS, {"config_map": "later", "secret": "later"})
    place.cluster.kubectl("apply", "--filename=-", f"--namespace={place.name}", given=injected("early", row).text)
    place.wait_for_pod("early", "runs", lambda pod: pod.runs("web") and pod.runs(SIDECAR))
    settings = place.get("configmaps", "settings")
    place.apply({**settings, "metadata": {"name": "later"}})

    def is_stored() -> bool:
        return any(each["kubernetes"]["pod"]["name"] == "early" for each in elasticsearch.documents(INDEX))

    wait("the kubelet mounts the ConfigMap, and the sidecar reads it", is_stored, 240)


def test_an_application_whose_directory_is_hidden_fails_as_the_caution_says(place: Namespace) -> None:
    (outcome,) = injected("nginx-hidden", HIDDEN).outcomes
    assert "W_MASK" in [caution.code.name for caution in outcome.cautions]

    def has_failed(pod: Any) -> bool:
        container = pod.container("web")
        return bool(container.get("lastState", {}).get("terminated") or pod.ended("web"))

    place.wait_for_pod("nginx-hidden", "cannot open its log", has_failed, within=120)
    assert "/var/log/nginx" in place.logs("nginx-hidden", "web")
