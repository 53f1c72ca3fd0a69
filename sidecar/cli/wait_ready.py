"""`sidecar wait-ready`: waits until a running sidecar tails its files. A postStart hook calls it.

The kubelet starts the containers of a Pod in order and waits for the postStart hook of each. So a classic sidecar
that is the first container is ready before the application starts.
"""

from __future__ import annotations

import argparse
import time

from sidecar.app.probe import ask_probe
from sidecar.cli.output import put_line
from sidecar.cli.quantities import duration_option
from sidecar.cli.state import add_state_option, open_state_directory

_POLL_INTERVAL_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=duration_option,
        default=30.0,
        help="maximum time to wait, such as 20s (default: 30s)",
    )
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait, and return 0 even after the timeout: Kubernetes kills a container whose postStart hook fails."""
    directory = open_state_directory(options)
    give_up_at = time.monotonic() + options.timeout
    while True:
        good, text = ask_probe(directory, "GET /startupz", "startup")
        if good or time.monotonic() >= give_up_at:
            put_line(
                text
                if good
                else f"{text}; wait-ready gives up after {options.timeout:g} s, so the application starts"
            )
            return 0
        time.sleep(_POLL_INTERVAL_S)
