"""Builds the container of the sidecar, and the one that copies the files of an image into a new volume."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sidecar.inject import names
from sidecar.inject.addition import Object
from sidecar.inject.logs import LogAccess, Share
from sidecar.inject.reasons import Caution, Note
from sidecar.inject.settings import InjectionSettings

USER_ID = 10001
"""User and group of the image, for applications whose user is unknown or root."""

PROBE_PERIOD_S = 120
_COPY_DIRECTORY = "/log-sidecar-copy"
_COPY = '[ ! -d "$1" ] || cp -a "$1/." "$2/" || [ "$(id -u)" != 0 ]'
DEFAULT_GRACE_S = 30
"""What Kubernetes takes where a Pod has no terminationGracePeriodSeconds."""


def default_grace(spec: Object) -> int:
    """Return the grace period of the Pod, or what Kubernetes takes where a Pod has none."""
    grace = spec.get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_S if grace is None else int(grace)


def has_token(spec: Object) -> bool:
    """Return whether Kubernetes mounts a token of its API into the containers of the Pod."""
    return spec.get("automountServiceAccountToken") is not False


def build_container(spec: Object, options: InjectionSettings, access: LogAccess) -> Object:
    """Return the container of the sidecar for this Pod."""
    return {
        "name": names.CONTAINER,
        "image": options.image,
        "imagePullPolicy": options.image_pull_policy,
        **({"restartPolicy": "Always"} if options.mode == "native" else {}),
        "env": _environment(spec, options, access),
        "livenessProbe": {
            "exec": {"command": ["sidecar", "probe", "live"]},
            "periodSeconds": PROBE_PERIOD_S,
            "timeoutSeconds": 10,
        },
        "resources": _resources(spec, options.resources().requests, options.resources().limits),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": True,
            **_user(spec, options, access),
            **_selinux(spec, access),
            **_apparmor(spec),
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [*access.mounts, *_own_mounts(spec, options)],
    }


def has_resources(spec: Object) -> bool:
    """Return whether the Pod itself has requests or limits, which all its containers share."""
    resources = spec.get("resources") or {}
    return bool(resources.get("requests") or resources.get("limits"))


def _resources(spec: Object, requests: Mapping[str, str], limits: Mapping[str, str]) -> Object:
    """Return the resources of a container. Kubernetes refuses a Pod whose containers request more than the Pod."""
    if has_resources(spec):
        requests, limits = requests_beside_pod(requests), {}
    amounts = {"requests": dict(requests), "limits": dict(limits)}
    return {kind: values for kind, values in amounts.items() if values}


def requests_beside_pod(requests: Mapping[str, str]) -> dict[str, str]:
    """Return the requests that a Pod with resources cannot have itself."""
    return {name: amount for name, amount in requests.items() if name == "ephemeral-storage"}


def _own_mounts(spec: Object, options: InjectionSettings) -> list[Object]:
    mounts: list[Object] = [{"name": names.STATE, "mountPath": names.STATE_DIRECTORY}]
    if options.config_map:
        mounts.append({"name": names.CONFIG, "mountPath": names.CONFIG_DIRECTORY, "readOnly": True})
    if options.secret:
        mounts.append({"name": names.SECRET, "mountPath": names.SECRET_DIRECTORY, "readOnly": True})
    mounts.append({"name": names.PODINFO, "mountPath": names.PODINFO_DIRECTORY, "readOnly": True})
    if has_token(spec):
        # An empty volume over the token: the sidecar reads text that others write, and needs no access to the API.
        mounts.append({"name": names.NO_TOKEN, "mountPath": names.TOKEN_DIRECTORY, "readOnly": True})
    return mounts


def _environment(spec: Object, options: InjectionSettings, access: LogAccess) -> list[Object]:
    values = {
        "SIDECAR_MODE": options.mode,
        "SIDECAR_GRACE": str(default_grace(spec)),
        "SIDECAR_ON_CONFIG_ERROR": "park",
    }
    if options.mode == "classic":
        values["SIDECAR_POD_RESTART_POLICY"] = spec.get("restartPolicy") or "Always"
        if options.exit_when:
            values["SIDECAR_EXIT_WHEN"] = options.exit_when
    values |= (
        {"SIDECAR_CONFIG": f"{names.CONFIG_DIRECTORY}/sidecar.yaml"}
        if options.config_map
        else _configuration(options, access)
    )
    if options.listen:
        values["SIDECAR_ADMIN__LISTEN"] = options.listen
    if len(access.pipelines) == 1:
        values["CONTAINER_NAME"] = next(iter(access.pipelines))
    return [
        *({"name": name, "value": escape(value)} for name, value in values.items()),
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in names.FIELDS.items()),
    ]


def escape(text: str) -> str:
    """Return a text as the value of a variable, in which Kubernetes replaces `$(NAME)` and `$$`."""
    return text.replace("$", "$$")


def _configuration(options: InjectionSettings, access: LogAccess) -> dict[str, str]:
    """Return the variables that configure a sidecar without a ConfigMap: a pipeline for each container."""
    values = {"SIDECAR_SINKS__LOGS__URL": options.sink}
    if options.secret:
        values["SIDECAR_SECRETS_DIR"] = names.SECRET_DIRECTORY
    for container, globs in access.pipelines.items():
        prefix = f"SIDECAR_PIPELINES__{re.sub('[^A-Z0-9]+', '_', container.upper())}"
        while f"{prefix}__PATHS" in values:  # `a-b` and `a--b` are two containers
            prefix += "_2"
        transforms: list[Any] = ["kubernetes"]
        if len(access.pipelines) > 1:
            transforms.append({"add": {"kubernetes.container.name": container}})
        values[f"{prefix}__PATHS"] = json.dumps(globs)
        if options.exclude:
            values[f"{prefix}__EXCLUDE"] = json.dumps(options.exclude)
        values[f"{prefix}__PARSER"] = options.parser
        values[f"{prefix}__TRANSFORMS"] = json.dumps(transforms)
    return values


def _application(spec: Object, access: LogAccess) -> Object:
    """Return the container whose logs are read first."""
    first = next(iter(access.pipelines))
    return next(container for container in spec["containers"] if container["name"] == first)


def _effective(spec: Object, container: Object, name: str) -> Any:
    value = (container.get("securityContext") or {}).get(name)
    return (spec.get("securityContext") or {}).get(name) if value is None else value


def _user(spec: Object, options: InjectionSettings, access: LogAccess) -> Object:
    if options.platform == "openshift":
        return {}
    if options.run_as != "auto":
        return {"runAsUser": options.run_as}
    application = _application(spec, access)
    user = _effective(spec, application, "runAsUser")
    if not user:
        return {"runAsUser": USER_ID, "runAsGroup": USER_ID}
    group = _effective(spec, application, "runAsGroup")
    return {"runAsUser": user, **({"runAsGroup": group} if group else {})}


def _selinux(spec: Object, access: LogAccess) -> Object:
    """Return the SELinux label of the application's container. The files that it writes may have the same one."""
    label = (_application(spec, access).get("securityContext") or {}).get("seLinuxOptions")
    return {"seLinuxOptions": dict(label)} if label else {}


def _apparmor(spec: Object) -> Object:
    """Return the usual profile of AppArmor if the Pod has one of the node, which is made for the application."""
    profile = (spec.get("securityContext") or {}).get("appArmorProfile") or {}
    return {"appArmorProfile": {"type": "RuntimeDefault"}} if profile.get("type") == "Localhost" else {}


def user_cautions(spec: Object, options: InjectionSettings, access: LogAccess) -> list[Note]:
    """Return a caution if the sidecar may run as a user who cannot read the logs."""
    if options.platform == "openshift" or (spec.get("securityContext") or {}).get("fsGroup"):
        return []
    user = _user(spec, options, access).get("runAsUser")
    containers = [container for container in spec["containers"] if container["name"] in access.pipelines]
    users = {container["name"]: _effective(spec, container, "runAsUser") for container in containers}
    others = [name for name, other in users.items() if other != user]
    if not others:
        return []
    who = "a user whom the Pod does not name" if users[others[0]] is None else "another user"
    return [
        Note(
            Caution.W_UID,
            f"the sidecar runs as {user}, and {others[0]} as {who}; set runAsUser or fsGroup in the Pod"
            " unless its log files are readable for all users",
        )
    ]


def build_copier(spec: Object, share: Share, index: int) -> Object:
    """Return an init container with the application's image that copies the files which the new volume hides.

    It runs as the user of the application. One who is not root cannot set the times of the volume itself, so `cp`
    may fail after it has copied everything.
    """
    application = next(container for container in spec["containers"] if container["name"] == share.container)
    context = application.get("securityContext")
    return {
        "name": f"{names.COPY_CONTAINER}-{index}" if index else names.COPY_CONTAINER,
        "image": application.get("image", ""),
        **({"imagePullPolicy": application["imagePullPolicy"]} if "imagePullPolicy" in application else {}),
        "command": ["sh", "-c", _COPY, "sh", share.path, _COPY_DIRECTORY],
        "resources": _resources(spec, {"cpu": "10m", "memory": "16Mi"}, {"memory": "64Mi"}),
        **({"securityContext": context} if context else {}),
        "volumeMounts": [{"name": share.volume, "mountPath": _COPY_DIRECTORY}],
    }
