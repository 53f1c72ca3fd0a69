"""Loads the settings that the options of a command select."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from sidecar.app.probe import become_user_of
from sidecar.cli.options import find_config_file
from sidecar.cli.state import open_state_directory
from sidecar.config.checked import CheckedSettings, describe_settings
from sidecar.config.loader import CommandLine, LoadedSettings, from_command_line, load_with_sources
from sidecar.config.settings import Settings
from sidecar.config.sources import may_have_pipeline
from sidecar.errors import ConfigurationError


def choose_state_directory(options: argparse.Namespace) -> Path:
    """Return the state directory of a command: from `--state-dir`, from the settings, or the default.

    A command that is run by root changes its user, as in `open_state_directory`.
    """
    if options.state_dir or not (options.config or options.to):
        return open_state_directory(options)
    directory = load_settings(options, ["-"] if options.to else [], options.to).state_directory()
    become_user_of(directory)
    return directory


def load_settings(options: argparse.Namespace, paths: list[str], to: list[str]) -> Settings:
    """Return the settings merged from the options, the environment variables and the configuration file.

    Raise `ConfigurationError` if they are invalid.
    """
    return load_settings_with_sources(options, paths, to).settings


def load_sample_settings(options: argparse.Namespace, file: str) -> tuple[Settings, str]:
    """Return the settings for a sample file, and the name of the pipeline that `options.pipeline` selects.

    Without a configuration, a pipeline for this file is built from the other options.
    """
    has_no_config = find_config_file(options) is None
    settings = load_settings(
        options, [file] if has_no_config else [], options.to or (["stdout:"] if has_no_config else [])
    )
    name = options.pipeline or next(iter(settings.pipelines))
    if name not in settings.pipelines:
        raise ConfigurationError(
            f'the configuration has no pipeline "{name}"', hint=f"use one of {', '.join(settings.pipelines)}"
        )
    return settings, name


def load_checked_settings(options: argparse.Namespace) -> CheckedSettings:
    """Return the settings of `sidecar run`, with what is known about them."""
    return describe_settings(load_settings(options, options.paths, options.to), find_config_file(options))


def load_settings_with_sources(options: argparse.Namespace, paths: list[str], to: list[str]) -> LoadedSettings:
    """Return the same settings as `load_settings`, and where they come from."""
    overrides = {
        "state_dir": options.state_dir, "log_level": options.log_level, "log_format": options.log_format,
    }  # fmt: skip
    values = {name: value for name, value in overrides.items() if value}
    command_line = CommandLine(values, options.assignments, options.env_file)
    config = find_config_file(options)
    if not (paths or to or options.parser or options.multiline):
        if config is None and not _has_other_source(options):
            raise ConfigurationError(
                "neither files nor a sink are given",
                hint=f"write `sidecar {_command(options)} --to URL`, or pass a configuration with --config FILE",
            )
        try:
            return load_with_sources(config, os.environ, command_line)
        except ConfigurationError as error:
            if config and (tool := _name_other_tool(config)):
                hint = f"run `sidecar convert {config}`"
                raise ConfigurationError(f"is a configuration of {tool}", location=str(config), hint=hint) from error
            raise
    if options.config:
        raise ConfigurationError(
            "paths, --to, --parser and --multiline cannot be combined with --config",
            hint="use --set to override settings of the file, or remove --config",
        )
    example = "'/var/log/app/*.log'"
    missing = [name for name, values_ in (("PATH", paths), ("--to URL", to)) if not values_]
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            hint=f"write for example `sidecar {_command(options, example)} --to elasticsearch://localhost:9200/logs`",
        )
    pipeline: dict[str, Any] = {"parser": options.parser} if options.parser else {}
    if options.multiline:
        pipeline["multiline"] = options.multiline
    return from_command_line(paths, to, pipeline, os.environ, command_line)


def _name_other_tool(config: Path) -> str:
    """Return the tool that a file is a configuration of; "" if that is the sidecar or an unknown tool."""
    from sidecar.convert.kinds import KINDS, SourceFile, detect  # noqa: PLC0415 - needed only after a mistake

    with suppress(OSError, UnicodeError, ConfigurationError):
        text = config.read_text(encoding="utf-8")
        names = set(re.findall(r"^(pipelines|sinks|sources)\b", text, re.MULTILINE))
        if "pipelines" not in names and names != {"sinks"}:
            return KINDS[detect(SourceFile(config, text))]
    return ""


def _command(options: argparse.Namespace, path: str = "PATH") -> str:
    """Return the command, its action if it has one, and a path if it accepts paths."""
    words = [options.command, getattr(options, "action", None), path if hasattr(options, "paths") else None]
    return " ".join(filter(None, words))


def _has_other_source(options: argparse.Namespace) -> bool:
    """Return whether settings may come from `--set`, `--env-file`, a secrets directory or the environment."""
    has_secrets = bool(os.environ.get("SIDECAR_SECRETS_DIR"))
    return bool(options.assignments or options.env_file) or has_secrets or may_have_pipeline(os.environ)
