"""Finds what another webhook removed or moved of a sidecar that was injected before, and restores it once."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.inject import names
from sidecar.inject.addition import Object, Path, json_patch, json_pointer
from sidecar.inject.annotations import wants_sidecar
from sidecar.inject.plan import is_sidecar, plan
from sidecar.inject.reasons import Caution, Note
from sidecar.inject.settings import InjectionSettings
from sidecar.inject.stamp import read_stamp, removable, remove

RESTART_POLICY = "restartPolicy"


def find_damage(pod: Object) -> str:
    """Return the part that the sidecar of a Pod lacks, "" if it lacks nothing.

    The Pod has passed `check_shape`. Values that differ are left alone: a cluster may have a registry or limits.
    """
    sidecar = _sidecar(pod)
    if sidecar is None or read_stamp(pod) is None or not wants_sidecar(pod):
        return ""
    kind, index = sidecar
    container = pod["spec"][kind][index]
    if kind == "initContainers" and not container.get("restartPolicy"):
        return RESTART_POLICY
    missing = _missing_volume(pod["spec"], container)
    if missing:
        return missing
    later = [each["name"] for each in pod["spec"][kind][index + 1 :] if each.get("restartPolicy") == "Always"]
    proxies = [name for name in later if name in names.MESH_PROXIES]
    return f"the place after {proxies[0]}" if kind == "initContainers" and proxies else ""


def _sidecar(pod: Object) -> tuple[str, int] | None:
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(kind) or []):
            if container["name"] == names.CONTAINER and is_sidecar(container):
                return kind, index
    return None


def _missing_volume(spec: Object, sidecar: Object) -> str:
    volumes = {volume["name"] for volume in spec.get("volumes") or []}
    mounted = [mount["name"] for mount in sidecar.get("volumeMounts") or [] if names.is_reserved(mount["name"])]
    if lost := [name for name in mounted if name not in volumes]:
        return f"the volume {lost[0]}"
    if not mounted:
        return "its volume mounts"
    applications = [
        mount["name"]
        for container in spec["containers"]
        if container["name"] != names.CONTAINER
        for mount in container.get("volumeMounts") or []
    ]
    unused = [name for name in mounted if name.startswith(names.LOGS) and name not in applications]
    return f"the mount of {unused[0]} in the application" if unused else ""


def repair(pod: Object, settings: InjectionSettings, damage: str) -> tuple[list[Object], list[Note]]:
    """Return the JSON patch that restores the sidecar, and a caution about the other webhook.

    The patch is empty if the sidecar was restored before: two webhooks would undo each other's work for ever.
    """
    if names.REPAIRED in (pod["metadata"]["annotations"] or {}):
        return [], [_caution(damage, "was restored before and is missing again, so the sidecar may not work")]
    if damage == RESTART_POLICY:
        operations = json_patch(plan(pod, settings).insertions)
        return [*operations, _mark(damage)], [_caution(damage, "was missing and is restored")]
    stamp = read_stamp(pod)
    assert stamp
    paths = removable(pod, stamp)
    addition = plan(remove(pod, paths), settings)
    if addition.refusal:
        return [], [_caution(damage, f"is missing and cannot be restored ({addition.refusal})")]
    operations = [*_removals(paths), *json_patch(addition.insertions), _mark(damage)]
    return operations, [*addition.cautions, _caution(damage, "was missing and is restored")]


def _mark(damage: str) -> Object:
    path = json_pointer(("metadata", "annotations", names.REPAIRED))
    return {"op": "add", "path": path, "value": damage}


def _removals(paths: Iterable[Path]) -> list[Object]:
    """Return the operations that remove these parts, the last items of a list first."""
    ordered = sorted(paths, key=lambda path: [(isinstance(key, str), key) for key in path], reverse=True)
    return [{"op": "remove", "path": json_pointer(path)} for path in ordered]


def _caution(damage: str, result: str) -> Note:
    return Note(Caution.W_NEIGHBOUR, f"{damage} of the sidecar {result}; another webhook changes it")
