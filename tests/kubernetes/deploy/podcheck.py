"""What the API server refuses and the schemas do not know, what we ask of our Pods, and their Pod Security level.

Only what manifests of ours can get wrong; a namespace that enforces a level is the judge on a real node.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

Object = dict[str, Any]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"([0-9.]+)(m|k|Ki|M|Mi|G|Gi)?")
_UNITS = {
    "": Decimal(1), "m": Decimal("0.001"), "k": Decimal(1000), "M": Decimal(1000**2), "G": Decimal(1000**3),
    "Ki": Decimal(1024), "Mi": Decimal(1024**2), "Gi": Decimal(1024**3),
}  # fmt: skip
_RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def pod_spec(item: Object) -> Object | None:
    """The Pod in an object, if it has one; claims of a StatefulSet count as its volumes."""
    spec: Object = item.get("spec", {})
    if item["kind"] == "Pod":
        return spec
    if item["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if "template" not in spec:
        return None
    found: Object = dict(spec["template"]["spec"])
    claims = [{"name": each["metadata"]["name"]} for each in spec.get("volumeClaimTemplates", [])]
    found["volumes"] = found.get("volumes", []) + claims
    return found


def containers(spec: Object) -> list[Object]:
    """All of a Pod, in the order in which they are started."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Object) -> dict[str, str]:
    """What the manifest says itself; `x` stands for what the cluster fills in."""
    return {item["name"]: item.get("value", "x") for item in container.get("env", [])}


def sidecars(spec: Object) -> list[Object]:
    """The containers that run the sidecar; not those that only copy something out of its image."""
    return [each for each in containers(spec) if "SIDECAR_MODE" in environment(each)]


def problems(spec: Object) -> list[str]:
    """A sentence for each rule that a Pod breaks."""
    found = [f"two containers are called {name}" for name in _twice(containers(spec))]
    found += [f"two volumes are called {name}" for name in _twice(spec.get("volumes", []))]
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    plain_init = [each for each in spec.get("initContainers", []) if each.get("restartPolicy") != "Always"]
    for container in containers(spec):
        found += [f"{container['name']}: {problem}" for problem in _container(container, volumes)]
    for container in plain_init:
        hooks = {"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} & container.keys()
        found += [f"{container['name']}: a plain init container has no {hook}" for hook in sorted(hooks)]
    for container in sidecars(spec):
        found += [f"{container['name']}: {problem}" for problem in _sidecar(container, spec)]
    return found


def pod_problems(spec: Object) -> list[str]:
    """What whoever writes the Pod decides: the charts and the component do not."""
    found = [
        f"{name} is not false"
        for name in ("automountServiceAccountToken", "enableServiceLinks")
        if spec.get(name) is not False
    ]
    security = spec.get("securityContext", {})
    return found + (["fsGroup without a volume"] if "fsGroup" in security and not spec.get("volumes") else [])


def _twice(named: Iterable[Object]) -> list[str]:
    return [name for name, count in Counter(each["name"] for each in named).items() if count > 1]


def _container(container: Object, volumes: set[str]) -> Iterator[str]:
    if not _NAME.fullmatch(container["name"]):
        yield "not a DNS label"
    mounts = container.get("volumeMounts", [])
    for name in sorted({mount["name"] for mount in mounts} - volumes):
        yield f"there is no volume {name}"
    for path, count in Counter(mount["mountPath"] for mount in mounts).items():
        if count > 1:
            yield f"{path} is mounted twice"
    for name in _twice(container.get("env", [])):
        yield f"{name} is set twice"
    yield from _resources(container)
    if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"


def _resources(container: Object) -> Iterator[str]:
    resources = container.get("resources", {})
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    for name in ("cpu", "memory", "ephemeral-storage"):
        if name not in requests:
            yield f"{name} has no request"
        elif name in limits and quantity(requests[name]) > quantity(limits[name]):
            yield f"more {name} is requested than allowed"
    if "memory" not in limits:
        yield "memory has no limit"
    # The kubelet compares the sum of these limits with the disk of the whole Pod and its emptyDirs.
    if "ephemeral-storage" in limits:
        yield "no ephemeral limit"


def quantity(text: str) -> Decimal:
    """`20m`, `64Mi` and the like as a number."""
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text} is no quantity")
    return Decimal(found[1]) * _UNITS[found[2] or ""]


def _sidecar(container: Object, spec: Object) -> Iterator[str]:
    """What every Pod of ours tells its sidecar."""
    env = environment(container)
    native = container in spec.get("initContainers", [])
    wanted = {
        "SIDECAR_MODE": "native" if native else "classic",
        "SIDECAR_GRACE": str(spec.get("terminationGracePeriodSeconds", 30)),
        "SIDECAR_ON_CONFIG_ERROR": "park",
    }
    if not native:
        wanted["SIDECAR_POD_RESTART_POLICY"] = spec.get("restartPolicy", "Always")
    for name, value in wanted.items():
        if env.get(name) != value:
            yield f"{name} is {env.get(name)}, not {value}"
    if native and container.get("restartPolicy") != "Always":
        yield "a native sidecar has restartPolicy Always"
    if env.get("SIDECAR_EXIT_WHEN") == "app-exits" and not spec.get("shareProcessNamespace"):
        yield "it cannot see the processes of the application"
    probe = {"exec": {"command": ["sidecar", "probe", "live"]}, "periodSeconds": 120, "timeoutSeconds": 10}
    if container.get("livenessProbe") != probe:
        yield "its livenessProbe is another one"
    if container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
        yield "its last words are not kept"
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    if mounts["app-log"].get("readOnly") is not True or "readOnly" in mounts["log-sidecar-state"]:
        yield "it reads logs and writes its state, not otherwise"


def security_level(spec: Object) -> str:
    """`restricted`, `baseline` or `privileged`: the strictest Pod Security Standard that lets the Pod in."""
    if _above_baseline(spec):
        return "privileged"
    return "restricted" if all(_is_restricted(each, spec) for each in containers(spec)) else "baseline"


def _above_baseline(spec: Object) -> bool:
    contexts = [each.get("securityContext", {}) for each in containers(spec)]
    return (
        any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
        or any("hostPath" in volume for volume in spec.get("volumes", []))
        or any("hostPort" in port for each in containers(spec) for port in each.get("ports", []))
        or any(context.get("privileged") or context.get("capabilities", {}).get("add") for context in contexts)
    )


def _is_restricted(container: Object, spec: Object) -> bool:
    """Each container says it for itself, so that it holds in whatever Pod it is copied to."""
    context = container.get("securityContext", {})
    sources = {key for volume in spec.get("volumes", []) for key in volume if key != "name"}
    return (
        context.get("allowPrivilegeEscalation") is False
        and context.get("capabilities") == {"drop": ["ALL"]}
        and context.get("runAsNonRoot") is True
        and context.get("runAsUser", 0) > 0
        and context.get("seccompProfile") == {"type": "RuntimeDefault"}
        and sources <= _RESTRICTED_VOLUMES
    )
