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


def pod(
    mounts: list[Object] | None = None, volumes: list[Object] | None = None, annotations: Object | None = None,
    container: Object | None = None, **spec: Any,
) -> Object:  # fmt: skip
    """Return a Pod with the container `web`. `annotations` have names without their prefix."""
    web: Object = {"name": "web", "image": "nginx:1.27", **(container or {})}
    if mounts is not None:
        web["volumeMounts"] = mounts
    item: Object = {"metadata": {"name": "shop"}, "spec": {"containers": [web], **spec}}
    if volumes is not None:
        item["spec"]["volumes"] = volumes
    if annotations:
        item["metadata"]["annotations"] = {f"log-sidecar/{name}": value for name, value in annotations.items()}
    return item


def _on(path: str, kind: Object, **mount: str) -> Object:
    """Return a Pod whose container has a volume of this kind at a path."""
    return pod([{"name": "v", "mountPath": path, **mount}], [{"name": "v", **kind}])


def _with(item: Object, **metadata: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], **metadata}}


def _two(logs: str, mounts: list[Object] | None = None) -> Object:
    item = pod(mounts, [{"name": "v", "emptyDir": {}}] if mounts else None, annotations={"logs": logs})
    item["spec"]["containers"].append({"name": "log-worker", "image": "worker:1"})
    return item


def _users(container: Object, whole: Object | None = None) -> Object:
    return pod(container={"securityContext": container}, securityContext=whole or {})


def _containers(*names: str, **metadata: Object) -> Object:
    return _with(pod(containers=[{"name": name, "image": f"{name}:1"} for name in names]), **metadata)


def _inits(*names: str) -> Object:
    return pod(initContainers=[{"name": name, "image": f"{name}:1"} for name in names])


_D = "/var/log/app"
_EMPTY: Object = {"emptyDir": {}}
_AMOUNTS = {"cpu": "100m", "memory": "64Mi"}
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_CLAIM_TEMPLATE = {
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
_PROJECTED = {"sources": [{"configMap": {"name": "c"}}]}
_ITEMS = {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}

TABLE: dict[str, tuple[Object, str]] = {
    "nothing": (pod(), ""),
    "emptyDir": (_on(_D, _EMPTY), ""),
    "emptyDir above": (_on("/var/log", _EMPTY), ""),
    "sub-path": (_on(_D, _EMPTY, subPath="part"), ""),
    "sub-path by expression": (
        pod(
            [{"name": "v", "mountPath": _D, "subPathExpr": "$(NAME)"}],
            [{"name": "v", **_EMPTY}],
            container={"env": [{"name": "NAME", "value": "x"}]},
        ),
        "a sub-path with variables",
    ),
    "claim": (_on(_D, {"persistentVolumeClaim": {"claimName": "data"}}), ""),
    "ephemeral": (_on(_D, {"ephemeral": {"volumeClaimTemplate": _CLAIM_TEMPLATE}}), ""),
    "csi": (_on(_D, {"csi": {"driver": "example.com"}}), ""),
    "nfs": (_on(_D, {"nfs": {"server": "nfs.example", "path": "/"}}), ""),
    "the deepest of two volumes": (
        pod(
            [{"name": "a", "mountPath": "/var/log"}, {"name": "b", "mountPath": _D}],
            [{"name": "a", **_EMPTY}, {"name": "b", **_EMPTY}],
        ),
        "",
    ),
    "a volume elsewhere": (_on("/var/log/application", _EMPTY), ""),
    "volume over the program": (
        _with(_on("/opt", _EMPTY), annotations={"log-sidecar/logs": "/opt/shop/*.log"}),
        "a directory that the sidecar needs",
    ),
    "volume above the state": (_on("/var", _EMPTY), "a directory that the sidecar needs"),
    "volume in /usr": (
        _with(
            _on("/usr/local/tomcat/logs", _EMPTY), annotations={"log-sidecar/logs": "/usr/local/tomcat/logs/*.log"}
        ),
        "",
    ),
    "glob in the state": (pod(annotations={"logs": "/var/lib/sidecar/*.log"}), "a directory that the sidecar needs"),
    "slash at the end": (_on(f"{_D}/", _EMPTY), "a mount path has a form"),
    "volume below": (_on(f"{_D}/deep", _EMPTY), "a volume is mounted below"),
    "ConfigMap below": (_on(f"{_D}/conf", {"configMap": {"name": "c"}}), "a volume is mounted below"),
    "ConfigMap": (_on(_D, {"configMap": {"name": "c"}}), "E_MOUNT_CONFLICT"),
    "Secret": (_on(_D, {"secret": {"secretName": "s"}}), "E_MOUNT_CONFLICT"),
    "projected": (_on(_D, {"projected": _PROJECTED}), "E_MOUNT_CONFLICT"),
    "downward API": (_on(_D, {"downwardAPI": _ITEMS}), "E_MOUNT_CONFLICT"),
    "hostPath": (_on(_D, {"hostPath": {"path": "/var/log"}}), "E_HOST_PATH"),
    "glob": (pod(annotations={"logs": "/srv/logs/*.log"}), ""),
    "glob of any depth": (pod(annotations={"logs": "/srv/logs/a-[0-9]/**/*.log"}), ""),
    "glob in a directory of the image": (pod(annotations={"logs": "/var/log/nginx/*.log"}), ""),
    "glob without a wildcard": (pod(annotations={"logs": "/srv/logs/app.log"}), ""),
    "glob of a container": (_two("log-worker:/srv/worker/*.log"), ""),
    "glob of a container with its volume": (_two("web:/srv/*.log", [{"name": "v", "mountPath": "/srv"}]), ""),
    "several globs": (pod(annotations={"logs": "/srv/a/*.log,/srv/b/*.log"}), "is not one absolute glob"),
    "several containers": (_two("web:/srv/a/*.log, log-worker:/srv/b/*.log"), "is not one absolute glob"),
    "glob with a quote": (pod(annotations={"logs": '/srv/a"b/*.log'}), "is not one absolute glob"),
    "glob that is not normal": (pod(annotations={"logs": "/srv//logs/./*.log"}), "is not one absolute glob"),
    "glob of a directory": (pod(annotations={"logs": "/srv/logs/"}), "is not one absolute glob"),
    "relative glob": (pod(annotations={"logs": "app.log"}), "is not one absolute glob"),
    "glob that climbs": (pod(annotations={"logs": "/srv/../etc/*.log"}), "is not one absolute glob"),
    "glob of no container": (pod(annotations={"logs": "missing:/srv/*.log"}), "E_NO_CONTAINER"),
    "glob in the system": (pod(annotations={"logs": "/etc/app/*.log"}), "E_DIRECTORY"),
    "glob in the root": (pod(annotations={"logs": "/*.log"}), "E_DIRECTORY"),
    "glob in /opt": (pod(annotations={"logs": "/opt/*.log"}), "E_DIRECTORY"),
    "profile": (pod(annotations={"profile": "busy"}), ""),
    "unknown profile": (pod(annotations={"profile": "enormous"}), "E_ANNOTATION"),
    "parsers": (pod(annotations={"parser": "json,plain"}), ""),
    "wrong parser": (pod(annotations={"parser": "{}"}), "E_ANNOTATION"),
    "exclude": (pod(annotations={"exclude": "*.gz"}), "log-sidecar/exclude is not read"),
    "files of the image": (pod(annotations={"keep-image-files": "true"}), "log-sidecar/keep-image-files is not read"),
    "classic": (pod(annotations={"mode": "classic"}), "log-sidecar/mode is not read"),
    "sink": (pod(annotations={"sink": "https://elsewhere.example"}), "log-sidecar/sink is not read"),
    "typing mistake": (pod(annotations={"lgos": "/srv/*.log"}), ""),
    "user": (_users({"runAsUser": 101}), ""),
    "user and group": (_users({"runAsUser": 101, "runAsGroup": 7}), ""),
    "user of the Pod": (_users({}, {"runAsUser": 102, "runAsGroup": 8}), ""),
    "user of both": (_users({"runAsUser": 101}, {"runAsUser": 102, "runAsGroup": 8}), ""),
    "root": (_users({"runAsUser": 0}, {"runAsUser": 102, "runAsGroup": 8}), ""),
    "group of the volumes": (_users({}, {"fsGroup": 5}), ""),
    "long grace": (pod(terminationGracePeriodSeconds=60), ""),
    "short grace": (pod(terminationGracePeriodSeconds=5), ""),
    "Job": (pod(restartPolicy="Never"), ""),
    "network of the node": (pod(hostNetwork=True), ""),
    "proxy of a mesh first": (_containers("linkerd-proxy", "web"), ""),
    "proxy of a mesh alone": (_containers("envoy"), ""),
    "default container of kubectl": (_containers("helper", "web", annotations={_DEFAULT_CONTAINER: "web"}), ""),
    "default container that is a proxy": (
        _containers("istio-proxy", "web", annotations={_DEFAULT_CONTAINER: "istio-proxy"}),
        "",
    ),
    "default container that is missing": (_containers("web", annotations={_DEFAULT_CONTAINER: "other"}), ""),
    "hyphens in a row": (_containers("web--1"), "two hyphens in a row"),
    "mount path without a slash": (_on("var/log/app", _EMPTY), "a mount path has a form"),
    "glob with a variable": (pod(annotations={"logs": "/srv/$(POD_NAME)/*.log"}), "is not one absolute glob"),
    "resources of the Pod": (pod(resources={"requests": _AMOUNTS, "limits": _AMOUNTS}), ""),
    "requests of the Pod": (pod(resources={"requests": {"memory": "1Mi"}}, annotations={"profile": "flood"}), ""),
    "no resources of the Pod": (pod(resources={}), ""),
    "Guaranteed": (pod(container={"resources": {"requests": _AMOUNTS, "limits": _AMOUNTS}}), ""),
    "SELinux": (_users({"seLinuxOptions": {"level": "s0:c1,c2"}}, {"seLinuxOptions": {"level": "s0:c3"}}), ""),
    "AppArmor": (_users({}, {"appArmorProfile": {"type": "Localhost", "localhostProfile": "web"}}), ""),
    "usual AppArmor": (_users({}, {"appArmorProfile": {"type": "RuntimeDefault"}}), ""),
    "no token": (pod(automountServiceAccountToken=False), ""),
    "init container": (_inits("migrate"), ""),
    "mesh proxy": (_inits("istio-proxy", "migrate"), ""),
    "mesh proxy in the middle": (_inits("istio-init", "linkerd-proxy", "migrate"), ""),
    "Windows by its node": (pod(nodeSelector={"kubernetes.io/os": "windows"}), "E_WINDOWS"),
    "Windows": (pod(os={"name": "windows"}), "E_WINDOWS"),
    "reserved name of a volume": (pod(volumes=[{"name": "log-sidecar-state", **_EMPTY}]), "E_NAME_TAKEN"),
    "reserved name of a container": (_inits("log-sidecar-copy"), "E_NAME_TAKEN"),
    "labels": (_with(pod(), labels={"app": "shop"}), ""),
    "label of an injected Pod": (_with(pod(), labels={"log-sidecar/injected": "maybe"}), ""),
    "evictable volumes": (_with(pod(), annotations={_EVICTABLE: "scratch"}), ""),
    "unclear label": (_with(pod(), labels={"log-sidecar/inject": "enabled"}), "E_ANNOTATION"),
    "unclear annotation": (_with(pod(), annotations={"log-sidecar/inject": "False"}), "E_ANNOTATION"),
    "refused by a label": (_with(pod(), labels={"log-sidecar/inject": "false"}), "-"),
    "refused by an annotation": (_with(pod(), annotations={"log-sidecar/inject": "false"}), "-"),
}
"""What a Pod is about → the Pod, as the API server accepts it, and what a policy says that leaves it: "" if it adds,
"-" if it says nothing."""
