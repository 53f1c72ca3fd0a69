"""`sidecar top`: repeats `sidecar status`: in place and with keys on a terminal, else one status after another."""

from __future__ import annotations

import argparse
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from sidecar.cli.console import PrintableConsole
from sidecar.cli.output import put_error
from sidecar.cli.quantities import duration_option
from sidecar.cli.state import add_state_option, open_state_directory
from sidecar.cli.status import StatusUnavailable, fetch_status
from sidecar.cli.status_screen import ORDERS, StatusScreen

_HELP = "q quits, p pauses, s sorts files by {next}"
_HELP_LINES = 2
"""Lines below the status: an empty one and the keys."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_state_option(parser)
    parser.add_argument(
        "--every", metavar="TIME", type=duration_option, default=1.0, help="refresh interval, as in 2s (default: 1s)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until `q`, Ctrl-C or the end of the sidecar. Return 1 if no sidecar answers the first request."""
    directory = open_state_directory(options)
    try:
        first = fetch_status(directory)
    except StatusUnavailable as error:
        put_error(error)
        return 1
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            _run_live(directory, first, options.every)
        else:
            _run_plain(directory, first, options.every)
    except (KeyboardInterrupt, StatusUnavailable):
        return 0
    return 0


def _run_plain(directory: Path, first: Mapping[str, Any], every_s: float) -> None:
    console, before, status = PrintableConsole(), first, first
    while True:
        console.print(StatusScreen(status, before))
        sys.stdout.flush()
        time.sleep(every_s)
        before, status = status, fetch_status(directory)


def _run_live(directory: Path, first: Mapping[str, Any], every_s: float) -> None:
    before, status, order, paused = first, first, 0, False
    console = PrintableConsole()
    with _raw_keys(), Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            shown = StatusScreen(status, before, ORDERS[order], height=console.height - _HELP_LINES)
            live.update(Group(shown, Text(), _help(order, paused=paused)), refresh=True)
            key = _read_key(every_s)
            if key == "q":
                return
            paused ^= key == "p"
            order = (order + (key == "s")) % len(ORDERS)
            if not (paused or key):
                before, status = status, fetch_status(directory)


def _help(order: int, *, paused: bool) -> Text:
    text = _HELP.format(next=ORDERS[(order + 1) % len(ORDERS)])
    return Text(f"paused; {text}" if paused else text, "dim")


@contextmanager
def _raw_keys() -> Iterator[None]:
    """Read keys without Enter and without echo until the block ends."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _read_key(timeout_s: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""
