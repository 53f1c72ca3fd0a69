"""`sidecar plugins`: the sinks, parsers and enrichers that are installed."""

from __future__ import annotations

import argparse

from rich.table import Table

from sidecar.cli.console import make_text, put
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.sinks import registry
from sidecar.transform import registry as enrichers
from sidecar.transform.registry import KINDS as ENRICHERS


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("kind", "name", "from", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for entry in registry.catalogue():
        table.add_row("sink", *map(make_text, (entry.name, entry.origin, entry.summary)))
    for name, summary in PARSERS.items():
        table.add_row("parser", name, "built in", summary)
    for name, summary in ENRICHERS.items():
        table.add_row("enricher", name, "built in", summary)
    for own in enrichers.catalogue():
        table.add_row("enricher", *map(make_text, (own.name, own.origin, own.summary)))
    put(table)
    return 0
