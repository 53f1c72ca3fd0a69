"""`sidecar wait-ready`: wait until a running sidecar follows its files. For a postStart hook.

The kubelet starts the containers of a Pod in their order, and the next one only when the postStart hook of this one
is over: so a classic sidecar that stands first is there before the application.
"""

from __future__ import annotations

import argparse
import time

from sidecar.cli.output import put_line
from sidecar.cli.probe import answer
from sidecar.cli.state import add_state_option, open_state_directory
from sidecar.lib.units import parse_duration

_STEP_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=parse_duration,
        default=30.0,
        help="how long to wait, as in 20s; 30s unless told",
    )
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Always 0: a postStart hook that fails would kill the container."""
    directory = open_state_directory(options)
    give_up_at = time.monotonic() + options.timeout
    while True:
        good, text = answer(directory, "GET /startupz", "startup")
        if good or time.monotonic() >= give_up_at:
            put_line(text if good else f"{text}; the application starts without waiting any longer")
            return 0
        time.sleep(_STEP_S)
