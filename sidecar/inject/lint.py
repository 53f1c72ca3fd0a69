"""Finds mistakes in manifests that cost logs, Pods or money. No schema knows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from sidecar.inject import names
from sidecar.inject.addition import Object
from sidecar.inject.container import default_grace
from sidecar.inject.manifest import Manifest, PodObject
from sidecar.inject.nodes import YamlNode
from sidecar.inject.plan import is_sidecar
from sidecar.inject.quantities import parse_quantity
from sidecar.inject.reasons import Refused
from sidecar.inject.shape import check_shape

RULES = {
    "disk-limit": "a limit of ephemeral-storage counts for the whole Pod with its emptyDirs: remove it",
    "volume-size": "the Pod is evicted at the sum of its disk limits, before a volume reaches its size limit",
    "names": "a volume of the sidecar has a name that an application may use, too",
    "sigterm": "the shell script ignores SIGTERM: each deletion takes the whole grace period",
    "token": "the sidecar can read the token of the API",
    "probe": "a liveness probe that starts a program costs CPU; once a minute is often enough",
    "grace": "SIDECAR_GRACE differs from terminationGracePeriodSeconds: delivery ends too early or is cut off",
    "mode": "SIDECAR_MODE says another mode than the place of the container",
    "restart": "an init container without `restartPolicy: Always` keeps the Pod from starting",
    "job-end": "an ordinary container without SIDECAR_EXIT_WHEN keeps a Job from completing",
    "processes": "the rule app-exits needs shareProcessNamespace",
    "writable": "the sidecar could change the logs: mount them with readOnly",
    "image": "the image of the sidecar has no fixed version",
    "password": "everyone who may read Pods can read this value: take it from a Secret",
    "dns": "egress to port 53 without `to` allows the whole world: name the DNS server of the cluster",
    "job-history": "finished Pods and their volumes stay for ever: set ttlSecondsAfterFinished",
    "job-deadline": "a missed start is made up for later, or never: set startingDeadlineSeconds",
    "shared-state": "two Pods could open one state: use the access mode ReadWriteOncePod",
}
"""Rule → what is wrong, and what to do."""

_PROBE_PERIOD_S = 60
_SECRET_NAME = re.compile(r"PASSWORD|API_KEY|TOKEN|SECRET(?!S_DIR)")


class _Variable(msgspec.Struct):
    name: str = ""


class _LintedMount(msgspec.Struct):
    name: str | None = None
    mountPath: str | None = None  # noqa: N815 - the name of the field in Kubernetes


class _Probe(msgspec.Struct):
    periodSeconds: int | None = None  # noqa: N815


class _LintedContainer(msgspec.Struct):
    command: list[Any] | None = None
    args: list[Any] | None = None
    env: list[_Variable] | None = None
    livenessProbe: _Probe | None = None  # noqa: N815
    volumeMounts: list[_LintedMount] | None = None  # noqa: N815


class _LintedVolume(msgspec.Struct):
    emptyDir: dict[str, Any] | None = None  # noqa: N815


class _Pod(msgspec.Struct):
    containers: list[_LintedContainer] | None = None
    initContainers: list[_LintedContainer] | None = None  # noqa: N815
    volumes: list[_LintedVolume] | None = None


class _Template(msgspec.Struct):
    spec: _Pod | None = None


class _ClaimMetadata(msgspec.Struct):
    name: str | None = None


class _Claim(msgspec.Struct):
    metadata: _ClaimMetadata | None = None
    spec: dict[str, Any] | None = None


class _StatefulSet(msgspec.Struct):
    template: _Template | None = None
    volumeClaimTemplates: list[_Claim] | None = None  # noqa: N815


class _Egress(msgspec.Struct):
    ports: list[dict[str, Any]] | None = None


class _NetworkPolicy(msgspec.Struct):
    egress: list[_Egress] | None = None


_SHAPES: dict[str, type] = {"NetworkPolicy": _NetworkPolicy, "StatefulSet": _StatefulSet}
"""Kind → what its rules read. Kubernetes refuses an object with other types, so the rules leave it alone."""


def _has_shape(value: Any, shape: type) -> bool:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return False
    return True


class Mistake(NamedTuple):
    """One mistake."""

    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class _PodWithSidecar:
    """A Pod with a sidecar, as the rules see it."""

    kind: str
    spec: Object
    sidecar: Object
    is_native: bool

    @property
    def containers(self) -> list[Object]:
        """All containers."""
        return [*(self.spec.get("initContainers") or []), *self.spec["containers"]]

    @property
    def variables(self) -> dict[str, Object]:
        """The variables of the sidecar."""
        return {entry.get("name", ""): entry for entry in self.sidecar.get("env") or []}

    def variable(self, name: str) -> str | None:
        """Return the value that the manifest gives a variable, None if it gives none."""
        value = self.variables.get(name, {}).get("value")
        return None if value is None else str(value)


def lint(text: str) -> list[Mistake]:
    """Return the mistakes in the order of the text. Raise ManifestError if it cannot be read."""
    manifest = Manifest(text)
    findings = [finding for found in manifest.pods for finding in _lint_pod(text, found)]
    for item in manifest.objects():
        kind, spec = str(_value(item, "kind")), item.get("spec")
        if kind in _OBJECT_RULES and spec and spec.kind == "mapping":
            value = spec.plain()
            if _has_shape(value, _SHAPES.get(kind, dict)):
                findings += [_finding(text, item, rule) for rule in _OBJECT_RULES[kind](value)]
    return sorted(findings)


def _value(item: YamlNode, key: str) -> Any:
    node = item.get(key) if item.kind == "mapping" else None
    return node.value if node else None


def _finding(text: str, node: YamlNode, rule: str, subject: str = "") -> Mistake:
    return Mistake(text.count("\n", 0, node.start) + 1, rule, f"{subject}{RULES[rule]}")


def _lint_pod(text: str, found: PodObject) -> Iterator[Mistake]:
    value = found.value()
    try:
        check_shape(value)
    except Refused:
        return
    spec: Object = value["spec"]
    if not _has_shape(spec, _Pod):
        return
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or []):
            if not is_sidecar(container):
                continue
            pod = _PodWithSidecar(str(_value(found.item, "kind")), spec, container, kind == "initContainers")
            node = _container_node(found.root, kind, index)
            for rule, has_mistake in _SIDECAR_RULES.items():
                if has_mistake(pod):
                    yield _finding(text, node, rule, f"{container['name']}: ")
            yield from _lint_neighbours(text, found.root, spec)


def _container_node(root: YamlNode, kind: str, index: int) -> YamlNode:
    spec = root.get("spec")
    containers = spec.get(kind) if spec else None
    return containers.items[index] if containers else root


def _lint_neighbours(text: str, root: YamlNode, spec: Object) -> Iterator[Mistake]:
    for index, container in enumerate(spec["containers"]):
        if _ignores_sigterm(container):
            yield _finding(text, _container_node(root, "containers", index), "sigterm", f"{container['name']}: ")


def _ignores_sigterm(container: Object) -> bool:
    """Return whether a shell with a loop is process 1 and has no trap."""
    words = [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    is_shell = len(words) > 2 and words[0].rpartition("/")[2] in ("sh", "bash", "ash", "dash") and "c" in words[1]
    return (
        is_shell
        and re.search(r"\b(while|until)\b", words[2]) is not None
        and not re.search(r"\btrap\b|\bexec\b", words[2])
        and re.search(r"while (true|:)|sleep (infinity|[0-9]+)", words[2]) is not None
    )


def _amounts(container: Object, kind: str) -> Object:
    return ((container.get("resources") or {}).get(kind)) or {}


def _bytes(quantity: object) -> Decimal:
    return parse_quantity(str(quantity)) or Decimal(0)


def _is_small(pod: _PodWithSidecar) -> bool:
    limits = [_bytes(_amounts(container, "limits").get("ephemeral-storage", 0)) for container in pod.containers]
    sizes = [_bytes((volume.get("emptyDir") or {}).get("sizeLimit", 0)) for volume in pod.spec.get("volumes") or []]
    return 0 < sum(limits) < sum(sizes)


def _has_common_name(pod: _PodWithSidecar) -> bool:
    """Return whether a volume that only the sidecar mounts has a name without the prefix."""
    others = {
        mount["name"]
        for container in pod.containers
        if container is not pod.sidecar
        for mount in container.get("volumeMounts") or []
    }
    mounts = {mount["name"] for mount in pod.sidecar.get("volumeMounts") or []} - others
    defined = {volume["name"] for volume in pod.spec.get("volumes") or []}
    return any(not names.is_reserved(name) for name in mounts & defined)


def _has_token(pod: _PodWithSidecar) -> bool:
    paths = {mount["mountPath"] for mount in pod.sidecar.get("volumeMounts") or []}
    return pod.spec.get("automountServiceAccountToken") is not False and names.TOKEN_DIRECTORY not in paths


def _probes_often(pod: _PodWithSidecar) -> bool:
    probe = pod.sidecar.get("livenessProbe") or {}
    return "exec" in probe and (probe.get("periodSeconds") or 10) < _PROBE_PERIOD_S


def _can_write_logs(pod: _PodWithSidecar) -> bool:
    own = pod.sidecar.get("volumeMounts") or []
    shared = {
        mount["name"]
        for container in pod.spec["containers"]
        if container is not pod.sidecar
        for mount in container.get("volumeMounts") or []
    }
    inner = [mount["mountPath"] for mount in own]
    return any(
        mount["name"] in shared
        and not mount.get("readOnly")
        and not any(path != mount["mountPath"] and path.startswith(f"{mount['mountPath']}/") for path in inner)
        for mount in own
    )


def _has_loose_image(pod: _PodWithSidecar) -> bool:
    image = str(pod.sidecar.get("image") or "").rpartition("/")[2]
    return "@" not in image and image.partition(":")[2] in ("", "latest")


def _shows_password(pod: _PodWithSidecar) -> bool:
    return any(
        _SECRET_NAME.search(name) and entry.get("value") and not name.endswith("_FILE")
        for name, entry in pod.variables.items()
    )


def _is_in_job(pod: _PodWithSidecar) -> bool:
    return pod.spec.get("restartPolicy") in ("Never", "OnFailure") or pod.kind in ("Job", "CronJob")


_SIDECAR_RULES: dict[str, Callable[[_PodWithSidecar], bool]] = {
    "disk-limit": lambda pod: "ephemeral-storage" in _amounts(pod.sidecar, "limits"),
    "volume-size": _is_small,
    "names": _has_common_name,
    "token": _has_token,
    "probe": _probes_often,
    "grace": lambda pod: pod.variable("SIDECAR_GRACE") != str(default_grace(pod.spec)),
    "mode": lambda pod: pod.variable("SIDECAR_MODE") != ("native" if pod.is_native else "classic"),
    "restart": lambda pod: pod.is_native and pod.sidecar.get("restartPolicy") != "Always",
    "job-end": lambda pod: not pod.is_native and _is_in_job(pod) and not pod.variable("SIDECAR_EXIT_WHEN"),
    "processes": lambda pod: (
        pod.variable("SIDECAR_EXIT_WHEN") == "app-exits" and not pod.spec.get("shareProcessNamespace")
    ),
    "writable": _can_write_logs,
    "image": _has_loose_image,
    "password": _shows_password,
}


def _network_policy(spec: Object) -> Iterator[str]:
    for rule in spec.get("egress") or []:
        ports = {str(port.get("port")) for port in rule.get("ports") or []}
        if "53" in ports and not rule.get("to"):
            yield "dns"
            return


def _job(spec: Object) -> Iterator[str]:
    if "ttlSecondsAfterFinished" not in spec:
        yield "job-history"


def _cron_job(spec: Object) -> Iterator[str]:
    if "startingDeadlineSeconds" not in spec:
        yield "job-deadline"


def _stateful_set(spec: Object) -> Iterator[str]:
    pod = ((spec.get("template") or {}).get("spec")) or {}
    containers = [*(pod.get("initContainers") or []), *(pod.get("containers") or [])]
    states = {
        mount.get("name")
        for container in containers
        if is_sidecar(container)
        for mount in container.get("volumeMounts") or []
        if mount.get("mountPath") == names.STATE_DIRECTORY
    }
    for claim in spec.get("volumeClaimTemplates") or []:
        is_state = (claim.get("metadata") or {}).get("name") in states
        if is_state and (claim.get("spec") or {}).get("accessModes") != ["ReadWriteOncePod"]:
            yield "shared-state"


_OBJECT_RULES: dict[str, Callable[[Object], Iterator[str]]] = {
    "NetworkPolicy": _network_policy,
    "Job": _job,
    "CronJob": _cron_job,
    "StatefulSet": _stateful_set,
}
