"""`sidecar run`: follow files and store every line."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

from sidecar import supervisor
from sidecar.cli.options import add_pipeline_options, settings_of


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="globs of files; ** stands for any directories")
    add_pipeline_options(parser)
    parser.add_argument("--once", action="store_true", help="read what is there, deliver it, and end")
    parser.add_argument(
        "--strict-exit", action="store_true", help="end with code 3 if something could not be delivered"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Until a signal, or with `--once` until everything is delivered."""
    settings = settings_of(options, options.paths, options.to)
    with _progress_bar(wanted=options.once and sys.stderr.isatty()) as progress:
        return supervisor.run(settings, once=options.once, strict_exit=options.strict_exit, progress=progress)


def _progress_bar(*, wanted: bool) -> AbstractContextManager[supervisor.Progress | None]:
    """Imported only where there is a terminal to show it on."""
    if not wanted:
        return nullcontext()
    bar: AbstractContextManager[supervisor.Progress] = import_module("sidecar.cli.progress").progress_bar()
    return bar
