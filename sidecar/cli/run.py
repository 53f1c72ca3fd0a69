"""`sidecar run`: tails files and ships every line."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from importlib import import_module

from sidecar.app import application
from sidecar.app.application import RunRequest
from sidecar.app.outcome import EXIT_UNDELIVERED
from sidecar.app.supervisor import Progress, RunOptions
from sidecar.cli.options import add_pipeline_options, find_config_file, load_settings
from sidecar.cli.output import put_error
from sidecar.cli.standard_input import NAME, copy_standard_input
from sidecar.config.paths import find_state_directory
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.kubernetes.exit_rules import ExitRule, parse_exit_rule
from sidecar.kubernetes.pod import Pod


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="glob of files to tail; ** matches any number of directories; - is standard input",
    )
    add_pipeline_options(parser)
    parser.add_argument("--once", action="store_true", help="ship what the files contain now, then exit")
    parser.add_argument(
        "--exit-when", metavar="RULE",
        help="when to exit: app-exits (the application has ended; needs a shared process namespace), "
        "file=PATH (the file exists), or idle=10s (no file has grown for 10 s)",
    )  # fmt: skip
    parser.add_argument(
        "--strict-exit",
        action="store_true",
        help="exit with code 3 if lines could not be delivered or a file could not be read",
    )
    parser.add_argument(
        "--on-config-error", choices=["exit", "park"],
        help="with an invalid configuration: exit (default), or park: stay up and wait until it is fixed",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until a signal, until the exit rule applies, or with `--once` until everything is delivered."""
    with ExitStack() as stack:
        source = None
        if NAME in options.paths:
            _check_alone(options)
            pattern, source = stack.enter_context(copy_standard_input(is_complete=options.once))
            options.paths = [pattern]
        progress = stack.enter_context(_progress_bar(wanted=options.once and sys.stderr.isatty()))
        code = application.run(
            RunRequest(
                load=lambda: _load(options),
                options=lambda: _run_options(options, progress, source),
                config=find_config_file(options),
                state_dir=lambda: find_state_directory(options.state_dir, os.environ),
                strict=options.strict_exit,
                park=should_park(options.on_config_error),
            )
        )
        if source and source.problem:
            put_error(f"{source.problem}; the rest was not shipped: set TMPDIR to a directory with free space")
            return code or EXIT_UNDELIVERED
        return code


def should_park(option: str | None) -> bool:
    """Return whether an invalid configuration parks the sidecar. Raise `ConfigurationError` for an unknown value."""
    value = option or os.environ.get("SIDECAR_ON_CONFIG_ERROR") or "exit"
    if value not in ("exit", "park"):
        raise ConfigurationError("SIDECAR_ON_CONFIG_ERROR must be exit or park", location="environment")
    return value == "park"


def _load(options: argparse.Namespace) -> Settings:
    return load_settings(options, options.paths, options.to)


def _check_alone(options: argparse.Namespace) -> None:
    if len(options.paths) > 1 or options.exit_when:
        raise ConfigurationError(
            "- cannot be combined with other paths or --exit-when",
            hint="remove the other paths and --exit-when, or pass files instead of -",
        )


def _run_options(options: argparse.Namespace, progress: Progress | None, rule: ExitRule | None) -> RunOptions:
    pod = Pod.from_environ(os.environ)
    given = parse_exit_rule(options.exit_when or os.environ.get("SIDECAR_EXIT_WHEN", ""), pod)
    return RunOptions(rule or given, pod, options.once, progress)


def _progress_bar(*, wanted: bool) -> AbstractContextManager[Progress | None]:
    """Return the context of a progress bar if it is `wanted`, else an empty context. Import its module on demand."""
    if not wanted:
        return nullcontext()
    bar: AbstractContextManager[Progress] = import_module("sidecar.cli.progress").progress_bar()
    return bar
