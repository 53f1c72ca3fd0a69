"""Options that several commands share: settings, a pipeline on the command line, and the state directory."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from sidecar.app.probe import become_user_of
from sidecar.cli.state import add_state_option, open_state_directory
from sidecar.config.loader import CommandLine, LoadedSettings, from_command_line, load_with_sources
from sidecar.config.settings import Settings
from sidecar.config.sources import may_have_pipeline
from sidecar.decode.settings import PRESET_NAMES
from sidecar.errors import ConfigurationError

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "text")


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for settings: `--config` and its overrides, or a pipeline on the command line."""
    parser.add_argument("--config", metavar="FILE", type=Path, help="read the settings from this YAML file")
    parser.add_argument(
        "--set", dest="assignments", metavar="NAME=VALUE", action="append", default=[],
        help="override one setting, such as limits.memory=32MiB or pipelines.app.parser=json; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--env-file", metavar="FILE", type=Path,
        help="also read SIDECAR_ variables from this file; the environment overrides them",
    )  # fmt: skip
    parser.add_argument(
        "--to", metavar="URL", action="append", default=[],
        help="without --config: ship to this sink, such as elasticsearch://host:9200/logs; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--parser", metavar="NAME",
        help="without --config: auto (default) detects it for each file; or plain, json or another parser that "
        "`sidecar plugins` lists; json,plain tries both in this order",
    )  # fmt: skip
    parser.add_argument(
        "--multiline", metavar="NAME",
        help=f"without --config: join the lines of one event: {', '.join(PRESET_NAMES)}",
    )  # fmt: skip
    parser.add_argument(
        "--log-level", metavar="LEVEL", type=_log_level, choices=LOG_LEVELS,
        help="minimum level of the sidecar's own log: debug, info (default), warning or error",
    )  # fmt: skip
    parser.add_argument(
        "--log-format", choices=LOG_FORMATS,
        help="format of the sidecar's own log; auto (default) writes text on a terminal, else JSON",
    )  # fmt: skip
    add_state_option(parser)


def _log_level(text: str) -> str:
    level = text.lower()
    return "warning" if level == "warn" else level


def choose_state_directory(options: argparse.Namespace) -> Path:
    """Return the state directory of a command: from `--state-dir`, from the settings, or the default.

    A command that is run by root changes its user, as in `open_state_directory`.
    """
    if options.state_dir or not (options.config or options.to):
        return open_state_directory(options)
    directory = load_settings(options, ["-"] if options.to else [], options.to).state_directory()
    become_user_of(directory)
    return directory


def find_config_file(options: argparse.Namespace) -> Path | None:
    """Return the configuration file that `--config` or `SIDECAR_CONFIG` names, or None if neither is set."""
    file = options.config or os.environ.get("SIDECAR_CONFIG")
    return Path(file) if file else None


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
        return load_with_sources(config, os.environ, command_line)
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


def _command(options: argparse.Namespace, path: str = "PATH") -> str:
    """Return the command, its action if it has one, and a path if it accepts paths."""
    words = [options.command, getattr(options, "action", None), path if hasattr(options, "paths") else None]
    return " ".join(filter(None, words))


def _has_other_source(options: argparse.Namespace) -> bool:
    """Return whether settings may come from `--set`, `--env-file`, a secrets directory or the environment."""
    has_secrets = bool(os.environ.get("SIDECAR_SECRETS_DIR"))
    return bool(options.assignments or options.env_file) or has_secrets or may_have_pipeline(os.environ)
