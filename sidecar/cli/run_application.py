"""Runs the sidecar with the options of `sidecar run`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from importlib import import_module
from pathlib import Path

from sidecar.app import application
from sidecar.app.application import RunRequest
from sidecar.app.outcome import EXIT_UNDELIVERED
from sidecar.app.supervisor import Progress, RunOptions
from sidecar.cli.options import find_config_file
from sidecar.cli.output import put_error
from sidecar.cli.settings_process import SettingsProcess
from sidecar.cli.standard_input import NAME, StandardInput, copy_standard_input
from sidecar.config.checked import CheckedSettings, decode_checked
from sidecar.config.paths import find_state_directory
from sidecar.errors import ConfigurationError
from sidecar.kubernetes.exit_rules import parse_exit_rule
from sidecar.kubernetes.pod import Pod


def run(options: argparse.Namespace, settings: SettingsProcess | None) -> int:
    """Run the sidecar. `settings`: the process that reads the settings; None if this process reads them."""
    with ExitStack() as stack:
        source = None
        if NAME in options.paths:
            _check_alone(options)
            pattern, source = stack.enter_context(copy_standard_input(is_complete=options.once))
            options.paths = [pattern]
        progress = stack.enter_context(_progress_bar(wanted=options.once and sys.stderr.isatty()))
        code = application.run(
            RunRequest(
                load=lambda: decode_checked(settings.read()) if settings else _load(options),
                options=lambda: _run_options(options, progress, source),
                watched=_watched(options),
                state_dir=lambda: find_state_directory(options.state_dir, os.environ),
                strict=options.strict_exit or source is not None,
                park=should_park(options.on_config_error),
            )
        )
        if source and code:
            source.is_kept = True
            put_error(
                "not all of standard input was delivered; what was read of it is kept: run "
                f"`sidecar run {source.file} --once` with the same options, then remove this file"
            )
        if source and source.problem:
            put_error(f"{source.problem}; the rest was not shipped: set TMPDIR to a directory with free space")
            return code or EXIT_UNDELIVERED
        return code


def _watched(options: argparse.Namespace) -> tuple[Path, ...]:
    secrets = os.environ.get("SIDECAR_SECRETS_DIR")
    return tuple(filter(None, (find_config_file(options), Path(secrets) if secrets else None)))


def should_park(option: str | None) -> bool:
    """Return whether an invalid configuration parks the sidecar. Raise `ConfigurationError` for an unknown value."""
    value = option or os.environ.get("SIDECAR_ON_CONFIG_ERROR") or "exit"
    if value not in ("exit", "park"):
        raise ConfigurationError("SIDECAR_ON_CONFIG_ERROR must be exit or park", location="environment")
    return value == "park"


def _load(options: argparse.Namespace) -> CheckedSettings:
    checked: CheckedSettings = import_module("sidecar.cli.settings").load_checked_settings(options)
    return checked


def _check_alone(options: argparse.Namespace) -> None:
    if len(options.paths) > 1 or options.exit_when:
        raise ConfigurationError(
            "- cannot be combined with other paths or --exit-when",
            hint="remove the other paths and --exit-when, or pass files instead of -",
        )


def _run_options(
    options: argparse.Namespace, progress: Progress | None, source: StandardInput | None
) -> RunOptions:  # fmt: skip
    pod = Pod.from_environ(os.environ)
    given = parse_exit_rule(options.exit_when or os.environ.get("SIDECAR_EXIT_WHEN", ""), pod)
    return RunOptions(source or given, pod, options.once, progress, str(source.file) if source else "")


def _progress_bar(*, wanted: bool) -> AbstractContextManager[Progress | None]:
    """Return the context of a progress bar if it is `wanted`, else an empty context. Import its module on demand."""
    if not wanted:
        return nullcontext()
    bar: AbstractContextManager[Progress] = import_module("sidecar.cli.progress").progress_bar()
    return bar
