"""The settings of injection: one file for the command line, the webhook and the policy.

The person who runs the cluster writes it. Annotations of a Pod may change only what `allow` names.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
import yaml

from sidecar import __version__
from sidecar.errors import ConfigurationError
from sidecar.inject.quantities import parse_quantity

Amounts = dict[str, str]

_HINT = "docs/reference/inject.md lists the settings"
_PLAIN_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")

_NAME_IN_NAMESPACE = (_PLAIN_NAME, "the name of an object in the namespace of the Pod")
EXIT_RULE = re.compile(r"app-exits|file=/[^\x00-\x1f]+|idle=[0-9]+(ms|s|m|h)?")
PARSERS = re.compile(r"[a-z0-9_]+(,[a-z0-9_]+)*")
_LOGS = re.compile(r"([^/:]+:)?/(?!(.*/)?\.\.(/|$))[^\x00-\x1f\x7f,]*(?<!/)")
_FORMS = {
    "image": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"), "the name of an image"),
    "exit_when": (EXIT_RULE, "app-exits, file=PATH or idle=10s"),
    "parser": (PARSERS, "a list of parsers, separated by commas"),
    "config_map": _NAME_IN_NAMESPACE,
    "secret": _NAME_IN_NAMESPACE,
    "listen": (
        re.compile(r"([0-9.]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"),
        "an address such as 0.0.0.0:9600 or [::]:9600",
    ),
}
"""Setting → its form, and what it is."""

_SUFFIX = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_COLLECTION = re.compile(r"(?:^|(?<=&))collection=[^&]+")
_NAMED_BY_PATH = ("elasticsearch", "opensearch", "kafka")


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile requests and limits.

    A limit of ephemeral-storage is refused: the kubelet would apply it to the whole Pod. A limit of CPU slows down
    the last seconds of a Pod, in which every line counts.
    """

    requests: Amounts
    limits: Amounts = {}


def _resources(cpu: str, memory: str, memory_limit: str) -> Resources:
    requests = {"cpu": cpu, "memory": memory, "ephemeral-storage": "64Mi"}
    return Resources(requests=requests, limits={"memory": memory_limit})


PROFILES = {
    "quiet": _resources("10m", "48Mi", "128Mi"),
    "usual": _resources("20m", "64Mi", "192Mi"),
    "busy": _resources("100m", "64Mi", "192Mi"),
    "flood": _resources("600m", "96Mi", "256Mi"),
}
"""Profile → resources. quiet: up to 10 lines a second; usual: 1,000; busy: 20,000; flood: more."""

_ALLOWED = (
    "logs", "exclude", "parser", "profile", "mode", "exit-when", "keep-image-files", "suffix", "requests-cpu",
    "requests-memory", "limits-memory",
)  # fmt: skip
MAY_BE_ALLOWED = (*_ALLOWED, "config-map", "secret", "sink")
"""Annotations that change a setting. Never: the image, variables, volumes, the user id."""

OF_NAMESPACE = tuple(name.replace("-", "_") for name in MAY_BE_ALLOWED)
"""Settings that a namespace may have."""


class InjectionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every Pod gets by default."""

    image: str = f"log-sidecar:{__version__}"
    """Image of the sidecar, best with its digest."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the node pulls the image."""

    mode: Literal["native", "classic"] = "native"
    """`native`: an init container with `restartPolicy: Always`. `classic`: an ordinary container."""

    exit_when: str = ""
    """When a classic sidecar of a Job ends: `app-exits`, `file=PATH` or `idle=10s`."""

    sink: str = ""
    """URL of the sink, without credentials. Needed where `config_map` is not set."""

    suffix: str = ""
    """Ending of the index, collection or topic of `sink`, after a hyphen."""

    allow_sinks: tuple[str, ...] = ()
    """Sinks that namespaces and annotations may use. The name of the index may be longer. Empty: any sink."""

    config_map: str = ""
    """ConfigMap in the namespace of the Pod whose `sidecar.yaml` is the configuration."""

    secret: str = ""
    """Secret in the namespace of the Pod, mounted at `/etc/sidecar-secret`. With `sink`, its keys are settings."""

    logs: tuple[str, ...] = ("/var/log/app/*.log*",)
    """Globs as the application sees them, each with an optional container: `web:/var/log/nginx/*.log`."""

    exclude: tuple[str, ...] = ()
    """Globs of files that are not read. Only with `sink`."""

    parser: str = "auto"
    """Parsers, separated by commas. Only with `sink`."""

    listen: str = ""
    """Address of the metrics and probes, such as `0.0.0.0:9600`. Empty: that of the ConfigMap, else none."""

    profile: str = "usual"
    """Name of the resources: `quiet`, `usual`, `busy`, `flood`, or one of `profiles`."""

    profiles: dict[str, Resources] = {}
    """Additional or changed profiles."""

    requests_cpu: str = ""
    """CPU that the sidecar requests instead of that of the profile."""

    requests_memory: str = ""
    """Memory that the sidecar requests instead of that of the profile."""

    limits_memory: str = ""
    """Limit of memory instead of that of the profile."""

    ceilings: Amounts = msgspec.field(default_factory=lambda: {"cpu": "600m", "memory": "256Mi"})
    """What namespaces and annotations may set at most as `requests_cpu`, `requests_memory` and `limits_memory`."""

    platform: Literal["kubernetes", "openshift"] = "kubernetes"
    """`openshift`: no user id, because the namespace assigns one."""

    run_as: Literal["auto"] | int = "auto"
    """User id of the sidecar. `auto`: that of the application if it is known and not root, else 10001."""

    allow_host_path: bool = False
    """Whether logs on a hostPath volume may be read."""

    keep_image_files: bool = False
    """Whether an init container with the application's image copies the files that a new volume would hide."""

    volume_size: str = "1Gi"
    """Size limit of each new volume for logs. The Pod is evicted if a volume grows larger."""

    state_size: str = "512Mi"
    """Size limit of the volume with checkpoints and dead letters."""

    allow: tuple[str, ...] = _ALLOWED
    """Names of the annotations (without `log-sidecar/`) that may change a setting."""

    strict: bool = False
    """Whether the webhook refuses a Pod that cannot have the sidecar. By default it starts without one."""

    def resources(self) -> Resources:
        """Return the resources of the profile with the changes of single amounts.

        Kubernetes refuses a request above its limit, so the amount that was not set follows the one that was.
        """
        profile = (PROFILES | self.profiles)[self.profile]
        changed = {"cpu": self.requests_cpu, "memory": self.requests_memory}
        requests = profile.requests | {name: value for name, value in changed.items() if value}
        limits = profile.limits | ({"memory": self.limits_memory} if self.limits_memory else {})
        for name in requests.keys() & limits.keys():
            if (parse_quantity(requests[name]) or 0) > (parse_quantity(limits[name]) or 0):
                if name == "memory" and self.limits_memory and not self.requests_memory:
                    requests[name] = limits[name]
                else:
                    limits[name] = requests[name]
        return Resources(requests, limits)


def read_values(text: str, location: str) -> dict[str, Any]:
    """Return the values of a YAML text. Raise ConfigurationError with the line of a mistake."""
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigurationError(
            "is not valid YAML", location=f"{location}{line}", hint="correct the syntax of this line"
        ) from None
    if values is not None and not isinstance(values, dict):
        raise ConfigurationError("is not a mapping of settings", location=location, hint=_HINT)
    return values or {}


def settings_of_texts(values: Any, location: str) -> InjectionSettings:
    """Return the settings of a ConfigMap, which has only texts: lists are separated by commas."""
    texts = values if isinstance(values, dict) else {}
    lists = {name: texts[name].split(",") for name in _LISTS if isinstance(texts.get(name), str)}
    return build_settings({**texts, **lists}, location, is_text=True)


def build_settings(values: Any, location: str = "", *, is_text: bool = False) -> InjectionSettings:
    """Return the settings with these values; names are those of the fields. `is_text`: numbers may be texts."""
    try:
        settings = msgspec.convert(values, InjectionSettings, strict=not is_text)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), location=location, hint=_HINT) from None
    if problem := _problem(settings):
        raise ConfigurationError(problem, location=location, hint=_HINT)
    return settings


def extend_settings(settings: InjectionSettings, values: dict[str, Any], location: str) -> InjectionSettings:
    """Return the settings of the administrator with those of a namespace, which may have only `OF_NAMESPACE`."""
    if unknown := sorted(set(map(str, values)) - set(OF_NAMESPACE)):
        raise ConfigurationError(
            "may not be set for a namespace", location=f"{location}: {unknown[0]}",
            hint=f"remove it; use {', '.join(OF_NAMESPACE)}",
        )  # fmt: skip
    extended = build_settings(msgspec.to_builtins(settings) | values, location)
    try:
        restricted = restrict(settings, {name: getattr(extended, name) for name in values})
    except ValueError as error:
        name, reason = error.args
        raise ConfigurationError(reason, location=f"{location}: {name}", hint=_HINT) from None
    return msgspec.structs.replace(extended, **restricted)


def _problem(settings: InjectionSettings) -> str:
    profiles = PROFILES | settings.profiles
    unknown = sorted(set(settings.allow) - set(MAY_BE_ALLOWED))
    if unknown:
        return f"allow: {unknown[0]} is not the name of an annotation; use {', '.join(MAY_BE_ALLOWED)}"
    if settings.profile not in profiles:
        return f"profile: {settings.profile} does not exist; use one of {', '.join(profiles)}"
    for name, resources in settings.profiles.items():
        for kind, amounts in (("requests", resources.requests), ("limits", resources.limits)):
            if wrong := [resource for resource, amount in amounts.items() if not parse_quantity(amount)]:
                return f"profiles.{name}.{kind}.{wrong[0]}: is not a quantity such as 1Gi"
        if "ephemeral-storage" in resources.limits:
            return f"profiles.{name}: a limit of ephemeral-storage would apply to the whole Pod; remove it"
    return _problem_of_logs(settings.logs) or _problem_of_values(settings)


def _problem_of_logs(globs: tuple[str, ...]) -> str:
    if not globs:
        return "logs: is empty; name a glob such as /var/log/app/*.log"
    wrong = [glob for glob in globs if not _LOGS.fullmatch(glob)]
    return (
        f"logs: {wrong[0][:100]} is not an absolute glob of files without `..`, such as web:/var/log/*.log"
        if wrong
        else ""
    )


def _problem_of_values(settings: InjectionSettings) -> str:
    if settings.run_as == 0:
        return "run_as: the sidecar does not run as root; use another user id"
    amounts = {
        **{field: getattr(settings, field) for field in ("volume_size", "state_size")},
        **{field: value for field in AMOUNTS if (value := getattr(settings, field))},
        **{f"ceilings.{name}": value for name, value in settings.ceilings.items()},
    }
    for field, value in amounts.items():
        if not parse_quantity(value):
            return f"{field}: is not a quantity such as 1Gi"
    if unknown := sorted(settings.ceilings.keys() - {"cpu", "memory"}):
        return f"ceilings.{unknown[0]}: does not exist; use cpu and memory"
    if settings.suffix and (problem := suffix_problem(settings.suffix)):
        return f"suffix: {problem}"
    for field, (pattern, meaning) in _FORMS.items():
        value = getattr(settings, field)
        if (value or field in ("image", "parser")) and not pattern.fullmatch(value):
            return f"{field}: is not {meaning}"
    for field, url in (("sink", settings.sink), *(("allow_sinks", url) for url in settings.allow_sinks)):
        if url and (problem := sink_problem(url)):
            return f"{field}: {problem}"
    return ""


def restrict(settings: InjectionSettings, values: dict[str, Any]) -> dict[str, Any]:
    """Return the changes that a namespace or an annotation makes to settings of the administrator.

    Raise ValueError with the name and the reason where a value exceeds what the administrator allows.
    """
    for name, value in values.items():
        if name in AMOUNTS and value and exceeds_ceiling(settings, name, value):
            raise ValueError(name, f"is more than the ceiling of {settings.ceilings[AMOUNTS[name]]}")
    sink = values.get("sink")
    if sink and sink != settings.sink and not _is_allowed_sink(sink, settings.allow_sinks):
        raise ValueError("sink", "is not in `allow_sinks` of the settings")
    return {**({"config_map": ""} if sink else {}), **values}


_LISTS = ("logs", "exclude", "allow", "allow_sinks")
AMOUNTS = {"requests_cpu": "cpu", "requests_memory": "memory", "limits_memory": "memory"}
"""Settings that are an amount → its ceiling."""


def exceeds_ceiling(settings: InjectionSettings, name: str, value: str) -> bool:
    """Return whether an amount is more than a namespace or an annotation may set."""
    ceiling = settings.ceilings.get(AMOUNTS[name])
    return ceiling is not None and (parse_quantity(value) or 0) > (parse_quantity(ceiling) or 0)


def _is_allowed_sink(url: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a URL is one of these, with a path that may continue the last word of theirs."""
    if not allowed:
        return True
    parts = urlsplit(url)
    for each in map(urlsplit, allowed):
        is_same = parts._replace(path="") == each._replace(path="")
        path, start = unquote(parts.path).rstrip("/"), unquote(each.path).rstrip("/")
        rest = path[len(start) :].removeprefix("" if start else "/")
        if is_same and path.startswith(start) and not set(rest) & {"/", ","}:
            return True
    return False


def suffix_problem(suffix: str) -> str:
    """Return what is wrong with a suffix, "" if nothing is."""
    return "" if _SUFFIX.fullmatch(suffix) else "is not a word of lower-case letters, digits and hyphens"


def sink_with_suffix(url: str, suffix: str) -> str | None:
    """Return the URL of a sink whose index, collection or topic ends with a suffix; None if it names none."""
    parts = urlsplit(url)
    if parts.scheme.startswith("mongodb"):
        query, count = _COLLECTION.subn(rf"\g<0>-{suffix}", parts.query)
        return parts._replace(query=query).geturl() if count else None
    is_named = parts.scheme.partition("+")[0] in _NAMED_BY_PATH and parts.path.strip("/")
    return parts._replace(path=f"{parts.path.rstrip('/')}-{suffix}").geturl() if is_named else None


def sink_problem(url: str) -> str:
    """Return what is wrong with the URL of a sink, "" if nothing is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a URL"
    if not parts.scheme or not parts.netloc:
        return "is not a URL such as elasticsearch://elasticsearch.logging:9200/logs"
    if parts.scheme in ("http", "https"):
        return f"is not the URL of a sink; write elasticsearch{'' if parts.scheme == 'http' else '+https'}:// or opensearch://"
    return "has credentials, which everyone who may read Pods would see; use `secret`" if "@" in parts.netloc else ""
