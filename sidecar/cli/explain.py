"""`sidecar explain`: shows the documents that sample lines become, without network, state or sink."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from glob import escape
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile

import msgspec
from rich.table import Table
from rich.text import Text

from sidecar.cli.console import PrintableConsole, make_text
from sidecar.cli.options import add_pipeline_options
from sidecar.cli.output import put_error, put_json, put_json_text, put_line, put_lines
from sidecar.cli.settings import load_sample_settings
from sidecar.cli.stats_table import print_stats
from sidecar.config.loader import from_command_line
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.schema_line import SCHEMA_LINE
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.charset import lookup
from sidecar.lib.clock import SystemClock
from sidecar.lib.terminal import escape_control_characters, escape_json, escape_lines
from sidecar.pipeline.detection import SAMPLE_BYTES
from sidecar.tools.detect import detect_format
from sidecar.tools.explain import ExplainedEvent, explain
from sidecar.tools.stats import collect_stats
from sidecar.tools.yaml_text import escape_values, format_yaml

_MAX_SHOWN_BYTES = 16 << 20
"""Maximum bytes at the beginning of a sample whose events are shown one by one."""
_MAX_DETECTION_EXAMPLES = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="file with sample lines (default: standard input)"
    )
    add_pipeline_options(parser)
    parser.add_argument("--pipeline", metavar="NAME", help="pipeline of the configuration (default: the first)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for each event")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stats", action="store_true", help="print statistics of the whole file instead of each event")
    what.add_argument("--detect", action="store_true", help="propose a configuration that reads this file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each event with its document, id and target; with `--stats` statistics, with `--detect` a proposal."""
    if options.detect:
        return _detect(options)
    settings, name = load_sample_settings(options, options.file)
    if options.stats:
        return _stats(options, settings.pipelines[name])
    data = _read_sample(options.file, _MAX_SHOWN_BYTES + 1)
    if not data:
        place = "standard input" if options.file == "-" else options.file
        raise ConfigurationError("contains no line", location=place, hint="choose a file with log lines")
    shown = (
        data if len(data) <= _MAX_SHOWN_BYTES else _trim_to_lines(settings.pipelines[name], data[:_MAX_SHOWN_BYTES])
    )
    _explain(settings, name, options.file, shown, as_json=options.json)
    if len(shown) < len(data):
        put_error(f"only the first {len(shown):,} bytes are shown; --stats reads the whole file")
    return 0


def _trim_to_lines(pipeline: PipelineSettings, data: bytes) -> bytes:
    """Return the data up to its last line end, or all of it if there is none."""
    return data[: lookup(pipeline.encoding).resolve(data).find_last_line_end(data, 0, 0)] or data


def _explain(settings: Settings, pipeline: str, file: str, data: bytes, *, as_json: bool) -> None:
    for item in explain(settings, pipeline, str(Path(file).absolute()), data, SystemClock()):
        if as_json:
            put_json(asdict(item))
        else:
            _print_event(item)


def _stats(options: argparse.Namespace, pipeline: PipelineSettings) -> int:
    with _open_file(options.file) as file:
        stats = collect_stats(pipeline, file.absolute(), SystemClock())
    if options.json:
        put_json_text(msgspec.json.encode({**msgspec.structs.asdict(stats), "slowest": stats.slowest}).decode())
    else:
        print_stats(stats)
    return 0


def _detect(options: argparse.Namespace) -> int:
    if options.parser or options.multiline or options.config or options.to:
        raise ConfigurationError(
            "--detect proposes settings, so it cannot be combined with options that set them",
            hint="remove --parser, --multiline, --to and --config",
        )
    detected = detect_format(_read_sample(options.file, SAMPLE_BYTES + 1), SystemClock())
    if detected is None:
        raise ConfigurationError(
            "contains no line",
            location="standard input" if options.file == "-" else options.file,
            hint="choose a file with log lines",
        )
    proposal = detected.proposal
    file = str(Path(options.file).absolute())
    paths = ["/var/log/app/*.log" if options.file == "-" else escape(file)]
    configuration = {"sinks": {"out": "stdout:"}, "pipelines": {"app": {"paths": paths, **proposal.pipeline}}}
    if options.json:
        put_json({
            "confidence": proposal.confidence, "parser": proposal.parser, "times": proposal.times,
            "levels": proposal.levels, "fields": proposal.fields, "notes": proposal.notes,
            "configuration": configuration,
        })  # fmt: skip
        return 0
    for comment in detected.comments():
        put_line(f"# {comment}")
    put_line(SCHEMA_LINE)
    put_lines(format_yaml(escape_values(configuration)))
    settings = from_command_line([file], ["stdout:"], proposal.pipeline, {}).settings
    events = explain(settings, next(iter(settings.pipelines)), file, detected.data, SystemClock())
    for event in islice((event for event in events if event.outcome == "document"), _MAX_DETECTION_EXAMPLES):
        # Standard output is the configuration alone, so that it can be redirected to a file.
        _print_event(event, to_stderr=True)
    return 0


@contextmanager
def _open_file(name: str) -> Iterator[Path]:
    """Yield the path of the file. Standard input is copied to a temporary file, so that it may have any size."""
    if name != "-":
        yield Path(name)
        return
    with ExitStack() as stack:
        try:
            copy = stack.enter_context(NamedTemporaryFile(prefix="log-sidecar-"))
            copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        except OSError as error:
            raise ConfigurationError(
                f"cannot copy standard input to a temporary file ({error.strerror})",
                hint="set TMPDIR to a directory with free space, or pass a file",
            ) from error
        yield Path(copy.name)


def _read_sample(file: str, size: int) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(size)
        with Path(file).open("rb") as lines:
            return lines.read(size)
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror})",
            location=file,
            hint="choose a file with log lines, or - for standard input",
        ) from error


def _print_event(item: ExplainedEvent, *, to_stderr: bool = False) -> None:
    console = PrintableConsole(stderr=to_stderr)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("bytes", f"{item.offset}-{item.end}" + (f", {item.lines} lines" if item.lines > 1 else ""))
    if item.line:
        table.add_row("text", Text(escape_lines(item.line.expandtabs(4))))
    if item.parser:
        table.add_row("parser", make_text(item.parser, "green"))
    if item.outcome == "document":
        _add_document(table, item)
    else:
        table.add_row(item.outcome, make_text(f"by {item.reason}", "yellow"))
    console.print(table)
    console.print()


def _add_document(table: Table, item: ExplainedEvent) -> None:
    if not item.parser:
        table.add_row("parser", Text("none could parse it", style="red"))
    for name, value in (("not parsed", item.error), ("noted", item.reason)):
        if value:
            table.add_row(name, make_text(value, "yellow"))
    fields = Text()
    for path, kind in (item.fields or {}).items():
        fields.append(f"{', ' if fields else ''}{escape_control_characters(path)} ").append(f"({kind})", "cyan")
    table.add_row("fields", fields)
    if item.redacted:
        table.add_row("redacted", make_text(", ".join(item.redacted), "yellow"))
    table.add_row("document", Text(escape_json(item.document)))
    for sink, document in (item.documents or {}).items():
        table.add_row(f"to {sink}", Text(escape_json(document)))
    table.add_row("_id", item.id)
    table.add_row("event time", item.event_time or "none: the time of reading is used")
    targets = dict.fromkeys((item.target or {}).values())
    table.add_row("goes to", make_text(", ".join(targets)))
