"""`sidecar probe`: asks a running sidecar for its health. For probes of Kubernetes."""

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
        help="startup: it tails its files; live: it makes progress; ready: its configuration is in use",
    )  # fmt: skip
    parser.add_argument("--sinks", action="store_true", help="with ready: also fail while a sink is down")
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Return 0 if the sidecar is healthy, else 1, and print a sentence for the events of the Pod."""
    directory = open_state_directory(options)
    good, text = ask_probe(directory, f"GET /{options.kind}z{'?sinks=1' if options.sinks else ''}", options.kind)
    put_line(text)
    return 0 if good else 1


def ask_probe(directory: Path, request: str, kind: str) -> tuple[bool, str]:
    """Return whether the sidecar is healthy, and a sentence.

    A sidecar that is parked because of an unusable state directory has no socket there, but is not dead.
    """
    try:
        status, response = ask(directory, request)
    except TimeoutError:
        return False, "the sidecar does not answer in time"
    except SidecarNotRunning as error:
        if error.could_be:
            return False, f"{error} ({directory})"
        return kind != "ready", f"the state directory {directory} cannot be used"
    return status == 200, str(response["text"])
