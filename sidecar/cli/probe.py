"""`sidecar probe` with options. Without them `sidecar.app.probe` does the same, at a fraction of the CPU time."""

from __future__ import annotations

import argparse

from sidecar.app.probe import KINDS, ask_probe
from sidecar.cli.output import put_line
from sidecar.cli.state import add_state_option, open_state_directory


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "kind", choices=KINDS,
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
