"""`sidecar probe`: whether a running sidecar is up, gets on, and could work. For probes of Kubernetes."""

from __future__ import annotations

import argparse
from pathlib import Path

from sidecar.admin.client import SidecarNotRunning, ask
from sidecar.cli.output import put_line
from sidecar.cli.state import add_state_option, open_state_directory


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "kind", choices=["startup", "live", "ready"],
        help="startup: it follows its files. live: it is not stuck. ready: its configuration is good",
    )  # fmt: skip
    parser.add_argument("--sinks", action="store_true", help="for ready: and no destination is down")
    add_state_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 if all is well, else 1. One sentence for those who read the events of the Pod."""
    directory = open_state_directory(options)
    good, text = answer(directory, f"GET /{options.kind}z{'?sinks=1' if options.sinks else ''}", options.kind)
    put_line(text)
    return 0 if good else 1


def answer(directory: Path, request: str, kind: str) -> tuple[bool, str]:
    """Whether all is well, and a sentence.

    A sidecar that is parked because its state directory cannot be used has no socket there either, and must not be
    taken for a dead one.
    """
    try:
        status, told = ask(directory, request)
    except TimeoutError:
        return False, "the sidecar does not answer in time"
    except SidecarNotRunning as nobody:
        if nobody.could_be:
            return False, f"{nobody} ({directory})"
        return kind != "ready", f"the state directory {directory} cannot be used"
    return status == 200, str(told["text"])
