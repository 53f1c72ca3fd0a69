"""The options that several commands share: what to read, where to ship it, and where the state is."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from sidecar.cli.state import add_state_option, become_user_of, open_state_directory
from sidecar.config.loader import from_command_line, load
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """`--config`, or a pipeline on the command line."""
    parser.add_argument("--to", metavar="URL", action="append", default=[], help="a destination; may be given again")
    parser.add_argument(
        "--parser",
        metavar="NAME",
        help="plain, json, nginx, syslog or another of `sidecar plugins`; several with commas are tried in order",
    )
    parser.add_argument(
        "--multiline",
        metavar="NAME",
        help="java, python, go, ruby, node, dotnet, php, rust, postgresql, mysql_slow or indent",
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="a YAML file instead of paths and --to")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="the least to say")
    add_state_option(parser)


def state_directory(options: argparse.Namespace) -> Path:
    """Return the state directory of a command that looks into a state: named, configured, or the default.

    Root becomes the owner of the state, as in `open_state_directory`.
    """
    if options.state_dir or not (options.config or options.to):
        return open_state_directory(options)
    directory = settings_of(options, ["-"] if options.to else [], options.to).state_directory()
    become_user_of(directory)
    return directory


def config_file(options: argparse.Namespace) -> Path | None:
    """The configuration file, if one is named."""
    named = options.config or os.environ.get("SIDECAR_CONFIG")
    return Path(named) if named else None


def settings_of(options: argparse.Namespace, paths: list[str], to: list[str]) -> Settings:
    """The settings that the options, the environment and the file say together. Raises `ConfigurationError`."""
    overrides: dict[str, Any] = {}
    if options.state_dir:
        overrides["state_dir"] = options.state_dir
    if options.log_level:
        overrides["log_level"] = options.log_level
    config = config_file(options)
    if not (paths or to or options.parser or options.multiline):
        if config is None and not any(name.startswith(("SIDECAR_SINKS", "SIDECAR_PIPELINES")) for name in os.environ):
            raise ConfigurationError(
                "there is nothing to read and nowhere to ship it",
                hint="say `sidecar run PATH --to URL`, or name a configuration with --config FILE",
            )
        return load(config, os.environ, overrides)
    if options.config:
        raise ConfigurationError(
            "paths, --to, --parser and --multiline cannot be combined with --config",
            hint="put them into the file, or leave it out",
        )
    missing = [what for what, given in (("at least one path", paths), ("--to URL", to)) if not given]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} is missing", hint="see `sidecar run --help`")
    pipeline: dict[str, Any] = {"parser": options.parser.split(",")} if options.parser else {}
    if options.multiline:
        pipeline["multiline"] = options.multiline
    return from_command_line(paths, to, pipeline, os.environ, overrides)
