"""The command line: one module for each command, which parses its options and prints results.

In: arguments. Out: text and an exit code. Not in here: the work of a command (`app`, `tools`). Only the module of the
command that runs is imported, so that `sidecar version` does not load the modules of `run`.
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
from sidecar.cli.examples import EXAMPLES
from sidecar.errors import ConfigurationError, SidecarError
from sidecar.lib.suggestions import suggestion_for

COMMANDS = {
    "init": "write a first configuration for a log file and a sink, or a manifest for Kubernetes",
    "run": "tail files and ship every line to the sinks",
    "check": "validate the configuration; --connect also tests each sink",
    "setup": "create what the sinks need on their servers, such as index templates; --print prints it",
    "config": "show the settings in use, and where each value comes from",
    "convert": "convert a configuration of Filebeat, Fluent Bit, Promtail or Vector",
    "explain": "show the documents that sample lines become; needs no network",
    "bench": "measure how fast this machine ships the lines of a file",
    "dead-letters": "list, show, replay or purge documents that a sink rejected",
    "checkpoints": "list the offset of each sink in each file; rewind or forget files",
    "status": "show sinks, bytes by outcome (stored, lost and others) and files of a running sidecar",
    "top": "show the status of a running sidecar, live",
    "tap": "show lines of a running sidecar, live; or those of a file as its pipeline changes them",
    "probe": "check the health of a running sidecar, for Kubernetes probes",
    "drain": "wait until a running sidecar has delivered everything",
    "wait-ready": "wait until a running sidecar tails its files",
    "wrap": "run an application and write its exit code to a file",
    "demo": "show that no line is lost or stored twice when the sidecar is killed",
    "inject": "add the sidecar to the Pods of Kubernetes manifests; every other byte stays",
    "uninject": "remove what `inject` added, byte for byte",
    "policy": "print admission policies by which the API server adds the sidecar to Pods",
    "lint": "find mistakes in the manifests of Pods with a sidecar",
    "webhook": "add the sidecar to Pods when they are created; certs prints a certificate for that",
    "schema": "print the JSON Schema of the configuration",
    "plugins": "list the installed sinks, parsers and transforms",
    "completion": "print the script for the completion of bash, zsh or fish",
    "version": "print the version",
    "help": "show the options of a command, with examples",
}

USAGE = 2

_EPILOG = """\
examples:
  sidecar init app.log --to elasticsearch://localhost:9200/logs
  sidecar run '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs
  sidecar run --config sidecar.yaml --set log_level=debug
  sidecar check --config sidecar.yaml --connect
  sidecar explain app.log

`sidecar help COMMAND` lists the options of a command.
"""


class _ArgumentParser(argparse.ArgumentParser):
    """Reports invalid arguments in one line, with control characters escaped."""

    def error(self, message: str) -> NoReturn:
        advice = "" if "; " in message else f"; `{self.prog} --help` lists the options"
        output.put_note(f"{self.prog}: {message}{advice}")
        self.exit(USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return its exit code: 0 success, 1 failure, 2 usage or configuration, 3 undelivered lines."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # the process runs nothing else
        sys.excepthook = output.put_traceback
        threading.excepthook = lambda failed: output.put_traceback(*failed[:3])
        warnings.simplefilter("ignore")  # from database clients; the sidecar reports relevant problems in its own log
    output.make_streams_lenient()
    gc.disable()  # imports create many objects but no garbage; `run` enables the collector again
    try:
        with hold_back() if arguments[:1] == ["run"] else nullcontext():
            return _main(arguments)
    finally:
        gc.enable()


def _main(arguments: list[str]) -> int:
    # Database clients log warnings. The sidecar reports the relevant ones in its own log.
    logging.getLogger().addHandler(logging.NullHandler())
    parser = build_parser(arguments)
    if not arguments:
        parser.print_help(sys.stderr)
        return USAGE
    if arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "-V", "--version"):
        option = arguments[0].partition("=")[0]
        parser.error(
            f"{option} must follow a command, as in `sidecar run {option}`; `sidecar help` lists the commands"
        )
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        advice = suggestion_for(arguments[0], COMMANDS) or f"; use one of {', '.join(COMMANDS)}"
        parser.error(f'unknown command "{arguments[0]}"{advice}')
    return _run(parser, arguments)


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the command that these arguments begin with."""
    return _build_parser(arguments[:1])


def build_full_parser() -> argparse.ArgumentParser:
    """Return the parser with the options of all commands."""
    return _build_parser(tuple(COMMANDS))


def _build_parser(configured: Sequence[str]) -> argparse.ArgumentParser:
    parser = _ArgumentParser(
        prog="sidecar",
        description="Tails log files and stores every line once in Elasticsearch, MongoDB or another sink.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("-V", "--version", action="version", version=f"log-sidecar {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # The command that runs needs no parsers of the others: they take memory as long as it runs.
    for name in [name for name in COMMANDS if name in configured] or COMMANDS:
        summary = COMMANDS[name]
        command = commands.add_parser(
            name, help=summary, description=summary, add_help=name not in configured,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if name in configured:
            command.add_argument("-h", "--help", action="help", help="show this help and exit")
            import_module(f"sidecar.cli.{name.replace('-', '_')}").configure(command)
            examples = "\n  ".join(("examples:", *EXAMPLES[name]))
            command.epilog = f"{command.epilog}\n\n{examples}" if command.epilog else examples
    return parser


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Return the options. Exit with a suggestion for an unknown one."""
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        command = arguments[0]
        (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        name = unknown[0].partition("=")[0]
        known = [option for option in commands.choices[command]._option_string_actions if option.startswith("--")]
        kind = "option" if name.startswith("-") else "argument"
        is_config = name in ("-c", "-f") and "--config" in known  # as other log shippers call it
        advice = '; did you mean "--config"?' if is_config else suggestion_for(name, known, "--")
        advice = advice or f"; `sidecar help {command}` lists all"
        parser.error(f"{command}: unknown {kind} {name}{advice}")
    return options


def _run(parser: argparse.ArgumentParser, arguments: list[str]) -> int:
    try:
        options = _parse(parser, arguments)
    except SystemExit as refused:
        if refused.code == USAGE and arguments[:1] == ["run"] and os.environ.get("SIDECAR_ON_CONFIG_ERROR") == "park":
            return int(
                import_module("sidecar.app.application").run_parked("the arguments are invalid; see the error above")
            )
        raise
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
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
    except OSError as error:
        if error.filename is not None or error.errno not in output.WRITE_ERRORS:
            raise
        output.put_error(f"cannot write to standard output ({error.strerror})")
        return USAGE
