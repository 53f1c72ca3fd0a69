"""`sidecar plugins`: lists the installed sinks, parsers and transforms."""

from __future__ import annotations

import argparse

from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.parse import plugin as parsers
from sidecar.parse.settings import describe_built_in
from sidecar.sinks import registry as sinks
from sidecar.transform import registry as transforms
from sidecar.transform.registry import KINDS as TRANSFORMS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table of the sinks, parsers and transforms."""
    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "name", "from", "description"):
        table.add_column(heading, no_wrap=heading != "description")
    for info in sinks.catalogue():
        table.add_row("sink", *map(make_text, info))
    for name, summary in describe_built_in().items():
        table.add_row("parser", name, "built in", summary)
    for info in parsers.PLUGINS.catalogue():
        table.add_row("parser", *map(make_text, info))
    for name, summary in TRANSFORMS.items():
        table.add_row("transform", name, "built in", summary)
    for info in transforms.PLUGINS.catalogue():
        table.add_row("transform", *map(make_text, info))
    put(table)
    return 0
