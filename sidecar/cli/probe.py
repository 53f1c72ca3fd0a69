"""`sidecar probe`: checks the health of a running sidecar. Kubernetes probes call it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sidecar.admin.client import SidecarNotRunning, ask
from sidecar.cli.output import put_line
from sidecar.cli.state import add_state_option, open_state_directory


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "kind", choices=["startup", "live", "ready"],
        help="startup: the sidecar tails its files; live: it makes progress; ready: its configuration is in use",
    )  # fmt: skip
    parser.add_argument("--sinks", action="store_true", help="with ready: also fail while a sink is down")
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the result, which Kubernetes shows in the events of the Pod.

    Return 0 if the sidecar is healthy, else 1.
    """
    directory = open_state_directory(options)
    good, text = ask_probe(directory, f"GET /{options.kind}z{'?sinks=1' if options.sinks else ''}", options.kind)
    put_line(text)
    return 0 if good else 1


def ask_probe(directory: Path, request: str, kind: str) -> tuple[bool, str]:
    """Return whether the sidecar is healthy, and a sentence that explains the result.

    A sidecar that is parked because its state directory is unusable has no socket. It counts as live but not ready.
    """
    try:
        status, response = ask(directory, request)
    except TimeoutError:
        return False, "the sidecar did not answer in time"
    except SidecarNotRunning as error:
        if error.can_exist:
            return False, f"{error} ({directory})"
        return kind != "ready", f"the state directory {directory} cannot be used"
    return status == 200, str(response["text"])
