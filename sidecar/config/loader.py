"""Loads settings from the command line, the environment and YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
)

from sidecar.config import sources
from sidecar.config.messages import describe_errors
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings


def load(config: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings from file, environment and command line, the later ones winning.

    Raises `ConfigurationError` whose `problems` hold a sentence for each thing that is wrong.
    """
    problems: list[str] = []
    origin = str(config) if config else "the configuration"
    values = sources.from_file(config, problems) if config else {}
    if problems:
        raise ConfigurationError("the configuration cannot be read", problems=tuple(problems))
    sources.deep_merge(values, sources.from_environment(environ, Settings, problems))
    sources.deep_merge(values, overrides or {})
    return _validate(values, origin, problems)


def from_command_line(
    paths: Sequence[str], to: Sequence[str], pipeline: Mapping[str, Any], environ: Mapping[str, str],
    overrides: Mapping[str, Any],
) -> Settings:  # fmt: skip
    """The settings of a run that needs no file: one pipeline named `default`, sinks named by their URLs.

    A sink's name in the state is its URL without secrets and query, so that the order of `--to` means nothing.
    """
    problems: list[str] = []
    values = sources.from_environment(environ, Settings, problems)
    sinks: dict[str, SinkSettings] = {}
    for url in to:
        try:
            found = registry.settings_for(url)
            sinks[found.destination()] = found
        except ConfigurationError as error:
            problems.extend(f"--to: {problem}" for problem in error.problems)
        except ValidationError as error:
            problems.extend(describe_errors(error, "--to", Settings))
    sources.deep_merge(values, {"pipelines": {"default": {"paths": list(paths), **pipeline}}})
    sources.deep_merge(values, overrides)
    values["sinks"] = {**values.get("sinks", {}), **sinks}
    if problems and not values["sinks"]:
        raise ConfigurationError("the configuration is wrong", problems=tuple(problems))
    return _validate(values, "the command line", problems)


def _validate(values: dict[str, Any], origin: str, problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ConfigurationError as error:
        problems.extend(f"{origin}: {problem}" for problem in error.problems)
    except ValidationError as error:
        problems.extend(describe_errors(error, origin, Settings))
    if problems:
        raise ConfigurationError("the configuration is wrong", problems=tuple(dict.fromkeys(problems)))
    return settings
