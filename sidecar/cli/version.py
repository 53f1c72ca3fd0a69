"""`sidecar version`: prints the version."""

from __future__ import annotations

import argparse

from sidecar import __version__
from sidecar.cli.output import put_line


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the version."""
    put_line(f"log-sidecar {__version__}")
    return 0
