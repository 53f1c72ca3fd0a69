"""`sidecar drain`: waits until a running sidecar has delivered everything. A preStop hook or an operator calls it."""

from __future__ import annotations

import argparse

from sidecar.admin.client import SidecarNotRunning, ask, explain_silence
from sidecar.cli.output import put_error, put_line
from sidecar.cli.quantities import duration_option
from sidecar.cli.state import add_state_option, open_state_directory

_ANSWER_MARGIN_S = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=duration_option,
        default=25.0,
        help="maximum time to wait, such as 20s (default: 25s)",
    )
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Return 0 when everything is delivered, or 1 after the timeout. The sidecar keeps running in both cases."""
    directory = open_state_directory(options)
    try:
        status, response = ask(
            directory, f"POST /drain?timeout={options.timeout}", options.timeout + _ANSWER_MARGIN_S
        )
    except (SidecarNotRunning, TimeoutError) as error:
        put_error(explain_silence(error, directory))
        return 1
    put_line(str(response["text"]))
    return 0 if status == 200 else 1
