"""Finds the state directory of a command. This module imports little, because probes run every few seconds."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

from sidecar.admin.client import NAME
from sidecar.config.paths import find_state_directory
from sidecar.lib.ownership import become_owner


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Add `--state-dir`."""
    parser.add_argument(
        "--state-dir", metavar="DIR", type=Path, help="directory of checkpoints, dead letters and the admin socket"
    )


def open_state_directory(options: argparse.Namespace) -> Path:
    """Return the state directory from the option, the environment, or the default, without reading a configuration.

    If this process runs as root, change its user to the owner of the directory: `kubectl debug` runs as root, the
    sidecar does not.
    """
    directory = find_state_directory(options.state_dir, os.environ)
    become_user_of(directory)
    return directory


def become_user_of(directory: Path) -> None:
    """Change from root to the owner of the directory, unless the socket in it belongs to another user."""
    with suppress(OSError):
        owner = directory.stat().st_uid
        socket = directory / NAME
        if not os.path.lexists(socket) or socket.lstat().st_uid == owner:
            become_owner(directory)
