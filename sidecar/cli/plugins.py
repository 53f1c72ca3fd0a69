"""`sidecar plugins`: lists the installed sinks, parsers and transforms."""

from __future__ import annotations

import argparse

from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.sinks import registry
from sidecar.transform import registry as transforms
from sidecar.transform.registry import KINDS as TRANSFORMS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "name", "from", "description"):
        table.add_column(heading, no_wrap=heading != "description")
    for entry in registry.catalogue():
        table.add_row("sink", *map(make_text, (entry.name, entry.origin, entry.summary)))
    for name, summary in PARSERS.items():
        table.add_row("parser", name, "built in", summary)
    for name, summary in TRANSFORMS.items():
        table.add_row("transform", name, "built in", summary)
    for own in transforms.catalogue():
        table.add_row("transform", *map(make_text, (own.name, own.origin, own.summary)))
    put(table)
    return 0
