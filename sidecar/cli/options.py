"""Options that several commands share: for settings, and for a pipeline on the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from sidecar.cli.state import add_state_option
from sidecar.decode.presets import PRESET_NAMES

LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("auto", "json", "text")


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for settings: `--config` and its overrides, or a sink on the command line."""
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
        "--log-level", metavar="LEVEL", type=_log_level, choices=LOG_LEVELS,
        help="minimum level of the sidecar's own log: debug, info (default), warning or error",
    )  # fmt: skip
    parser.add_argument(
        "--log-format", choices=LOG_FORMATS,
        help="format of the sidecar's own log; auto (default) writes text on a terminal, else JSON",
    )  # fmt: skip
    add_state_option(parser)
    parser.set_defaults(parser=None, multiline=None)


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for settings, and those of a pipeline on the command line."""
    add_settings_options(parser)
    parser.add_argument(
        "--parser", metavar="NAME",
        help="without --config: auto (default) detects it for each file; or plain, json or another parser that "
        "`sidecar plugins` lists; json,plain tries both in this order",
    )  # fmt: skip
    parser.add_argument(
        "--multiline", metavar="NAME",
        help=f"without --config: join the lines of one event: {', '.join(PRESET_NAMES)}",
    )  # fmt: skip


def _log_level(text: str) -> str:
    level = text.lower()
    return "warning" if level == "warn" else level


def find_config_file(options: argparse.Namespace) -> Path | None:
    """Return the configuration file that `--config` or `SIDECAR_CONFIG` names, or None if neither is set."""
    file = options.config or os.environ.get("SIDECAR_CONFIG")
    return Path(file) if file else None
