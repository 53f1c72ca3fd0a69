"""`sidecar status`: shows the condition, the sinks, the balance and the files of a running sidecar on one screen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.admin.client import SidecarNotRunning, ask, explain_silence
from sidecar.cli.console import put
from sidecar.cli.output import put_error, put_json
from sidecar.cli.state import add_state_option, open_state_directory
from sidecar.cli.status_screen import MAX_FILES, StatusScreen


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_state_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


class StatusUnavailable(Exception):
    """No sidecar with this state directory reports its status. The message says why, and what to do."""


def fetch_status(directory: Path, *, all_files: bool = False) -> Mapping[str, Any]:
    """Return the status of the sidecar with this state directory. Raise `StatusUnavailable` if none answers.

    Without `all_files`, it contains only the files that `StatusScreen` may show, in any of the sort orders.
    """
    try:
        code, status = ask(directory, "GET /status" if all_files else f"GET /status?files={MAX_FILES}")
    except (SidecarNotRunning, TimeoutError) as error:
        raise StatusUnavailable(explain_silence(error, directory)) from None
    if code != 200:
        raise StatusUnavailable(str(status["text"]))
    return status


def run(options: argparse.Namespace) -> int:
    """Print the status. Return 0 if a sidecar answers, else 1."""
    try:
        status = fetch_status(open_state_directory(options), all_files=options.json)
    except StatusUnavailable as error:
        put_error(error)
        return 1
    if options.json:
        put_json(status)
    else:
        put(StatusScreen(status))
    return 0
