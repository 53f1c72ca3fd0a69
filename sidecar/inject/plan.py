"""Decides what a Pod needs to get the sidecar. Pure: it reads two values and returns one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sidecar.inject import names
from sidecar.inject.addition import Addition, Insertion, Object, Path, apply
from sidecar.inject.annotations import globs_by_container, resolve, wants_sidecar
from sidecar.inject.container import (
    build_container,
    build_copier,
    default_grace,
    has_resources,
    has_token,
    user_cautions,
)
from sidecar.inject.logs import LogAccess, default_container, share_logs
from sidecar.inject.quantities import parse_quantity
from sidecar.inject.reasons import Caution, Note, RefusalReason, Refused
from sidecar.inject.settings import InjectionSettings, sink_with_suffix
from sidecar.inject.shape import check_shape
from sidecar.inject.stamp import build_stamp, read_stamp

MIN_GRACE_S = 10
"""Grace period below which a caution is given."""


def plan(pod: Object, settings: InjectionSettings, *, with_label: bool = True) -> Addition:
    """Return what the Pod needs. The Pod has `metadata` and `spec`; it is never changed.

    `with_label`: also add the label by which Pods with a sidecar are selected.
    """
    try:
        check_shape(pod)
        if not wants_sidecar(pod):
            return Addition()
        return _plan(pod, settings, {names.INJECTED: "true"} if with_label else {})
    except Refused as refused:
        return Addition(refusal=refused.note)


def _plan(pod: Object, settings: InjectionSettings, labels: Object) -> Addition:
    spec = pod["spec"]
    if (repair := _repair(pod)) is not None:
        return Addition(insertions=tuple(repair))
    _check_switch(pod)
    _check_names(spec)
    _check_platform(pod)
    options, cautions = resolve(pod, settings)
    if not options.sink and not options.config_map:
        raise Refused(RefusalReason.E_NO_SINK, "set sink or config_map in the settings")
    options = with_target(options)
    _check_exit(spec, options)
    globs = list(globs_by_container(options.logs, default_container(pod)))
    access = share_logs(spec, globs, options)
    volumes = build_volumes(spec, options, access)
    annotations, evictable = _evictable(pod, volumes)
    insertions = list(_insertions(spec, options, access, volumes))
    cautions += [*access.cautions, *_cautions(spec, options), *user_cautions(spec, options, access), *evictable]
    return Addition(_stamped(pod, insertions, labels, annotations), cautions=tuple(cautions))


def with_target(options: InjectionSettings) -> InjectionSettings:
    """Return the settings with the suffix as a part of the sink. Raise Refused if the sink has no place for it."""
    if not options.suffix:
        return options
    sink = None if options.config_map else sink_with_suffix(options.sink, options.suffix)
    if sink is None:
        raise Refused(RefusalReason.E_NO_SINK, "suffix needs a sink whose URL names an index, collection or topic")
    return msgspec.structs.replace(options, sink=sink)


def _repair(pod: Object) -> list[Insertion] | None:
    """Return what an existing sidecar lacks because another webhook removed it; None if there is no sidecar."""
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind) or []):
            if container["name"] == names.CONTAINER and is_sidecar(container):
                is_complete = kind == "containers" or container.get("restartPolicy") or not read_stamp(pod)
                return [] if is_complete else [Insertion(("spec", kind, index), "restartPolicy", "Always")]
    return None


def is_sidecar(container: Object) -> bool:
    """Return whether a container runs the sidecar."""
    return any(entry.get("name") == "SIDECAR_MODE" for entry in container.get("env") or [])


def _check_switch(pod: Object) -> None:
    for kind in ("labels", "annotations"):
        value = ((pod.get("metadata") or {}).get(kind) or {}).get(names.INJECT, "true")
        if value not in ("true", True):
            raise Refused(RefusalReason.E_ANNOTATION, f'{names.INJECT} is neither "true" nor "false"')


def _check_names(spec: Object) -> None:
    for kind in ("initContainers", "containers", "volumes"):
        for item in spec.get(kind) or []:
            if names.is_reserved(item["name"]):
                raise Refused(
                    RefusalReason.E_NAME_TAKEN, f"the name {item['name']} in spec.{kind} is reserved; rename it"
                )
            # The volume of a mount may be a claim template of a StatefulSet.
            for mount in item.get("volumeMounts") or []:
                if names.is_reserved(mount["name"]):
                    detail = f"the name {mount['name']} of a volume of {item['name']} is reserved; rename it"
                    raise Refused(RefusalReason.E_NAME_TAKEN, detail)


def _check_platform(pod: Object) -> None:
    spec = pod["spec"]
    selector = spec.get("nodeSelector") or {}
    if "windows" in ((spec.get("os") or {}).get("name"), selector.get("kubernetes.io/os")):
        raise Refused(RefusalReason.E_WINDOWS, "the image of the sidecar is for Linux")
    if "kubernetes.io/config.mirror" in ((pod.get("metadata") or {}).get("annotations") or {}):
        raise Refused(RefusalReason.E_MIRROR, "a mirror Pod cannot be changed; change the file of the static Pod")


def _check_exit(spec: Object, options: InjectionSettings) -> None:
    if options.mode == "native":
        return
    if spec.get("restartPolicy") in ("Never", "OnFailure") and not options.exit_when:
        raise Refused(RefusalReason.E_JOB_NO_EXIT, "use mode native, or set exit_when")
    if options.exit_when == "app-exits" and spec.get("shareProcessNamespace") is False:
        raise Refused(RefusalReason.E_PROCESSES, "remove shareProcessNamespace: false, or use another rule")


def _cautions(spec: Object, options: InjectionSettings) -> Iterator[Note]:
    grace = default_grace(spec)
    if grace < MIN_GRACE_S:
        yield Note(Caution.W_GRACE, f"terminationGracePeriodSeconds is {grace}; use at least {MIN_GRACE_S}")
    if has_resources(spec):
        wanted = ", ".join(f"{name} {amount}" for name, amount in sorted(options.resources().requests.items()))
        yield Note(Caution.W_POD_RESOURCES, f"the sidecar shares spec.resources; they need {wanted} more")
    elif _is_guaranteed(spec):
        yield Note(Caution.W_QOS, "the Pod becomes Burstable: it is evicted earlier, and gets no exclusive CPUs")
    if spec.get("hostNetwork"):
        yield Note(Caution.W_HOSTNET, "ports of the sidecar are ports of the node")
    image = options.image.rpartition("/")[2]
    if "@" not in image and image.partition(":")[2] in ("", "latest"):
        yield Note(Caution.W_LATEST, f"{options.image} can be another image tomorrow; use a version or a digest")
    if options.mode == "classic" and options.exit_when == "app-exits":
        if not spec.get("shareProcessNamespace"):
            yield Note(Caution.W_PROCESSES, "shareProcessNamespace is switched on for the rule app-exits")
        if spec.get("restartPolicy") == "OnFailure":
            yield Note(Caution.W_ONFAILURE, "the Job completes 330 seconds after the application; use mode native")


def _is_guaranteed(spec: Object) -> bool:
    """Return whether the Pod has the QoS class Guaranteed without the sidecar."""
    return all(map(_has_fixed_resources, [*(spec.get("initContainers") or []), *spec["containers"]]))


def _has_fixed_resources(container: Object) -> bool:
    """Return whether a container requests what its limits are. Kubernetes takes the limit for a missing request."""
    resources = container.get("resources") or {}
    limits, requests = (resources.get(kind) or {} for kind in ("limits", "requests"))
    return all(
        name in limits and parse_quantity(str(requests.get(name, limits[name]))) == parse_quantity(str(limits[name]))
        for name in ("cpu", "memory")
    )


def _insertions(
    spec: Object, options: InjectionSettings, access: LogAccess, volumes: list[Object]
) -> Iterator[Insertion]:
    yield from _grow(spec, ("spec",), "volumes", volumes)
    for index, container in enumerate(spec["containers"]):
        if mounts := access.new_mounts(container["name"]):
            yield from _grow(container, ("spec", "containers", index), "volumeMounts", mounts)
    sidecar = build_container(spec, options, access)
    copiers = [build_copier(spec, share, index) for index, share in _copied(options, access)]
    inits = copiers if options.mode == "classic" else [*copiers, sidecar]
    if inits:
        yield from _grow(spec, ("spec",), "initContainers", inits, _position(spec))
    if options.mode == "classic":
        yield from _grow(spec, ("spec",), "containers", [sidecar])
        if options.exit_when == "app-exits" and spec.get("shareProcessNamespace") is None:
            yield Insertion(("spec",), "shareProcessNamespace", True)


def _copied(options: InjectionSettings, access: LogAccess) -> Iterator[tuple[int, Any]]:
    if options.keep_image_files:
        yield from enumerate(share for share in access.shares if share.is_new)


def _grow(parent: Object, path: Path, key: str, items: list[Object], at: int | None = None) -> Iterator[Insertion]:
    """Yield the insertions that add items to a list, which may not exist yet."""
    if not parent.get(key):
        yield Insertion(path, key, items)
        return
    start = len(parent[key]) if at is None else at
    for offset, item in enumerate(items):
        yield Insertion((*path, key), start + offset, item)


def _position(spec: Object) -> int:
    """Return where the sidecar starts: first, but after the proxy of a service mesh."""
    inits = spec.get("initContainers") or []
    proxies = [index for index, container in enumerate(inits) if container["name"] in names.MESH_PROXIES]
    return proxies[-1] + 1 if proxies else 0


def secret_mode(spec: Object) -> int:
    """Return the mode of the files of the Secret. They belong to root, and to the `fsGroup` if the Pod has one.

    Without it, only a mode for every user lets the sidecar read them. No other container mounts them.
    """
    return 0o440 if (spec.get("securityContext") or {}).get("fsGroup") is not None else 0o444


def build_volumes(spec: Object, options: InjectionSettings, access: LogAccess) -> list[Object]:
    """Return the volumes that the Pod gets: those for new log directories come first.

    A ConfigMap or Secret that is missing must not keep the application from starting. The sidecar waits for it.
    """
    volumes: list[Object] = [
        {"name": name, "emptyDir": {"sizeLimit": options.volume_size}} for name in access.new_volumes()
    ]
    volumes.append({"name": names.STATE, "emptyDir": {"sizeLimit": options.state_size}})
    if options.config_map:
        volumes.append({"name": names.CONFIG, "configMap": {"name": options.config_map, "optional": True}})
    if options.secret:
        secret = {"secretName": options.secret, "defaultMode": secret_mode(spec), "optional": True}
        volumes.append({"name": names.SECRET, "secret": secret})
    labels = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    volumes.append({"name": names.PODINFO, "downwardAPI": {"items": [labels]}})
    if has_token(spec):
        volumes.append({"name": names.NO_TOKEN, "emptyDir": {}})
    return volumes


def _stamped(pod: Object, insertions: list[Insertion], labels: Object, annotations: Object) -> tuple[Insertion, ...]:
    """Return the insertions with those of label, annotations and stamp."""

    def complete(stamp: str) -> list[Insertion]:
        return [*insertions, *_metadata(pod, labels, {names.STATUS: stamp, **annotations})]

    draft = complete("")
    return tuple(complete(build_stamp(pod, apply(pod, draft), draft)))


def _metadata(pod: Object, labels: Object, annotations: Object) -> Iterator[Insertion]:
    metadata = pod.get("metadata")
    if not metadata:
        kinds = {"labels": labels, "annotations": annotations}
        yield Insertion((), "metadata", {kind: values for kind, values in kinds.items() if values})
        return
    for kind, values in (("labels", labels), ("annotations", annotations)):
        if values and not metadata.get(kind):
            yield Insertion(("metadata",), kind, values)
        else:
            for name in sorted(values.keys() - (metadata.get(kind) or {}).keys()):
                yield Insertion(("metadata", kind), name, values[name])


def _evictable(pod: Object, volumes: list[Object]) -> tuple[Object, list[Note]]:
    """Return the annotation that lets the autoscaler remove the node despite the new volumes, and a caution."""
    local = [volume["name"] for volume in volumes if "emptyDir" in volume]
    listed = ((pod.get("metadata") or {}).get("annotations") or {}).get(names.EVICTABLE)
    if listed is None:
        return {names.EVICTABLE: ",".join(local)}, []
    if set(local) <= set(str(listed).split(",")):
        return {}, []
    return {}, [Note(Caution.W_AUTOSCALER, f"add {','.join(local)} to the annotation {names.EVICTABLE}")]
