"""Checks of settings that several sinks have in common, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import BaseModel, SecretStr, ValidationError
from sidecar.sinks.common.target_name import TargetTemplate

Settings = TypeVar("Settings", bound=BaseModel)
Problem = tuple[bool, str, str, str]
"""Whether the problem is present, the setting, what is wrong, and what to do."""


class _PasswordSettings(Protocol):
    @property
    def username(self) -> str: ...

    @property
    def password(self) -> SecretStr | None: ...

    @property
    def password_file(self) -> Path | None: ...


def settings_from(model: type[Settings], fields: Mapping[str, Any]) -> Settings:
    """Return the settings for these fields. Raise one `ConfigurationError` for all errors; it quotes no value."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = tuple(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)
        )
        raise ConfigurationError("; ".join(problems), problems=problems) from error


def raise_problems(problems: list[Problem]) -> None:
    """Raise one `ConfigurationError` for all problems that are present."""
    errors = [ConfigurationError(what, location=key, hint=advice) for wrong, key, what, advice in problems if wrong]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ConfigurationError("; and ".join(map(str, errors)), causes=tuple(errors))


def list_password_problems(settings: _PasswordSettings, *, may_lack: bool = False) -> list[Problem]:
    """Return the problems of user and password. `may_lack`: a user needs no password."""
    user, password = bool(settings.username), bool(settings.password or settings.password_file)
    return [
        (bool(settings.password and settings.password_file), "password_file", "contradicts password",
         "keep one of them"),
        (user and not password and not may_lack, "username", "has no password", "add password_file"),
        (password and not user, "password", "has no username", "add username"),
    ]  # fmt: skip


def list_name_problems(
    template: Callable[[], TargetTemplate], is_valid: Callable[[str], object], *, key: str, kind: str, example: str,
    advice: str,
) -> list[Problem]:  # fmt: skip
    """Return the problems of a name with dates or fields, which is checked with examples of both.

    `is_valid`: returns whether the server accepts a name. `kind`: what has the name, for the message.
    """
    try:
        wrong = not all(map(is_valid, template().examples()))
    except ValueError as error:
        return [(True, key, f"is not a valid name pattern ({error})", f"write for example {example}")]
    return [(wrong, key, f"is not a valid {kind} name", advice)]
