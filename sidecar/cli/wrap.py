"""`sidecar wrap`: run an application, and leave its exit code in a file when it has ended.

The image of an application has no Python, so what does it is a POSIX shell script of its own; an init container of
the Pod copies it with `sidecar wrap --install`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NoReturn

import sidecar.kubernetes
from sidecar.errors import ConfigurationError

SCRIPT = Path(sidecar.kubernetes.__path__[0]) / "wrap.sh"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--install", metavar="FILE", type=Path, help="write the script to this file, and end")
    parser.add_argument("--tombstone", metavar="FILE", help="the file that is left behind")
    parser.add_argument("command_line", metavar="COMMAND", nargs=argparse.REMAINDER, help="after --: what to run")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Without `--install` it becomes the script, which runs the command and ends with its exit code."""
    if options.install is None:
        _become(options)
    _install(SCRIPT.read_bytes(), options.install)
    return 0


def _become(options: argparse.Namespace) -> NoReturn:
    command = options.command_line[1:] if options.command_line[:1] == ["--"] else options.command_line
    if not command or not options.tombstone:
        raise ConfigurationError(
            "wrap needs a file and a command",
            hint="say `sidecar wrap --tombstone FILE -- COMMAND`, or --install FILE",
        )
    os.execv("/bin/sh", ["sh", str(SCRIPT), options.tombstone, *command])  # noqa: S606 - the user's own command


def _install(script: bytes, target: Path) -> None:
    """Complete or not at all, for an application that starts at the same time."""
    new = target.with_name(f"{target.name}.new")
    try:
        new.write_bytes(script)
        new.chmod(0o755)
        new.replace(target)
    except OSError as error:
        raise ConfigurationError(f"the script cannot be written ({error.strerror})", location=str(target)) from None
