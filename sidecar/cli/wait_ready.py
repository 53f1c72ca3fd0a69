"""`sidecar wait-ready`: waits until a running sidecar tails its files. For a postStart hook.

The kubelet starts the containers of a Pod in order and waits for the postStart hook of each. So a classic sidecar
that is the first container is ready before the application starts.
"""

from __future__ import annotations

import argparse
import time

from sidecar.cli.output import put_line
from sidecar.cli.probe import ask_probe
from sidecar.cli.state import add_state_option, open_state_directory
from sidecar.lib.units import parse_duration

_POLL_INTERVAL_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=parse_duration,
        default=30.0,
        help="longest time to wait, as in 20s (default: 30s)",
    )
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Return 0 in any case, since a postStart hook that fails kills the container."""
    directory = open_state_directory(options)
    give_up_at = time.monotonic() + options.timeout
    while True:
        good, text = ask_probe(directory, "GET /startupz", "startup")
        if good or time.monotonic() >= give_up_at:
            put_line(text if good else f"{text}; the application starts without waiting any longer")
            return 0
        time.sleep(_POLL_INTERVAL_S)
