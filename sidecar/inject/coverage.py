"""What an admission policy decides about a Pod, in CEL.

A Pod gets exactly what `plan` decides, or nothing, with the reason as a warning. A policy reads one glob of a Pod,
and mounts one volume with logs.
"""

from __future__ import annotations

import json

from sidecar.errors import ConfigurationError
from sidecar.inject import names
from sidecar.inject.annotations import MAX_LENGTH, directory_of, globs_by_container
from sidecar.inject.cel import choose, list_of, quote, raw
from sidecar.inject.container import escape
from sidecar.inject.logs import NOT_WRITABLE, SYSTEM_DIRECTORIES, SYSTEM_TREES, outermost
from sidecar.inject.reasons import RefusalReason
from sidecar.inject.settings import MAY_BE_ALLOWED, PROFILES, InjectionSettings

_READ = ("logs", "profile", "parser")
"""Annotations that a policy reads, if the settings allow them."""

APPLICATION = "object.spec.containers[variables.index]"
"""The container whose logs are read."""

_FIRST = "variables.first"
_ELSEWHERE = "; use sidecar inject or the webhook"

_ENTRY = raw(r"^([a-z0-9-]+:)?/[!#%-+\-.-\[\]-~]*$")
"""One glob of printable ASCII, without comma, quote, dollar and backslash, with an optional container."""

_UNUSUAL_PATH = raw(r"^[^/]|//|/\.\.?(/|$)|/$")
_UNUSUAL_GLOB = raw(r"//|/\.\.?(/|$)|/$")
_FIXED_DIRECTORIES = raw(r"^/([^/*?\[{]+/)*")

Variables = dict[str, str]
"""Name → expression; each may use those before it."""


def log_variables(settings: InjectionSettings) -> Variables:
    """Return the variables for where the logs are, and the reason to leave the Pod ("" for none).

    Raise ConfigurationError if the settings name more than one place.
    """
    container, directory, globs = _place(settings)
    default = quote(container) if container else _FIRST
    preferred = quote(names.DEFAULT_CONTAINER)
    all_containers = "object.spec.containers.map(c, c.name)"
    return {
        "annotations": "has(object.metadata.annotations) ? object.metadata.annotations : {}",
        "volumes": "has(object.spec.volumes) ? object.spec.volumes : []",
        "inits": "has(object.spec.initContainers) ? object.spec.initContainers : []",
        "applications": f"{all_containers}.filter(n, !(n in {list_of(names.MESH_PROXIES)}))",
        "first": choose(
            [
                (
                    f"{preferred} in variables.annotations &&\n"
                    f"  variables.annotations[{preferred}] in variables.applications",
                    f"variables.annotations[{preferred}]",
                )
            ],
            f"(variables.applications + {all_containers})[0]",
        ),
        "logs": _annotation("logs", "", settings),
        "glob": choose(
            [('variables.logs.startsWith("/")', "variables.logs")],
            'variables.logs.substring(variables.logs.indexOf(":") + 1)',
        ),
        "container": choose(
            [('variables.logs == ""', default), ('variables.logs.startsWith("/")', _FIRST)],
            'variables.logs.split(":")[0]',
        ),
        "fixed": f"variables.glob.find({_FIXED_DIRECTORIES})",
        "directory": choose(
            [('variables.logs == ""', quote(directory)), ("size(variables.fixed) < 2", '"/"')],
            "variables.fixed.substring(0, size(variables.fixed) - 1)",
        ),
        "globs": f"""variables.logs == "" ? {quote(escape(json.dumps(globs)))} : "[\\"" + variables.glob + "\\"]\"""",
        "index": "object.spec.containers.map(c, c.name).indexOf(variables.container)",
        "mounts": choose(
            [(f"variables.index < 0 || !has({APPLICATION}.volumeMounts)", "[]")], f"{APPLICATION}.volumeMounts"
        ),
        "above": 'variables.mounts.filter(m, (variables.directory + "/").startsWith(m.mountPath + "/"))',
        "mount": "variables.above.filter(m, variables.above.all(n, size(n.mountPath) <= size(m.mountPath)))",
        "isNew": "size(variables.mount) == 0",
        "volume": f"variables.isNew ? {quote(names.LOGS)} : variables.mount[0].name",
        "path": "variables.isNew ? variables.directory : variables.mount[0].mountPath",
        "kinds": "variables.volumes.filter(v, v.name == variables.volume)",
        "profile": _annotation("profile", settings.profile, settings),
        "parser": _annotation("parser", settings.parser, settings),
        "unread": f"{list_of(_unread(settings))}.filter(a, a in variables.annotations)",
        "isHidden": (
            f"variables.directory in {list_of(sorted(SYSTEM_DIRECTORIES))} ||\n"
            f'{list_of(SYSTEM_TREES)}.exists(t, (variables.directory + "/").startsWith(t))'
        ),
        "reason": choose(_reasons(settings), '""'),
    }


def _place(settings: InjectionSettings) -> tuple[str, str, list[str]]:
    """Return the container ("" for the first one), the directory and the globs of the settings."""
    places = list(globs_by_container(settings.logs, ""))
    directories = [path for _, globs in places for path in outermost(map(directory_of, globs))]
    if len(directories) != 1:
        raise ConfigurationError(
            "logs: a policy reads one directory of one container",
            hint="name one directory, or use `sidecar inject` or the webhook",
        )
    ((container, globs),) = places
    return container, directories[0], list(dict.fromkeys(globs))


def _annotation(name: str, default: str, settings: InjectionSettings) -> str:
    if name not in settings.allow:
        return quote(default)
    key = quote(names.ANNOTATIONS + name)
    return f"{key} in variables.annotations ? variables.annotations[{key}] : {quote(default)}"


def _unread(settings: InjectionSettings) -> list[str]:
    read = {name for name in _READ if name in settings.allow}
    return [names.ANNOTATIONS + name for name in MAY_BE_ALLOWED if name not in read]


def _reasons(settings: InjectionSettings) -> list[tuple[str, str]]:
    """Return the conditions under which the policy leaves a Pod, each with its reason as an expression."""
    return [
        (_is_windows(), _refusal(RefusalReason.E_WINDOWS)),
        (_has_other_switch(), _refusal(RefusalReason.E_ANNOTATION)),
        (_has_reserved_name(), _refusal(RefusalReason.E_NAME_TAKEN)),
        (
            "size(variables.unread) > 0",
            f'"the annotation " + variables.unread[0] + {quote(f" is not read by the policy{_ELSEWHERE}")}',
        ),
        (
            f'variables.logs != "" && (!variables.logs.matches({_ENTRY}) ||\n'
            f"  size(variables.logs) > {MAX_LENGTH} || variables.glob.matches({_UNUSUAL_GLOB}))",
            quote(f"{names.ANNOTATIONS}logs is not one absolute glob, as the policy needs{_ELSEWHERE}"),
        ),
        (f"!(variables.profile in {list_of(PROFILES | settings.profiles)})", _refusal(RefusalReason.E_ANNOTATION)),
        (f"!variables.parser.matches({raw('^[a-z0-9_]+(,[a-z0-9_]+)*$')})", _refusal(RefusalReason.E_ANNOTATION)),
        ("variables.index < 0", _refusal(RefusalReason.E_NO_CONTAINER)),
        (
            'variables.container.contains("--")',
            quote(f"the name of the container has two hyphens in a row{_ELSEWHERE}"),
        ),
        (
            f"variables.mounts.exists(m, m.mountPath.matches({_UNUSUAL_PATH}))",
            quote(f"a mount path has a form that the policy cannot compare{_ELSEWHERE}"),
        ),
        (
            'variables.mounts.exists(m, m.mountPath.startsWith(variables.directory + "/"))',
            quote(f"a volume is mounted below the log directory, and the policy mounts one{_ELSEWHERE}"),
        ),
        (
            "variables.mount.exists(m, has(m.subPathExpr))",
            quote(f"the log directory has a sub-path with variables, which the policy cannot read{_ELSEWHERE}"),
        ),
        (_has_kind(*sorted(NOT_WRITABLE)), _refusal(RefusalReason.E_MOUNT_CONFLICT)),
        *([] if settings.allow_host_path else [(_has_kind("hostPath"), _refusal(RefusalReason.E_HOST_PATH))]),
        ("variables.isNew && variables.isHidden", _refusal(RefusalReason.E_DIRECTORY)),
        (
            f"{list_of(names.OWN_DIRECTORIES)}.exists(o, "
            '(o + "/").startsWith(variables.path + "/") || (variables.path + "/").startsWith(o + "/"))',
            quote(f"the volume with the logs is at a directory that the sidecar needs{_ELSEWHERE}"),
        ),
    ]


def _refusal(reason: RefusalReason) -> str:
    return quote(f"{reason.name}: {reason.value}")


def _has_kind(*kinds: str) -> str:
    return f"variables.kinds.exists(v, {' || '.join(f'has(v.{kind})' for kind in kinds)})"


def _is_windows() -> str:
    label = quote("kubernetes.io/os")
    return (
        'has(object.spec.os) && object.spec.os.name == "windows" || has(object.spec.nodeSelector) &&\n'
        f'{label} in object.spec.nodeSelector && object.spec.nodeSelector[{label}] == "windows"'
    )


def _has_other_switch() -> str:
    key = quote(names.INJECT)
    values = ("object.metadata.labels", "object.metadata.annotations")
    return " ||\n".join(f'has({each}) && {key} in {each} && !({each}[{key}] in ["true", "false"])' for each in values)


def _has_reserved_name() -> str:
    prefix = quote(names.PREFIX)
    lists = ("variables.volumes", "variables.inits", "object.spec.containers")
    return " ||\n".join(f"{each}.exists(n, n.name.startsWith({prefix}))" for each in lists)
