"""The command line: one module a command, argument parsing and printing only.

A command is imported when it is asked for, so that `sidecar version` does not pay for `sidecar run`.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import NoReturn

from sidecar import __version__
from sidecar.app.signals import hold_back
from sidecar.cli import output
from sidecar.errors import ConfigurationError, SidecarError

COMMANDS = {
    "run": "follow files and store every line",
    "check": "validate the configuration; with --connect also try each sink",
    "explain": "show what would become of sample lines, without a network",
    "bench": "how fast this machine ships lines like yours, and where the time goes",
    "dead-letters": "list, show, send again or throw away what a destination refused",
    "checkpoints": "list how far each sink is in each file; ship files again; forget them",
    "status": "what a running sidecar is doing: sinks, balance, files",
    "top": "the same, live",
    "probe": "ask a running sidecar whether it is up, gets on, could work: for Kubernetes",
    "drain": "wait until a running sidecar has delivered everything that is there",
    "wait-ready": "wait until a running sidecar follows its files",
    "wrap": "run an application and leave a file behind when it has ended",
    "demo": "an application, a kill -9, and the balance, in under half a minute",
    "schema": "print the JSON Schema of the configuration",
    "plugins": "list sinks and parsers that are installed",
    "version": "print the version",
}

USAGE = 2


class _ArgumentParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments as one line, whatever they hold."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        output.put_note(f"{self.prog}: error: {message}")
        self.exit(USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 crash, 2 usage or configuration, 3 undelivered."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # the process is this command's
        sys.excepthook = output.put_traceback
        threading.excepthook = lambda failed: output.put_traceback(*failed[:3])
    output.make_streams_lenient()
    gc.disable()  # importing makes many objects and no garbage; a command that runs for long turns it on again
    try:
        with hold_back() if arguments[:1] == ["run"] else nullcontext():
            return _main(arguments)
    finally:
        gc.enable()


def _main(arguments: list[str]) -> int:
    # The clients of databases warn in their own words; what matters of it is said in ours.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    parser = _ArgumentParser(
        prog="sidecar",
        description="Follows log files and stores every line once in Elasticsearch, MongoDB or other sinks.",
        epilog="`sidecar COMMAND --help` tells more of each.",
    )
    parser.add_argument("--version", action="version", version=f"log-sidecar {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, add_help=name not in arguments[:1])
        if name in arguments[:1]:
            command.add_argument("-h", "--help", action="help", help="show this help")
            import_module(f"sidecar.cli.{name.replace('-', '_')}").configure(command)
    return _run(parser, arguments)


def _run(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    try:
        options = parser.parse_args(arguments)
    except SystemExit as refused:
        if refused.code == USAGE and arguments[:1] == ["run"] and os.environ.get("SIDECAR_ON_CONFIG_ERROR") == "park":
            return int(
                import_module("sidecar.app.application").run_parked("the arguments are wrong; see the usage above")
            )
        raise
    try:
        return int(options.run(options))
    except ConfigurationError as error:
        for problem in error.problems:
            output.put_error(problem)
        return USAGE
    except SidecarError as error:
        output.put_error(error)
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
