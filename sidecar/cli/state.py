"""The option with the state directory of a command."""

from __future__ import annotations

import argparse
from pathlib import Path

from sidecar.app.probe import open_directory


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Add `--state-dir`."""
    parser.add_argument(
        "--state-dir", metavar="DIR", type=Path,
        help="directory of checkpoints, dead letters and the admin socket (default: as configured, else "
        "/var/lib/sidecar if that is writable, else ~/.local/state/log-sidecar)",
    )  # fmt: skip


def open_state_directory(options: argparse.Namespace) -> Path:
    """Return the state directory, as `open_directory` finds it. A process of root becomes its owner."""
    return open_directory(options.state_dir)
