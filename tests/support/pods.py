"""Random Pods as plain dictionaries, for the properties of injection."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]

DIRECTORIES = ("/var/log/app", "/var/log", "/var/log/nginx", "/srv/logs", "/data", "/etc", "/var/log/app/deep")
_VOLUMES: tuple[Object, ...] = (
    {"emptyDir": {}},
    {"persistentVolumeClaim": {"claimName": "data"}},
    {"configMap": {"name": "settings"}},
    {"hostPath": {"path": "/var/log/node"}},
    {"secret": {"secretName": "keys"}},
    {"csi": {"driver": "example.com"}},
)
_ANNOTATIONS = (
    ("team", "payments"),
    ("log-sidecar/logs", "/srv/logs/*.log"),
    ("log-sidecar/logs", "web:/var/log/nginx/*.log, worker:/srv/logs/**/*.log"),
    ("log-sidecar/logs", "/etc/*.log"),
    ("log-sidecar/logs", "relative"),
    ("log-sidecar/profile", "busy"),
    ("log-sidecar/mode", "classic"),
    ("log-sidecar/exit-when", "app-exits"),
    ("log-sidecar/keep-image-files", "true"),
    ("log-sidecar/typo", "x"),
    ("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes", "scratch"),
)

_FLAGS: tuple[tuple[Object, ...], ...] = (
    ({}, {"restartPolicy": "Never"}, {"restartPolicy": "OnFailure"}),
    ({}, {"terminationGracePeriodSeconds": 5}, {"hostNetwork": True}),
    ({}, {"shareProcessNamespace": False}, {"automountServiceAccountToken": False}),
)


def _container(draw: st.DrawFn, name: str, volumes: list[Object]) -> Object:
    container: Object = {"name": name, "image": f"registry.example/{name}:1"}
    names = [volume["name"] for volume in volumes] or ["claim"]
    paths = draw(st.lists(st.sampled_from(DIRECTORIES), max_size=3, unique=True))
    if paths:
        container["volumeMounts"] = [{"name": draw(st.sampled_from(names)), "mountPath": path} for path in paths]
        if draw(st.booleans()):
            container["volumeMounts"][0]["subPath"] = "part"
    if draw(st.booleans()):
        container["securityContext"] = {"runAsUser": draw(st.sampled_from([0, 101, 10001]))}
    return container


@st.composite
def pods(draw: st.DrawFn) -> Object:
    """Return a Pod, or the template of one."""
    kinds = draw(st.lists(st.sampled_from(_VOLUMES), max_size=3))
    volumes = [{"name": f"volume-{index}", **kind} for index, kind in enumerate(kinds)]
    names = draw(st.sampled_from([["web"], ["web", "worker"], ["worker", "web", "third"]]))
    spec: Object = {"containers": [_container(draw, name, volumes) for name in names]}
    if volumes:
        spec["volumes"] = volumes
    if draw(st.booleans()):
        inits = draw(st.lists(st.sampled_from(["migrate", "istio-proxy", "setup"]), unique=True, min_size=1))
        spec["initContainers"] = [_container(draw, name, volumes) for name in inits]
    for choices in _FLAGS:
        spec |= draw(st.sampled_from(choices))
    pod: Object = {"spec": spec}
    annotations = dict(draw(st.lists(st.sampled_from(_ANNOTATIONS), max_size=3)))
    has_labels = draw(st.booleans())
    if annotations or has_labels:
        pod["metadata"] = {"labels": {"app": "shop"}}
        if annotations:
            pod["metadata"]["annotations"] = annotations
    return pod
