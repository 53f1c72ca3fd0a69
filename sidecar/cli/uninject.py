"""`sidecar uninject`: removes what `sidecar inject` added, and gives back the same bytes."""

from __future__ import annotations

import argparse

from sidecar.cli.manifests import add_file_argument, add_output_options, change_files
from sidecar.inject.manifest import uninject


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_file_argument(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the manifests without the sidecar. Return 1 if a Pod is refused, or if --check finds a difference."""
    return change_files(options, lambda text: uninject(text, is_forced=options.force))
