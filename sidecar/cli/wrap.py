"""`sidecar wrap`: runs an application and writes its exit code to a file when it exits.

The image of an application may have no Python, so the wrapper is a POSIX shell script. An init container of the Pod
copies it with `sidecar wrap --install`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NoReturn

import sidecar.kubernetes
from sidecar.cli.output_file import new_file
from sidecar.errors import ConfigurationError

SCRIPT = Path(sidecar.kubernetes.__path__[0]) / "wrap.sh"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--install", metavar="FILE", type=Path, help="write the wrapper script to this file and exit")
    parser.add_argument("--tombstone", metavar="FILE", help="file to write the exit code to")
    parser.add_argument("command_line", metavar="COMMAND", nargs=argparse.REMAINDER, help="command to run, after --")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Install the script, or replace this process with it. The script exits with the exit code of the command."""
    if options.install is None:
        _run_script(options)
    _install(SCRIPT.read_bytes(), options.install)
    return 0


def _run_script(options: argparse.Namespace) -> NoReturn:
    command = options.command_line[1:] if options.command_line[:1] == ["--"] else options.command_line
    if not command or not options.tombstone:
        raise ConfigurationError(
            "wrap needs a tombstone file and a command",
            hint="write `sidecar wrap --tombstone FILE -- COMMAND`, or `sidecar wrap --install FILE`",
        )
    os.execv("/bin/sh", ["sh", str(SCRIPT), options.tombstone, *command])  # noqa: S606 - the user's own command


def _install(script: bytes, target: Path) -> None:
    """Write the script atomically, because an application may start it at the same time."""
    with new_file(target, may_replace=True, hint="choose a file in a writable directory") as new:
        new.write_bytes(script)
        new.chmod(0o755)
