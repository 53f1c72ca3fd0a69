"""The settings of injection: one file for the command line, the webhook and the policy.

The person who runs the cluster writes it. Annotations of a Pod may change only what `allow` names.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from sidecar import __version__
from sidecar.errors import ConfigurationError

Amounts = dict[str, str]

_HINT = "docs/reference/inject.md lists the settings"
_PLAIN_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")


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
    "quiet": _resources("10m", "64Mi", "128Mi"),
    "usual": _resources("20m", "96Mi", "192Mi"),
    "busy": _resources("100m", "96Mi", "192Mi"),
    "flood": _resources("600m", "128Mi", "256Mi"),
}
"""Profile → resources. quiet: up to 10 lines a second; usual: 1,000; busy: 20,000; flood: more."""

MAY_BE_ALLOWED = (
    "logs", "exclude", "parser", "profile", "mode", "exit-when", "keep-image-files", "config-map", "secret", "sink",
)  # fmt: skip
"""Annotations that change a setting. Never: the image, variables, volumes, the user id."""


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

    profile: str = "usual"
    """Name of the resources: `quiet`, `usual`, `busy`, `flood`, or one of `profiles`."""

    profiles: dict[str, Resources] = {}
    """Additional or changed profiles."""

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

    allow: tuple[str, ...] = ("logs", "exclude", "parser", "profile", "mode", "exit-when", "keep-image-files")
    """Names of the annotations (without `log-sidecar/`) that may change a setting."""

    def resources(self) -> Resources:
        """Return the resources of the profile."""
        return (PROFILES | self.profiles)[self.profile]


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


def build_settings(values: Any, location: str = "") -> InjectionSettings:
    """Return the settings with these values; names are those of the fields."""
    try:
        settings = msgspec.convert(values, InjectionSettings)
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), location=location, hint=_HINT) from None
    if problem := _problem(settings):
        raise ConfigurationError(problem, location=location, hint=_HINT)
    return settings


def _problem(settings: InjectionSettings) -> str:
    profiles = PROFILES | settings.profiles
    unknown = sorted(set(settings.allow) - set(MAY_BE_ALLOWED))
    if unknown:
        return f"allow: {unknown[0]} is not the name of an annotation; use {', '.join(MAY_BE_ALLOWED)}"
    if settings.profile not in profiles:
        return f"profile: {settings.profile} does not exist; use one of {', '.join(profiles)}"
    for name, resources in settings.profiles.items():
        if "ephemeral-storage" in resources.limits:
            return f"profiles.{name}: a limit of ephemeral-storage would apply to the whole Pod; remove it"
    return _problem_of_values(settings)


def _problem_of_values(settings: InjectionSettings) -> str:
    if settings.run_as == 0:
        return "run_as: the sidecar does not run as root; use another user id"
    for field in ("volume_size", "state_size"):
        if not _QUANTITY.fullmatch(getattr(settings, field)):
            return f"{field}: is not a quantity such as 1Gi"
    for field in ("config_map", "secret"):
        if (value := getattr(settings, field)) and not _PLAIN_NAME.fullmatch(value):
            return f"{field}: is not the name of an object in the namespace of the Pod"
    if settings.sink and (problem := sink_problem(settings.sink)):
        return f"sink: {problem}"
    return ""


def sink_problem(url: str) -> str:
    """Return what is wrong with the URL of a sink, "" if nothing is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a URL"
    if not parts.scheme or not parts.netloc:
        return "is not a URL such as elasticsearch://elasticsearch.logging:9200/logs"
    return "has credentials, which everyone who may read Pods would see; use `secret`" if "@" in parts.netloc else ""
