"""`sidecar help`: prints the options and examples of a command."""

from __future__ import annotations

import argparse

from sidecar.cli import COMMANDS, build_parser
from sidecar.errors import ConfigurationError
from sidecar.lib.suggestions import suggestion_for


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("name", metavar="COMMAND", nargs="?", help="the command (default: list all commands)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the help of the command, as its option `--help` does."""
    name = options.name
    if name is not None and name not in COMMANDS:
        advice = suggestion_for(name, COMMANDS) or f"; use one of {', '.join(COMMANDS)}"
        raise ConfigurationError(f'unknown command "{name}"{advice}')
    arguments = [name] if name else []
    build_parser(arguments).parse_args([*arguments, "--help"])
    return 0
