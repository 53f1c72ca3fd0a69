"""`sidecar bench`: measures how fast this machine ships the lines of a file, and the CPU time of each stage."""

from __future__ import annotations

import argparse
import os
import resource
from pathlib import Path

from sidecar.app.tuning import tune_process
from sidecar.cli.options import add_pipeline_options, find_config_file
from sidecar.cli.output import put_json, put_line
from sidecar.cli.settings import load_settings
from sidecar.config.pipeline import PipelineSettings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import SystemClock
from sidecar.tools.bench import BenchResult, BenchRun
from sidecar.tools.sample_file import resolve_parser_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--file", metavar="FILE", type=Path, required=True, help="a log file like those that will be shipped"
    )
    add_pipeline_options(parser)
    parser.add_argument("--pipeline", metavar="NAME", help="pipeline of the configuration (default: the first)")
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        default=5.0,
        help="seconds to measure; the file is read repeatedly (default: 5)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.epilog = (
        "With --to the documents are written to the sink, repeatedly and with new ids:\n"
        "use an index or collection that can be deleted. With --config alone nothing is written."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the result. Raise `DeliveryError` if a document was not stored."""
    if len(options.to) > 1:
        raise ConfigurationError("only one --to can be measured at a time", hint="run the command once for each")
    has_no_config = find_config_file(options) is None
    file = options.file.absolute()
    settings = load_settings(
        options, [str(file)] if has_no_config else [], options.to or (["stdout:"] if has_no_config else [])
    )
    name = options.pipeline or next(iter(settings.pipelines))
    if name not in settings.pipelines:
        raise ConfigurationError(
            f'the configuration has no pipeline "{name}"', hint=f"use one of {', '.join(settings.pipelines)}"
        )
    tune_process()
    sink = next(iter(settings.sinks.values())) if options.to else None
    pipeline = resolve_parser_of(file, settings.pipelines[name], SystemClock())
    figures = BenchRun(pipeline, os.environ, sink).run(file, options.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        put_json(_as_json(figures, peak))
    else:
        _print_result(figures, peak, file, _parser_names(pipeline), sink.destination() if sink else "")
    return 0


def _parser_names(pipeline: PipelineSettings) -> str:
    return ", ".join(parser.type for parser in pipeline.parser)


def _as_json(figures: BenchResult, peak: float) -> dict[str, object]:
    each = {stage: round(seconds / figures.lines * 1e6, 3) for stage, seconds in figures.stages.items()}
    return {
        "lines": figures.lines,
        "bytes": figures.bytes,
        "unparsed": figures.unparsed,
        "stored": figures.stored,
        "lines_per_second": round(figures.lines / figures.wall_s),
        "microseconds_of_cpu_per_line": each,
        "peak_mib": round(peak, 1),
    }


def _print_result(figures: BenchResult, peak: float, file: Path, parsers: str, target: str) -> None:
    lines, total = figures.lines, sum(figures.stages.values())
    put_line(f"{file.name}, parsed as {parsers}: {lines:,} lines of {figures.bytes / lines:.0f} bytes on average")
    if figures.unparsed:
        share = figures.unparsed / lines
        put_line(f"{figures.unparsed:,} of them ({share:.0%}) cannot be parsed: run `sidecar explain` to see why")
    if figures.in_one_pass < lines:
        put_line(f"{1 - figures.in_one_pass / lines:.0%} were parsed line by line, which is slower")
    put_line()
    put_line(f"{'stage':12}{'µs CPU per line':>16}{'share':>10}")
    for stage, seconds in {**figures.stages, "total": total}.items():
        put_line(f"{stage:12}{seconds / lines * 1e6:16.2f}{seconds / total:10.0%}")
    put_line()
    where = f"delivered to {target}" if target else "not delivered to a sink"
    put_line(
        f"{lines / figures.wall_s:,.0f} lines and {figures.bytes / figures.wall_s / 1e6:,.0f} MB per second, {where}"
    )
    put_line(f"peak memory: {peak:.0f} MiB")
