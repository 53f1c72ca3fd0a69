"""`sidecar run`: follow files and store every line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

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


@contextmanager
def _progress_bar(*, wanted: bool) -> Iterator[supervisor.Progress | None]:
    if not wanted:
        yield None
        return
    columns = (TextColumn("delivered"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("delivered")
        yield lambda settled, seen: bar.update(task, completed=settled, total=max(seen, 1))
