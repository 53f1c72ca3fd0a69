"""`sidecar demo`: an application rotates its log, the sidecar is killed and restarted, and every line is counted."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sidecar.cli.console import PrintableConsole
from sidecar.cli.output import put_line, put_lines
from sidecar.cli.quantities import number_option
from sidecar.tools.demo import LINES, DemoResult, DemoStatus, Show, run_demo

_NEWEST = "SELECT document FROM logs ORDER BY time DESC LIMIT 3"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        help="directory for the files of the demo (default: a new temporary one)",
    )
    parser.add_argument(
        "--lines", metavar="N", type=number_option, default=LINES, help=f"lines to write (default: {LINES})"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demonstration and print its result. Return 0 if every line is stored exactly once, else 1."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="log-sidecar-demo-"))
    put_line(f"An application writes {options.lines} lines to {folder}/log and rotates the file by rename.")
    put_lines("A sidecar stores the lines in SQLite. After a while it is killed with kill -9, and restarted.\n")
    with (_show_bars if sys.stdout.isatty() else _show_lines)(options.lines) as show:
        result = run_demo(folder, show, options.lines)
    _print_result(result, folder)
    return 0 if result.is_good else 1


def _print_result(result: DemoResult, folder: Path) -> None:
    put_line()
    sign = "=" if result.is_good else "≠"
    put_line(f"written {result.written} {sign} stored {result.stored}")
    put_lines(f"lost {result.lost}, stored twice {result.twice}\n")
    put_line("To see the stored documents:")
    put_line(f"  sqlite3 {folder}/logs.db '{_NEWEST}'")
    query = "SELECT count(*), min(time), max(time) FROM logs"
    put_line(f"  python3 -c \"import sqlite3; print(*sqlite3.connect('{folder}/logs.db').execute('{query}'))\"")
    put_line(f"The log of the sidecar: {folder}/sidecar.log")


@contextmanager
def _show_lines(lines: int) -> Iterator[Show]:
    shown: list[str] = []

    def show(status: DemoStatus) -> None:
        if status.activity not in shown[-1:]:
            shown.append(status.activity)
            put_line(f"written {status.written:6}  stored {status.stored:6}  {status.activity}", flush=True)

    yield show


@contextmanager
def _show_bars(lines: int) -> Iterator[Show]:
    with Live(console=PrintableConsole(), refresh_per_second=8) as live:
        yield lambda status: live.update(_render(status, lines))


def _render(status: DemoStatus, lines: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "written", ProgressBar(lines, status.written, width=40), f"{status.written:6} in {status.files} files"
    )
    table.add_row("stored", ProgressBar(lines, status.stored, width=40), f"{status.stored:6}")
    style = "bold red" if status.activity.startswith("kill") else "bold green"
    table.add_row("", Text(status.activity, style=style), "")
    return table
