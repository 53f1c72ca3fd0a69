"""The change that a policy makes to a Pod, as one CEL expression: the operations of a JSON patch.

The container is that of `build_container`, with marks for what depends on the Pod, which become expressions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from sidecar.inject import names
from sidecar.inject.addition import Object
from sidecar.inject.cel import CelWriter, choose, list_of, quote
from sidecar.inject.container import DEFAULT_GRACE_S, USER_ID, build_container, requests_beside_pod
from sidecar.inject.coverage import APPLICATION, Variables
from sidecar.inject.logs import LogAccess, Share
from sidecar.inject.plan import build_volumes, secret_mode
from sidecar.inject.settings import PROFILES, InjectionSettings, Resources

_CONTAINER, _VOLUME, _PATH, _GLOBS = "zzcontainerzz", "zzvolumezz", "/zzpathzz", "zzglobszz"
_GRACE, _USER, _PARSER, _AMOUNTS = "zzgracezz", "zzuserzz", "zzparserzz", "zzamountszz"
_MODE = "zzmodezz"
_WITH_GROUP: Object = {"securityContext": {"fsGroup": 1}}
_HAS_GROUP = "has(object.spec.securityContext) && has(object.spec.securityContext.fsGroup)"
_WRITER = CelWriter(
    {
        _CONTAINER: "variables.container",
        _CONTAINER.upper(): 'variables.container.upperAscii().replace("-", "_")',
        _VOLUME: "variables.volume",
        _PATH: "variables.path",
        json.dumps([_GLOBS]): "variables.globs",
        _GRACE: "variables.grace",
        _USER: "variables.user",
        _PARSER: "variables.parser",
        _MODE: f"({_HAS_GROUP} ? {secret_mode(_WITH_GROUP)} : {secret_mode({})})",
        f"{_AMOUNTS}requests": "variables.requests",
        f"{_AMOUNTS}limits": "variables.limits",
    }
)
_INIT = "Object.spec.initContainers"
_INDEX = '"/spec/initContainers/" + variables.position'


def pod_variables(settings: InjectionSettings) -> Variables:
    """Return the variables that the patch needs in addition to those of `coverage`."""
    users = {"user": f"{_effective('runAsUser')} == 0 ? {USER_ID} : {_effective('runAsUser')}"}
    group = f"{_effective('runAsUser')} == 0 ? {USER_ID} : {_effective('runAsGroup')}"
    return {
        "names": "variables.inits.map(c, c.name)",
        "position": f"string({list_of(names.MESH_PROXIES)}.map(p, variables.names.indexOf(p) + 1).max())",
        "present": f"variables.names.indexOf({quote(names.CONTAINER)})",
        "grace": (
            "has(object.spec.terminationGracePeriodSeconds) ? "
            f'string(object.spec.terminationGracePeriodSeconds) : "{DEFAULT_GRACE_S}"'
        ),
        "hasToken": "!has(object.spec.automountServiceAccountToken) || object.spec.automountServiceAccountToken",
        **(users | {"group": group} if _is_auto(settings) else {}),
        "hasResources": (
            "has(object.spec.resources) &&\n"
            "  (has(object.spec.resources.requests) || has(object.spec.resources.limits))"
        ),
        "requests": _amounts(settings, "requests"),
        "limits": _amounts(settings, "limits"),
        "localVolumes": (
            f'(variables.isNew ? "{names.LOGS}," : "") + "{names.STATE}" + '
            f'(variables.hasToken ? ",{names.NO_TOKEN}" : "")'
        ),
    }


def _effective(field: str) -> str:
    """Return the value of a field of the application's container, else of the Pod, else 0."""
    owners = (f"{APPLICATION}.securityContext", "object.spec.securityContext")
    cases = [(f"has({owner}) && has({owner}.{field})", f"{owner}.{field}") for owner in owners]
    return f"({choose(cases, '0')})"


def _amounts(settings: InjectionSettings, kind: str) -> str:
    """Return the requests or limits of the profile. A variable may have a map, but no object."""
    written = {
        name: _amounts_of(msgspec.structs.replace(settings, profile=name).resources(), kind)
        for name in PROFILES | settings.profiles
    }
    default = written.pop(settings.profile)
    return choose([(f"variables.profile == {quote(name)}", text) for name, text in written.items()], default)


def _amounts_of(resources: Resources, kind: str) -> str:
    shared = requests_beside_pod(resources.requests) if kind == "requests" else {}
    own = dict(getattr(resources, kind))
    return f"(variables.hasResources ? {_WRITER.write(shared, kind)} : {_WRITER.write(own, kind)})"


def patch(settings: InjectionSettings) -> str:
    """Return the operations that add the sidecar, or that restore a `restartPolicy` which another program removed."""
    is_own = 'variables.inits[variables.present].env.exists(e, e.name == "SIDECAR_MODE")'
    path = '"/spec/initContainers/" + string(variables.present) + "/restartPolicy"'
    cases = [
        (
            f"variables.present >= 0 && has(variables.inits[variables.present].env) && {is_own}",
            f"[{_add(path, quote('Always'))}]",
        ),
        ('variables.present >= 0 || variables.reason != ""', "[]"),
    ]
    return choose(cases, " +\n".join(_operations(settings)))


def _operations(settings: InjectionSettings) -> Iterator[str]:
    yield _unless("has(object.spec.volumes)", _add(quote("/spec/volumes"), "[]"))
    yield _unless("has(object.spec.initContainers)", _add(quote("/spec/initContainers"), "[]"))
    yield from _volume_operations(settings)
    yield from _application_operations()
    yield from _container_operations(settings)
    for kind, key, value in (
        ("labels", names.INJECTED, quote("true")),
        ("annotations", names.EVICTABLE, "variables.localVolumes"),
    ):
        values = f"object.metadata.{kind}"
        yield _unless(f"has({values})", _add(quote(f"/metadata/{kind}"), "{}"))
        path = quote(f"/metadata/{kind}/{key.replace('/', '~1')}")
        yield _unless(f"has({values}) && {quote(key)} in {values}", _add(path, value))


def _volume_operations(settings: InjectionSettings) -> Iterator[str]:
    access = LogAccess((Share(_CONTAINER, _PATH, names.LOGS, is_new=True),), (), {}, ())
    conditions = {names.LOGS: "variables.isNew", names.NO_TOKEN: "variables.hasToken"}
    for volume in build_volumes({"containers": []}, settings, access):
        if "secret" in volume:
            volume["secret"]["defaultMode"] = _MODE
        operation = _add(quote("/spec/volumes/-"), _WRITER.write(volume, "Object.spec.volumes"))
        condition = conditions.get(volume["name"])
        yield _when(condition, operation) if condition else f"[{operation}]"


def _application_operations() -> Iterator[str]:
    path = '"/spec/containers/" + string(variables.index) + "/volumeMounts'
    mount = _WRITER.write({"name": names.LOGS, "mountPath": _PATH}, "Object.spec.containers.volumeMounts")
    yield _when(f"variables.isNew && !has({APPLICATION}.volumeMounts)", _add(f'{path}"', "[]"))
    yield _when("variables.isNew", _add(f'{path}/-"', mount))


def _container_operations(settings: InjectionSettings) -> Iterator[str]:
    container, no_token = _container(settings)
    yield f"[{_add(_INDEX, _WRITER.write(container, _INIT))}]"
    value = "variables.mount[0].subPath"
    yield _when(f"!variables.isNew && has({value})", _add(f'{_INDEX} + "/volumeMounts/0/subPath"', value))
    label = f"{APPLICATION}.securityContext.seLinuxOptions"
    has_label = f"has({APPLICATION}.securityContext) && has({label})"
    yield _when(has_label, _add(f'{_INDEX} + "/securityContext/seLinuxOptions"', label))
    profile = "object.spec.securityContext.appArmorProfile"
    is_of_node = f'has(object.spec.securityContext) && has({profile}) && {profile}.type == "Localhost"'
    usual = _WRITER.write({"type": "RuntimeDefault"}, f"{_INIT}.securityContext.appArmorProfile")
    yield _when(is_of_node, _add(f'{_INDEX} + "/securityContext/appArmorProfile"', usual))
    mount = _WRITER.write(no_token, f"{_INIT}.volumeMounts")
    yield _when("variables.hasToken", _add(f'{_INDEX} + "/volumeMounts/-"', mount))
    if _is_auto(settings):
        yield _when("variables.group != 0", _add(f'{_INDEX} + "/securityContext/runAsGroup"', "variables.group"))


def _is_auto(settings: InjectionSettings) -> bool:
    return settings.run_as == "auto" and settings.platform != "openshift"


def _container(settings: InjectionSettings) -> tuple[Object, Object]:
    """Return the container with marks, and the mount over the token, which not every Pod has."""
    log_mount = {"name": _VOLUME, "mountPath": _PATH, "readOnly": True}
    access = LogAccess((), (log_mount,), {_CONTAINER: [_GLOBS]}, ())
    options = msgspec.structs.replace(settings, parser=_PARSER)
    container = build_container({"containers": [{"name": _CONTAINER}]}, options, access)
    no_token = container["volumeMounts"].pop()
    assert no_token["name"] == names.NO_TOKEN
    (grace,) = (entry for entry in container["env"] if entry["name"] == "SIDECAR_GRACE")
    grace["value"] = _GRACE
    container["resources"] = {kind: f"{_AMOUNTS}{kind}" for kind in ("requests", "limits")}
    if _is_auto(settings):
        container["securityContext"]["runAsUser"] = _USER
        del container["securityContext"]["runAsGroup"]
    return container, no_token


def _add(path: str, value: str) -> str:
    return f'JSONPatch{{op: "add", path: {path}, value: {value}}}'


def _when(condition: str, operation: str) -> str:
    return f"({condition} ? [{operation}] : [])"


def _unless(condition: str, operation: str) -> str:
    return f"({condition} ? [] : [{operation}])"
