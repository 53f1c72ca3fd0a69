"""Writes the URL of a sink as settings without secrets: each secret becomes a variable of the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from sidecar.config.loader import from_command_line
from sidecar.config.variables import find_variables, replace_variables
from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import SecretStr
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings
from sidecar.tools.yaml_text import format_yaml

_USER_INFO = re.compile(r"://([^/?#]*)@")


class Destination(msgspec.Struct, frozen=True):
    """A sink, as it is written to a configuration file."""

    name: str
    """Name of the sink in the file."""

    setting: str | dict[str, Any]
    """The URL, or settings of which each secret is a variable."""

    values: Mapping[str, str]
    """Variable → its value, for each secret that was moved out of the URL. Never print the values."""

    settings: SinkSettings
    """The settings with the secrets."""

    def variables(self) -> list[str]:
        """Return the names of all variables that the setting refers to."""
        return find_variables(format_yaml(self.setting))


def choose_destination(url: str, environ: Mapping[str, str]) -> Destination:
    """Return the sink for a URL, which may contain secrets and variables.

    Raise `ConfigurationError` if the URL is not valid, or contains a secret that cannot become a variable.
    """
    try:
        text = replace_variables(url, environ)
    except ValueError as error:
        raise ConfigurationError(str(error), location="--to") from None
    (settings,) = from_command_line(["-"], [text], {}, {}).settings.sinks.values()
    password, options = _literal_secrets(url, settings)
    secrets = {
        name: value.get_secret_value()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr) and (name in options or name == password)
    }
    prefix = settings.type.upper()
    variables = {name: re.sub(r"\W", "_", f"{prefix}_{name}".upper()) for name in secrets}
    setting: str | dict[str, Any] = url
    if secrets:
        plain = {"url": _without(url, password=bool(password), options=set(secrets))}
        setting = {
            **_complete(plain, settings, secrets), **{name: f"${{{variables[name]}}}" for name in secrets},
        }  # fmt: skip
    values = {variables[name]: value for name, value in secrets.items()}
    _check_no_secret(setting, settings, {*secrets.values(), *environ.values()})
    return Destination(settings.type, setting, values, settings)


def _literal_secrets(url: str, settings: SinkSettings) -> tuple[str | None, set[str]]:
    """Return `password` if the URL contains one, and the options with secrets. A variable is no secret."""
    user_info = _USER_INFO.search(url)
    password = user_info[1].partition(":")[2] if user_info else ""
    fields = type(settings).model_fields
    options = {name for name, value in parse_qsl(url.partition("?")[2]) if name in fields and "${" not in value}
    return ("password" if password and "${" not in password and "password" in fields else None), options


def _without(url: str, *, password: bool, options: set[str]) -> str:
    """Return the URL without user and password, and without these options."""
    address, _, query = url.partition("?")
    left = "&".join(part for part in query.split("&") if part and part.partition("=")[0] not in options)
    return (_USER_INFO.sub("://", address) if password else address) + (f"?{left}" if left else "")


def _complete(plain: dict[str, Any], settings: SinkSettings, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings with those that the URL had and the plain URL does not, such as the user."""
    user = {"username": name} if (name := getattr(settings, "username", "")) else {}
    again = registry.settings_for({**plain, **user, **secrets})
    others = {
        name: str(value) if isinstance(value, PurePath) else list(value) if isinstance(value, tuple) else value
        for name in type(settings).model_fields
        if name not in {*secrets, "url"} and (value := getattr(settings, name)) != getattr(again, name)
    }
    return {**plain, **user, **others}


def _check_no_secret(setting: object, settings: SinkSettings, moved: set[str]) -> None:
    text = format_yaml(setting)
    left = [secret for secret in settings.secrets() if secret and secret not in moved]
    if any(secret in text or secret in unquote(text) for secret in left):
        raise ConfigurationError(
            "the URL contains a secret that init cannot keep out of the file",
            location="--to",
            hint="write that part of the URL as ${NAME} in single quotes, and set the variable NAME",
        )
