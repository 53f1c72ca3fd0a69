"""`sidecar inject`: adds the sidecar to the Pods of manifests. Every other byte of them stays."""

from __future__ import annotations

import argparse
from pathlib import Path

from sidecar.cli.manifests import add_file_argument, add_output_options, change_files
from sidecar.errors import ConfigurationError
from sidecar.inject.manifest import inject
from sidecar.inject.settings import InjectionSettings, build_settings, read_values


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_file_argument(parser)
    add_settings_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add the settings of injection."""
    parser.add_argument("--settings", metavar="FILE", type=Path, help="YAML file with the settings of injection")
    destination = parser.add_mutually_exclusive_group()
    destination.add_argument(
        "--sink", metavar="URL", help="where the logs go, without credentials; overrides the settings"
    )
    destination.add_argument(
        "--config-map",
        metavar="NAME",
        help="ConfigMap with sidecar.yaml as the configuration; overrides the settings",
    )


def run(options: argparse.Namespace) -> int:
    """Print the manifests with the sidecar. Return 1 if a Pod is refused, or if --check finds a difference."""
    settings = read_settings(options)
    return change_files(options, lambda text: inject(text, settings, is_forced=options.force))


def read_settings(options: argparse.Namespace) -> InjectionSettings:
    """Return the settings of the file and the options. Raise ConfigurationError for a mistake."""
    values = {}
    if options.settings:
        try:
            values = read_values(options.settings.read_text(encoding="utf-8"), str(options.settings))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})",
                location=str(options.settings), hint="name a readable YAML file",
            ) from None  # fmt: skip
    if options.sink is not None:
        values |= {"sink": options.sink, "config_map": ""}
    elif options.config_map is not None:
        values["config_map"] = options.config_map
    return build_settings(values, str(options.settings or ""))
