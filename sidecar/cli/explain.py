"""`sidecar explain`: what would become of sample lines, without a network, a state or a sink."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sidecar.cli.options import add_pipeline_options, settings_of
from sidecar.errors import ConfigurationError
from sidecar.preview import Preview, preview

_LIMIT = 16 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="sample lines; - is standard input")
    add_pipeline_options(parser)
    parser.add_argument(
        "--pipeline", metavar="NAME", help="which pipeline of the configuration; the first unless told"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print every line with its document, its id and where it would go."""
    alone = not options.config and not os.environ.get("SIDECAR_CONFIG")
    settings = settings_of(options, [options.file] if alone else [], options.to or (["stdout:"] if alone else []))
    name = options.pipeline or next(iter(settings.pipelines))
    if name not in settings.pipelines:
        raise ConfigurationError(f'there is no pipeline "{name}"', try_=f"known are {', '.join(settings.pipelines)}")
    for item in preview(settings, name, str(Path(options.file).absolute()), _sample(options.file)):
        if options.json:
            print(json.dumps(asdict(item), ensure_ascii=False))
        else:
            _show(item)
    return 0


def _sample(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(_LIMIT)
        with Path(file).open("rb") as lines:
            return lines.read(_LIMIT)
    except OSError as error:
        raise ConfigurationError(f"cannot be read ({error.strerror})", at=file, try_="name a file or -") from error


def _show(item: Preview) -> None:
    console = Console()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(f"bytes {item.offset}-{item.end}", Text(item.line.encode("unicode_escape").decode("ascii")))
    if item.outcome != "document":
        table.add_row(item.outcome, item.reason)
    else:
        table.add_row("document", Text(item.document))
        table.add_row("_id", item.id)
        table.add_row("event time", item.event_time or "none of its own: the time at which it is read")
        for name, value in (("not parsed", item.error), ("noted", item.reason)):
            if value:
                table.add_row(name, Text(value))
        table.add_row("goes to", Text(", ".join(dict.fromkeys((item.target or {}).values()))))
    console.print(table)
    console.print()
