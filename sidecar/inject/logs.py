"""Decides how the sidecar gets to see the log directories of an application.

| the container has at the directory                  | result                                                       |
| ---                                                 | ---                                                          |
| a volume that containers can share                  | the same volume, read-only                                   |
| a volume below the directory                        | that one too, and the rest of this table                     |
| a ConfigMap, Secret, projected or image volume      | refused                                                      |
| a hostPath volume                                   | refused, unless the settings allow it                        |
| nothing                                             | a new volume; a caution if the image has files there         |
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sidecar.inject import names
from sidecar.inject.addition import Object
from sidecar.inject.annotations import directory_of
from sidecar.inject.reasons import Caution, Note, RefusalReason, Refused
from sidecar.inject.settings import InjectionSettings

SYSTEM_DIRECTORIES = frozenset((
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
    "/run", "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin",
    "/usr/local/lib", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/run",
))  # fmt: skip
"""Directories that no new volume may hide."""

SYSTEM_TREES = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/lib64/", "/proc/", "/sbin/", "/sys/", "/usr/bin/")
"""Trees in which no new volume may be."""

IMAGE_DIRECTORIES = frozenset((
    "/var/log", "/var/log/apache2", "/var/log/apt", "/var/log/httpd", "/var/log/mysql", "/var/log/nginx",
    "/var/log/postgresql", "/var/log/redis", "/var/log/squid", "/var/log/supervisor", "/usr/local/apache2/logs",
    "/usr/local/tomcat/logs", "/usr/share/elasticsearch/logs", "/usr/share/kibana/logs", "/opt/kafka/logs",
))  # fmt: skip
"""Directories in which well-known images have files, links or an owner that a new volume hides."""

_VARIABLE = re.compile(r"\$\$|\$\(([^()]*)\)")
"""A reference to a variable, or the dollar that Kubernetes reads as a character."""

_MAX_SHARES = 100
NOT_WRITABLE = {"configMap", "secret", "projected", "downwardAPI", "image"}
"""Types of volumes that applications cannot write to."""


@dataclass(frozen=True, slots=True)
class Share:
    """One volume with logs, as an application's container mounts it."""

    container: str
    path: str
    """Where the container has it."""

    volume: str
    sub_path: Object = field(default_factory=dict)
    """`subPath` or `subPathExpr` of the mount."""

    is_new: bool = False

    @property
    def source(self) -> tuple[str, str]:
        """What is mounted, independent of the path."""
        return self.volume, str(self.sub_path)


@dataclass(frozen=True, slots=True)
class LogAccess:
    """The volumes and mounts for the logs of a Pod, and what the sidecar reads."""

    shares: tuple[Share, ...]
    mounts: tuple[Object, ...]
    """Mounts of the sidecar."""

    pipelines: dict[str, list[str]]
    """Container → globs as the sidecar sees them."""

    cautions: tuple[Note, ...]

    def new_volumes(self) -> list[str]:
        """Return the names of the volumes that do not exist yet."""
        return list(dict.fromkeys(share.volume for share in self.shares if share.is_new))

    def new_mounts(self, container: str) -> list[Object]:
        """Return the mounts that a container of the application gets."""
        return [
            {"name": share.volume, "mountPath": share.path}
            for share in self.shares
            if share.is_new and share.container == container
        ]


def default_container(pod: Object) -> str:
    """Return the container whose logs are meant where none is named.

    It is the default container of kubectl, or the first one. Neither is the proxy of a service mesh, which another
    webhook may have put first.
    """
    containers: list[str] = [container["name"] for container in pod["spec"]["containers"]]
    applications = [name for name in containers if name not in names.MESH_PROXIES] or containers
    default = ((pod.get("metadata") or {}).get("annotations") or {}).get(names.DEFAULT_CONTAINER)
    return next((name for name in applications if name == default), applications[0])


def share_logs(spec: Object, globs: Iterable[tuple[str, list[str]]], settings: InjectionSettings) -> LogAccess:
    """Return how the sidecar sees the files of these globs. Raise Refused if it cannot."""
    containers = {container["name"]: container for container in spec["containers"]}
    kinds = {volume["name"]: volume for volume in spec.get("volumes") or []}
    wanted = list(globs)
    shares: list[Share] = []
    cautions: list[Note] = []
    new: dict[str, str] = {}
    for name, patterns in wanted:
        if name not in containers:
            raise Refused(
                RefusalReason.E_NO_CONTAINER, f"there is no container {name}; the Pod has {', '.join(containers)}"
            )
        for share in _shares_of(containers[name], patterns, kinds, settings):
            if share.is_new:
                _check_new(share.path)
                volume = new.setdefault(share.path, f"{names.LOGS}-{len(new)}" if new else names.LOGS)
                share = Share(name, share.path, volume, is_new=True)
                if share.path in IMAGE_DIRECTORIES and not settings.keep_image_files:
                    cautions.append(
                        Note(
                            Caution.W_MASK, f"the new volume at {share.path} of {name} hides what its image has there"
                        )
                    )
            shares.append(share)
            if len(shares) > _MAX_SHARES:
                raise Refused(
                    RefusalReason.E_MOUNT_CONFLICT,
                    f"more than {_MAX_SHARES} volumes are mounted there",
                )
    return _arrange(wanted, shares, cautions)


def _shares_of(
    container: Object, globs: list[str], kinds: dict[str, Object], settings: InjectionSettings
) -> Iterator[Share]:
    mounts = list(container.get("volumeMounts") or [])
    missing = []
    directories = outermost(map(directory_of, globs))
    for directory in directories:
        covering = [mount for mount in mounts if is_below(directory, mount["mountPath"])]
        if covering:
            mount = max(covering, key=lambda mount: len(mount["mountPath"]))
            _check_existing(mount, kinds, settings)
            yield _existing(container, mount)
        else:
            missing.append(directory)
    for mount in mounts:
        is_inside = any(is_below(mount["mountPath"], path) and mount["mountPath"] != path for path in directories)
        if is_inside and not NOT_WRITABLE & kinds.get(mount["name"], {}).keys():
            _check_existing(mount, kinds, settings)
            yield _existing(container, mount)
    for directory in _join(missing):
        yield Share(container["name"], directory, "", is_new=True)


def _existing(container: Object, mount: Object) -> Share:
    sub_path = {"subPath": mount["subPath"]} if mount.get("subPath") else {}
    if mount.get("subPathExpr"):
        sub_path = {"subPathExpr": _translate_variables(str(mount["subPathExpr"]), container)}
    return Share(container["name"], normal(mount["mountPath"]), mount["name"], sub_path)


def _translate_variables(expression: str, container: Object) -> str:
    """Return a `subPathExpr` of a container for the sidecar, which does not have the variables of the container."""
    variables = {entry.get("name"): entry for entry in container.get("env") or []}

    def translate(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        entry = variables.get(match[1]) or {}
        value, source = entry.get("value"), entry.get("valueFrom") or {}
        if isinstance(value, str) and "$(" not in value:
            return value.replace("$", "$$")
        field = isinstance(source, dict) and (source.get("fieldRef") or {}).get("fieldPath")
        for name, path in names.FIELDS.items():
            if field == path:
                return f"$({name})"
        raise Refused(
            RefusalReason.E_SUB_PATH,
            f"{match[1][:100]} has neither a plain value nor one of the fields {', '.join(names.FIELDS.values())}",
        )

    return _VARIABLE.sub(translate, expression)


def _check_existing(mount: Object, kinds: dict[str, Object], settings: InjectionSettings) -> None:
    # A volume that the Pod does not define is a claim template of a StatefulSet.
    kind = kinds.get(mount["name"], {}).keys()
    if NOT_WRITABLE & kind:
        (found,) = NOT_WRITABLE & kind
        raise Refused(
            RefusalReason.E_MOUNT_CONFLICT,
            f"{mount['mountPath']} is a volume of the type {found}; log to another directory",
        )
    if "hostPath" in kind and not settings.allow_host_path:
        raise Refused(
            RefusalReason.E_HOST_PATH,
            f"{mount['mountPath']} is a directory of the node; use an emptyDir, or set allow_host_path",
        )


def _check_new(path: str) -> None:
    if path in SYSTEM_DIRECTORIES or f"{path}/".startswith(SYSTEM_TREES):
        raise Refused(
            RefusalReason.E_DIRECTORY, f"an empty volume at {path} would hide the system; name a deeper directory"
        )


def outermost(directories: Iterable[str]) -> list[str]:
    """Return the directories that are not inside of another one."""
    ordered = sorted(set(directories))
    return [path for path in ordered if not any(path != other and is_below(path, other) for other in ordered)]


def _join(directories: list[str]) -> list[str]:
    """Return the common directory, or the same directories if an empty volume there would hide too much."""
    if len(directories) < 2:
        return directories
    common = posixpath.commonpath(directories)
    hides_more = common in SYSTEM_DIRECTORIES or common in IMAGE_DIRECTORIES
    return directories if hides_more else [common]


def normal(path: str) -> str:
    """Return a path without a slash at its end. Kubernetes reads paths of containers from the root."""
    return posixpath.normpath(f"/{path.lstrip('/')}")


def is_below(path: str, directory: str) -> bool:
    """Return whether the path is the directory, or inside of it."""
    directory = normal(directory)
    return normal(path) == directory or directory == "/" or normal(path).startswith(f"{directory}/")


def is_own(path: str) -> bool:
    """Return whether a volume at the path would hide a directory of the sidecar, or be inside of one."""
    return any(is_below(own, path) or is_below(path, own) for own in names.OWN_DIRECTORIES)


def _arrange(wanted: list[tuple[str, list[str]]], shares: list[Share], cautions: list[Note]) -> LogAccess:
    """Give each volume a path in the sidecar: that of the application, or one below /var/log/CONTAINER."""
    is_moved = len(wanted) > 1 or any(is_own(share.path) for share in shares)
    paths: dict[tuple[str, str, str], str] = {}
    for share in shares:
        path = f"/var/log/{share.container}{share.path}" if is_moved else share.path
        paths.setdefault((*share.source, share.path), path)
    pipelines: dict[str, list[str]] = {}
    taken = set[str]()
    for name, globs in wanted:
        of_container = [share for share in shares if share.container == name]
        for glob in globs:
            seen = _translate(glob, of_container, paths)
            if seen not in taken:
                taken.add(seen)
                pipelines.setdefault(name, []).append(seen)
    return LogAccess(tuple(shares), tuple(_mounts(shares, paths)), pipelines, tuple(cautions))


def _translate(glob: str, shares: list[Share], paths: dict[tuple[str, str, str], str]) -> str:
    directory = directory_of(glob)
    share = max((share for share in shares if is_below(directory, share.path)), key=lambda share: len(share.path))
    path = paths[(*share.source, share.path)]
    return glob if path == share.path else f"{path}{glob[len(share.path) :] if share.path != '/' else glob}"


def _mounts(shares: list[Share], paths: dict[tuple[str, str, str], str]) -> Iterator[Object]:
    """Yield the mounts of the sidecar.

    A mount that contains another one is writable: the runtime creates the directory of the inner one in it.
    """
    sub_paths = {(*share.source, share.path): share.sub_path for share in shares}
    for key, path in paths.items():
        mount: dict[str, Any] = {"name": key[0], "mountPath": path, **sub_paths[key]}
        if not any(other != path and is_below(other, path) for other in paths.values()):
            mount["readOnly"] = True
        yield mount
