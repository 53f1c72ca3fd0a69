"""`sidecar run`: follow files and store every line."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

from sidecar.app import application
from sidecar.app.application import RunRequest
from sidecar.app.supervisor import Progress, RunOptions
from sidecar.cli.options import add_pipeline_options, config_file, settings_of
from sidecar.config.paths import find_state_directory
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.kubernetes.exit_rules import parse_exit_rule
from sidecar.kubernetes.pod import Pod


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="globs of files; ** stands for any directories")
    add_pipeline_options(parser)
    parser.add_argument("--once", action="store_true", help="read what is there, deliver it, and end")
    parser.add_argument(
        "--exit-when", metavar="RULE",
        help="end when the application has: app-exits (in a shared process namespace), file=PATH, or idle=10s",
    )  # fmt: skip
    parser.add_argument(
        "--strict-exit", action="store_true", help="end with code 3 if something could not be delivered or read"
    )
    parser.add_argument(
        "--on-config-error", choices=["exit", "park"],
        help="what a configuration that cannot be used does: end the sidecar, or make it wait for a better one",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Until a signal, until the exit rule says so, or with `--once` until everything is delivered."""
    with _progress_bar(wanted=options.once and sys.stderr.isatty()) as progress:
        return application.run(
            RunRequest(
                load=lambda: _settings(options),
                options=lambda: _run_options(options, progress),
                config=config_file(options),
                state_dir=lambda: find_state_directory(options.state_dir, os.environ),
                strict=options.strict_exit,
                park=parks(options.on_config_error),
            )
        )


def parks(told: str | None) -> bool:
    """Whether a bad configuration parks the sidecar. Raises `ConfigurationError`."""
    value = told or os.environ.get("SIDECAR_ON_CONFIG_ERROR") or "exit"
    if value not in ("exit", "park"):
        raise ConfigurationError("SIDECAR_ON_CONFIG_ERROR has to be exit or park", location="environment")
    return value == "park"


def _settings(options: argparse.Namespace) -> Settings:
    return settings_of(options, options.paths, options.to)


def _run_options(options: argparse.Namespace, progress: Progress | None) -> RunOptions:
    pod = Pod.from_environ(os.environ)
    rule = parse_exit_rule(options.exit_when or os.environ.get("SIDECAR_EXIT_WHEN", ""), pod)
    return RunOptions(rule, pod, options.once, progress)


def _progress_bar(*, wanted: bool) -> AbstractContextManager[Progress | None]:
    """Imported only where there is a terminal to show it on."""
    if not wanted:
        return nullcontext()
    bar: AbstractContextManager[Progress] = import_module("sidecar.cli.progress").progress_bar()
    return bar
