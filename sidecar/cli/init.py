"""`sidecar init`: writes a first configuration, or a manifest for Kubernetes, for a log file and a sink."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import TypeVar

from sidecar.cli.check import probe_sink
from sidecar.cli.output import put_error, put_line, put_note
from sidecar.cli.output_file import check_new_file, new_file
from sidecar.cli.questions import ask, can_ask, confirm
from sidecar.config.loader import from_command_line, load
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.schema_line import SCHEMA_FILE
from sidecar.config.sources import PREFIX
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import SystemClock
from sidecar.lib.roots import Roots
from sidecar.tools.init.configuration import Starter, next_commands, render_configuration
from sidecar.tools.init.destination import Destination, choose_destination
from sidecar.tools.init.log_format import ChosenFormat, choose_format, find_files
from sidecar.tools.init.manifest import log_directory, render_manifest, warnings
from sidecar.tools.schema import build_schema
from sidecar.watch.missing_files import explain_missing
from sidecar.watch.scanner import has_wildcard

_UNREACHABLE = 2
_CONFIGURATION, _MANIFEST = Path("sidecar.yaml"), Path("kubernetes.yaml")
_WHICH_FILES = "Which log file, or pattern of log files such as /var/log/app/*.log?"
_WHICH_FILES_IN_CONTAINER = "Which files does the application write in its container, such as /var/log/app/*.log?"
_WHICH_SAMPLE = "Which file on this machine has lines of these files? Without an answer, the Pod detects the format."
_WHERE_TO = (
    "Where to ship the lines? A URL such as elasticsearch://localhost:9200/logs,"
    " mongodb://localhost:27017/logs?collection=app or sqlite:///logs.db"
)
_Answer = TypeVar("_Answer")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="log file, or glob of log files")
    parser.add_argument("--to", metavar="URL", help="the sink, such as elasticsearch://host:9200/logs")
    parser.add_argument(
        "--sample", metavar="FILE", type=Path, help="detect the format by this file instead of those that match PATH"
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path,
        help=f"the file to write (default: {_CONFIGURATION}, or {_MANIFEST} with --kubernetes)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    parser.add_argument("--no-connect", action="store_true", help="do not try the sink")
    parser.add_argument(
        "--kubernetes", action="store_true",
        help="write a manifest with the sidecar next to an application; PATH is the path in its container",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask for what the options do not say, try the files and the sink, and write the file. Return 0, or 2."""
    output = options.output or (_MANIFEST if options.kubernetes else _CONFIGURATION)
    check_new_file(output, may_replace=options.force)  # before any question
    _check_complete(options)
    patterns, log_format = _choose_files(options)
    destination = _choose_sink(options)
    if destination is None:
        return _UNREACHABLE
    starter = Starter(patterns, log_format, destination, ["kubernetes"] if options.kubernetes else [])
    _write(output, starter, options)
    _show_next_steps(output, starter, options)
    return 0


def _check_complete(options: argparse.Namespace) -> None:
    missing = [name for name, is_set in (("PATH", options.paths), ("--to URL", options.to)) if not is_set]
    if missing and not can_ask():
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigurationError(
            f"{' and '.join(missing)} {verb} missing, and standard input is no terminal to ask on",
            hint="write for example `sidecar init '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs`",
        )


def _choose_files(options: argparse.Namespace) -> tuple[list[str], ChosenFormat]:
    """Return the patterns of the files, and how their lines are read."""
    if options.paths:
        chosen = _read_files(options, options.paths)
    elif options.kubernetes:
        chosen = _ask_for_files_in_container(options)
    else:
        chosen = _ask_until_valid(_WHICH_FILES, lambda answer: _read_files(options, [answer]))
    for comment in chosen[1].comments:
        put_line(comment)
    return chosen


def _ask_for_files_in_container(options: argparse.Namespace) -> tuple[list[str], ChosenFormat]:
    """Ask for the files, and unless `--sample` names one, for a file by which their format is detected."""
    chosen = _ask_until_valid(_WHICH_FILES_IN_CONTAINER, lambda answer: _read_files(options, [answer]))
    if options.sample:
        return chosen
    return chosen[0], _ask_until_valid(_WHICH_SAMPLE, _read_sample)


def _read_sample(answer: str) -> ChosenFormat:
    return choose_format([Path(answer).expanduser()] if answer else [], SystemClock())


def _read_files(options: argparse.Namespace, paths: list[str]) -> tuple[list[str], ChosenFormat]:
    """Return the patterns for these paths, and the format of their files. Raise `ConfigurationError`."""
    patterns = paths if options.kubernetes else [_absolute_pattern(path) for path in paths]
    (pipeline,) = from_command_line(patterns, ["stdout:"], {}, {}).settings.pipelines.values()
    if options.kubernetes:
        log_directory(patterns)
    if options.sample or options.kubernetes:
        return patterns, choose_format([options.sample] if options.sample else [], SystemClock())
    files = find_files(pipeline.paths)
    if not files:
        _check_may_match_later(pipeline)
    return patterns, choose_format(files, SystemClock())


def _absolute_pattern(path: str) -> str:
    """Return the pattern with the working directory. The name of a file that exists matches only this file."""
    if path.startswith(("~/", "$HOME/")):
        return path
    if Path(path).is_file():
        return escape(os.path.abspath(path))
    return path if path.startswith("/") else f"{escape(os.getcwd())}/{path}"


def _check_may_match_later(pipeline: PipelineSettings) -> None:
    """Raise `ConfigurationError` for the first path without wildcards. A pattern may match a file later."""
    for path in pipeline.paths:
        if not has_wildcard(path):
            raise ConfigurationError(
                explain_missing(path, pipeline.exclude, Roots()), location=path,
                hint="name a file with lines, or a file with such lines by --sample FILE",
            )  # fmt: skip


def _choose_sink(options: argparse.Namespace) -> Destination | None:
    """Return the sink, or None if it does not accept documents."""
    if options.to:
        destination = choose_destination(options.to, os.environ)
        return destination if _is_accepted(options, destination) else None
    while True:
        destination = _ask_until_valid(_WHERE_TO, lambda answer: choose_destination(answer, os.environ))
        if _is_accepted(options, destination) or confirm("write it to the file nevertheless?"):
            return destination


def _is_accepted(options: argparse.Namespace, destination: Destination) -> bool:
    if options.no_connect or probe_sink(destination.name, destination.settings):
        return True
    if options.kubernetes:
        put_note("warning: this machine does not reach the sink, but the Pod may")
    elif options.to:
        put_note("nothing was written; correct the URL, or add --no-connect")
    return bool(options.kubernetes)


def _ask_until_valid(question: str, choose: Callable[[str], _Answer]) -> _Answer:
    while True:
        answer = ask(question)
        try:
            return choose(answer)
        except ConfigurationError as error:
            for problem in error.problems:
                put_error(problem)


def _write(output: Path, starter: Starter, options: argparse.Namespace) -> None:
    """Write the file in one step, after checking it as `sidecar check` does."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with new_file(output, may_replace=options.force) as new:
        new.write_text(render_configuration(starter), encoding="utf-8")
        load(new, {**environ, **starter.destination.values})
        if options.kubernetes:
            new.write_text(render_manifest(starter), encoding="utf-8")
    schema = output.with_name(SCHEMA_FILE)
    if not options.kubernetes and (options.force or not os.path.lexists(schema)):
        with new_file(schema, may_replace=options.force) as new:
            new.write_text(json.dumps(build_schema()[0], indent=1), encoding="utf-8")


def _show_next_steps(output: Path, starter: Starter, options: argparse.Namespace) -> None:
    put_line(f"{output} is written")
    variables = starter.destination.variables()
    if options.kubernetes:
        for warning in warnings(starter):
            put_note(f"warning: {warning}")
        put_line(f"change the image of the application in it, then run: kubectl apply -f {output}")
        return
    if variables:
        put_line(f"before the start, set the environment {'variable' if len(variables) == 1 else 'variables'} "
                 f"{', '.join(variables)}")  # fmt: skip
    for command in next_commands(str(output), starter.format.files):
        put_line(f"  {command}")
