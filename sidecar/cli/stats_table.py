"""Statistics of a file as a table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from sidecar.cli.console import PrintableConsole
from sidecar.lib.terminal import escape_control_characters
from sidecar.tools.stats import FileStats


def print_stats(found: FileStats) -> None:
    """Print how many events each parser read, what was filtered or skipped, and samples that no parser could read."""
    console = PrintableConsole()
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_row("bytes", f"{found.bytes:,}", "")
    table.add_row("events", f"{found.events:,}", "")
    for name, count in found.parsers.items():
        cost = found.microseconds.get(name)
        table.add_row(
            f"  {name}", f"{count:,}", "" if cost is None else f"{cost:.1f} µs for an event that it looked at"
        )
    table.add_row("not parsed", f"{found.unparsed:,}", "")
    table.add_row("with a time", f"{found.timed:,}", "in the line")
    for what, counts in (("filtered", found.filtered), ("skipped", found.skipped)):
        for reason, count in counts.items():
            table.add_row(what, f"{count:,}", f"by {reason}")
    table.add_row("documents", f"{found.documents:,}", "")
    console.print(table)
    if len(found.microseconds) > 1:
        console.print(f"slowest parser: {found.slowest}")
    for sample in found.samples:
        error = (escape_control_characters(sample.error), "yellow")
        console.print(
            Text.assemble((f"byte {sample.offset}: ", "bold"), escape_control_characters(sample.text), "  ", error)
        )
