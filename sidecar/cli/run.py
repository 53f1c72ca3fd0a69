"""`sidecar run`: tails files and ships every line.

The settings are read by another process while this process imports the modules that it needs to run.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from sidecar.cli.options import add_pipeline_options
from sidecar.cli.settings_process import SettingsProcess
from sidecar.cli.standard_input import NAME
from sidecar.lib.plain_settings import is_plain


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
    settings = SettingsProcess(options) if is_plain() else None
    if settings and NAME not in options.paths:
        settings.fork()
    return int(import_module("sidecar.cli.run_application").run(options, settings))
