"""Loads settings from their sources, and reports all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sidecar.config.messages import Key, as_validation_error, describe_errors, validation_error
from sidecar.config.settings import Settings
from sidecar.config.shell_syntax import find_shell_syntax
from sidecar.config.sources import (
    EnvFileSource,
    EnvironmentSource,
    Names,
    OptionsSource,
    SecretsSource,
    SetOptionSource,
    SettingsSource,
    VariablesSource,
    YamlSource,
)
from sidecar.config.yaml_file import read_yaml_file
from sidecar.errors import ConfigurationError
from sidecar.parse.settings import AUTO
from sidecar.sinks import registry
from sidecar.sinks.contract import SinkSettings

_OPTIONS: Mapping[Key, str] = {
    ("state_dir",): "--state-dir",
    ("log_level",): "--log-level",
    ("log_format",): "--log-format",
    ("pipelines", "default", "paths"): "PATH",
    ("pipelines", "default", "parser"): "--parser",
    ("pipelines", "default", "multiline"): "--multiline",
    ("sinks",): "--to",
}
"""Setting → the command line option that sets it."""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The settings on the command line."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Settings that have an option, such as `--state-dir`."""

    assignments: Sequence[str] = ()
    """`NAME=VALUE` of each `--set`."""

    env_file: Path | None = None
    """The file of `--env-file`."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, and the sources that they were read from."""

    settings: Settings
    sources: Sequence[SettingsSource]
    """In order of precedence."""

    def find_origin(self, key: Key) -> str:
        """Return where the value of a setting comes from: a line of the file, a variable, an option, or `default`."""
        source = next((source for source in self.sources if _has_value(source, key)), None)
        if source is None:
            return "default"
        origin = source.origin(key[: source.depth(key)])
        is_named = origin.place in ("environment", "--set") and origin.name is not None
        return f"{origin.place}: {origin.name}" if is_named else origin.place


def _has_value(source: SettingsSource, key: Key) -> bool:
    """Return whether the source has the setting, or a short form that contains it, such as the URL of a sink."""
    depth = source.depth(key)
    return depth == len(key) or not isinstance(source.value(key[:depth]), Mapping)


def load(config: Path | None, environ: Mapping[str, str], command_line: CommandLine = CommandLine()) -> Settings:
    """Return the settings of the command line, the variables and the file; an earlier source takes precedence.

    Raise `ConfigurationError`, whose `problems` has a sentence for each problem.
    """
    return load_with_sources(config, environ, command_line).settings


def load_with_sources(
    config: Path | None, environ: Mapping[str, str], command_line: CommandLine = CommandLine()
) -> LoadedSettings:
    """Return the same settings as `load`, and where they come from."""
    problems: list[str] = []
    file = read_yaml_file(config, environ) if config is not None else None
    yaml = YamlSource(Settings, file) if file else None
    sources = _open_sources(command_line, environ, yaml.names() if yaml else {}, problems)
    if file and file.problems:
        raise ConfigurationError("the configuration cannot be read", problems=(*problems, *file.problems))
    return _build([*sources, yaml] if yaml else sources, problems)


def from_command_line(
    paths: Sequence[str], to: Sequence[str], pipeline: Mapping[str, Any], environ: Mapping[str, str],
    command_line: CommandLine = CommandLine(),
) -> LoadedSettings:  # fmt: skip
    """Return the settings of a run without a file: one pipeline named `default`, and sinks named by their URLs.

    Unless a source sets another parser, it is detected for each file.
    The name of a sink in the state is its URL without secrets and query, so the order of `--to` does not matter.
    """
    problems: list[str] = []
    sinks: dict[str, SinkSettings] = {}
    for number, url in enumerate(to, 1):
        option = "--to" if len(to) == 1 else f"--to: URL {number}"
        try:
            if cause := find_shell_syntax(url):
                raise validation_error([((), cause)])
            settings = registry.settings_for(url)
            sinks[settings.destination()] = settings
        except (ConfigurationError, ValidationError) as error:
            problems.extend(_describe_url(url, error, option))
    values = {
        **command_line.values,
        "pipelines": {"default": {"paths": list(paths), **pipeline}},
        **({"sinks": sinks} if sinks else {}),
    }
    options = CommandLine(values, command_line.assignments, command_line.env_file)
    if problems and not sinks:
        raise ConfigurationError("the configuration is invalid", problems=tuple(problems))
    defaults = OptionsSource(Settings, {"pipelines": {"default": {"parser": AUTO}}}, {})
    return _build(_open_sources(options, environ, {}, problems), problems, defaults)


def _describe_url(url: str, error: ConfigurationError | ValidationError, option: str) -> list[str]:
    source = OptionsSource(Settings, {}, {})
    source.fallback = option
    cause = error if isinstance(error, ValidationError) else as_validation_error(error)
    try:
        model = registry.settings_class_for_url(url)
    except ConfigurationError:
        model = SinkSettings
    return describe_errors(cause, [source], model)


def _open_sources(
    command_line: CommandLine, environ: Mapping[str, str], names: Names, problems: list[str]
) -> list[SettingsSource]:
    """Return the sources that take precedence over the YAML file, in order. Add problems of sources to `problems`."""
    secrets, env_file = environ.get("SIDECAR_SECRETS_DIR"), command_line.env_file
    opening: list[Callable[[], SettingsSource] | None] = [
        lambda: OptionsSource(Settings, dict(command_line.values), _OPTIONS),
        lambda: SetOptionSource(Settings, command_line.assignments),
        lambda: EnvironmentSource(Settings, environ, names),
        (lambda: EnvFileSource(Settings, env_file, names)) if env_file else None,
        (lambda: SecretsSource(Settings, Path(secrets), names)) if secrets else None,
    ]
    sources: list[SettingsSource] = []
    for open_source in filter(None, opening):
        try:
            sources.append(open_source())
        except ConfigurationError as error:
            problems.extend(error.problems)
    for source in sources:
        if isinstance(source, VariablesSource):
            problems.extend(source.strays())
    return sources


def _build(sources: Sequence[SettingsSource], problems: list[str], *defaults: SettingsSource) -> LoadedSettings:
    settings = None
    try:
        settings = Settings.from_sources((*sources, *defaults))
    except ValidationError as error:
        problems.extend(describe_errors(error, sources, Settings))
    if problems or settings is None:
        raise ConfigurationError("the configuration is invalid", problems=tuple(dict.fromkeys(problems)))
    return LoadedSettings(settings, sources)
