"""The progress bar of `sidecar run --once` on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from sidecar.app import supervisor
from sidecar.cli.console import PrintableConsole


@contextmanager
def progress_bar() -> Iterator[supervisor.Progress]:
    """Show a progress bar until the block ends. Yield a function that updates it with bytes delivered and seen."""
    columns = (TextColumn("delivered"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=PrintableConsole(stderr=True), transient=True) as bar:
        task = bar.add_task("delivered")
        yield lambda settled, seen: bar.update(task, completed=settled, total=max(seen, 1))
