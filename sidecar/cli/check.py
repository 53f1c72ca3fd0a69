"""`sidecar check`: validates the configuration and runs its tests; can also read a file and test each sink."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from sidecar.cli.options import add_pipeline_options, find_config_file
from sidecar.cli.output import count_of, put_error, put_line, put_note
from sidecar.cli.settings import load_settings
from sidecar.config.overlaps import find_overlaps
from sidecar.config.risks import find_risks
from sidecar.config.settings import Settings
from sidecar.errors import DeliveryError
from sidecar.lib.clock import SystemClock
from sidecar.sinks import registry
from sidecar.sinks.contract import ProbeResult, SinkSettings
from sidecar.watch.scanner import FileScanner


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="glob of files to tail, as for `sidecar run`")
    add_pipeline_options(parser)
    parser.add_argument(
        "--connect", action="store_true", help="also test address, credentials and permissions of each sink"
    )
    parser.add_argument(
        "--try", dest="tried", metavar="FILE", help="also parse this file with each pipeline and print statistics"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the configuration and all problems. Return 0 if there is none, else 2."""
    settings = load_settings(options, options.paths, options.to)
    put_line(f"the configuration is valid; state in {settings.state_directory()}")
    found = dict[str, set[str]]()
    for name, pipeline in settings.pipelines.items():
        parsers = ", ".join(parser.type for parser in pipeline.parser)
        put_line(f"  {name}: {', '.join(pipeline.paths)} ({parsers})")
        found[name] = set()
        for path in pipeline.paths:
            files = {file.path for file in FileScanner([path], pipeline.exclude).scan()}
            found[name] |= files
            put_line(f"    {path} matches {count_of(len(files), 'file')} now")
        for sink in settings.sinks_of(name):
            put_line(f"    to {_describe_sink(sink, settings)}")
    for warning in _path_warnings(settings):
        put_note(f"warning: {warning}")
    for risk in [*find_risks(settings, find_config_file(options)), *find_overlaps(settings, found)]:
        put_note(f"warning: {risk.location}: {risk.reason}")
    code = _run_tests(settings)
    if options.tried:
        _print_stats(settings, options.tried)
    return max(code, _probe_sinks(settings) if options.connect else 0)


def _path_warnings(settings: Settings) -> Iterator[str]:
    """Yield a warning for each path that matches no file that the sidecar can tail."""
    for name, pipeline in settings.pipelines.items():
        for path in pipeline.paths:
            excluding = [glob for glob in pipeline.exclude if fnmatch(Path(path).name, glob) or fnmatch(path, glob)]
            if "\\" in path or re.search(r"\{[^{}]*,[^{}]*\}", path):
                yield f"pipelines.{name}.paths: {path} has \\ or {{}}, which are taken literally; write paths with /"
            elif Path(path).is_dir():
                yield f"pipelines.{name}.paths: {path} is a directory and matches no file; write {Path(path) / '*'}"
            elif excluding:
                yield f"pipelines.{name}.paths: {path} is excluded by {excluding[0]} in pipelines.{name}.exclude"
            elif Path(path).is_file() and not os.access(path, os.R_OK):
                yield f"pipelines.{name}.paths: {path} cannot be read by this user; change its mode or owner"


def _run_tests(settings: Settings) -> int:
    """Run the tests of the pipelines and return the exit code."""
    count = sum(len(pipeline.tests) for pipeline in settings.pipelines.values())
    if not count:
        return 0
    from sidecar.tools.rule_tests import run_rule_tests  # noqa: PLC0415 - loads the parsers, which takes 0.1 s

    failures = list(run_rule_tests(settings))
    for failure in failures:
        put_error(failure)
    if not failures:
        put_line(f"{count_of(count, 'rule test')} passed")
    return 2 if failures else 0


def _print_stats(settings: Settings, file: str) -> None:
    """Print the statistics of the file with each pipeline."""
    from sidecar.cli.stats_table import print_stats  # noqa: PLC0415 - see `_run_tests`
    from sidecar.tools.stats import collect_stats  # noqa: PLC0415

    for name, pipeline in settings.pipelines.items():
        put_line(f"{file} as pipeline {name}:")
        print_stats(collect_stats(pipeline, Path(file).absolute(), SystemClock()))


def _describe_sink(sink: str, settings: Settings) -> str:
    destination, parts = settings.sinks[sink].destination(), settings.sinks[sink].explain_destination()
    named = destination if destination == sink else f"{sink}: {destination}"
    return f"{named} ({parts})" if parts else named


def _probe_sinks(settings: Settings) -> int:
    results = [probe_sink(name, sink) for name, sink in settings.sinks.items()]
    return 0 if all(results) else 2


def probe_sink(name: str, settings: SinkSettings) -> bool:
    """Print whether a sink accepts documents, and return it."""
    name = name.removesuffix(":")  # the name may be a URL such as `stdout:`
    try:
        result = registry.create_sink(settings).probe() or ProbeResult()
    except DeliveryError as error:
        put_error(f"{name}: {error.text_after(name)}")
        return False
    for warning in result.warnings:
        put_note(f"warning: {name}: {warning}")
    put_line(f"{name}: accepts documents{f' ({result.server})' if result.server else ''}")
    return True
