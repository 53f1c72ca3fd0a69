"""Prints the statistics of a file as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from sidecar.cli.console import PrintableConsole
from sidecar.lib.terminal import escape_control_characters
from sidecar.tools.stats import FileStats


def print_stats(stats: FileStats) -> None:
    """Print the number of events by parser and outcome, and samples of events that no parser could parse."""
    console = PrintableConsole()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_row("bytes", f"{stats.bytes:,}", "")
    table.add_row("events", f"{stats.events:,}", "")
    for name, count in stats.parsers.items():
        cost = stats.microseconds.get(name)
        table.add_row(
            f"  {name}", f"{count:,}", "" if cost is None else f"{cost:.1f} µs of CPU per event that it tried"
        )
    table.add_row("not parsed", f"{stats.unparsed:,}", "")
    table.add_row("with a timestamp", f"{stats.timed:,}", "")
    for what, counts in (("filtered", stats.filtered), ("skipped", stats.skipped)):
        for reason, count in counts.items():
            table.add_row(what, f"{count:,}", f"by {reason}")
    table.add_row("documents", f"{stats.documents:,}", "")
    console.print(table)
    if len(stats.microseconds) > 1:
        console.print(f"slowest parser: {stats.slowest}")
    for sample in stats.samples:
        error = (escape_control_characters(sample.error), "yellow")
        console.print(
            Text.assemble((f"byte {sample.offset}: ", "bold"), escape_control_characters(sample.text), "  ", error)
        )
