"""The figures as a table that reads the same on a terminal and in Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.bench.race import Run

HEADER = (
    "| log | contender | CPU s | µs CPU a line | CPU ÷ bare job | wall s | lines/s | peak MiB | null server |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)

_NOTES = (
    "CPU, wall time and peak memory are those of the whole process, imports included, from the operating system."
    " Medians; the ratio is the median of the ratios within each round (lowest and highest in brackets). The bare job"
    " (`tests/bench/yardstick.py`) keeps none of the product's promises. *null server*: CPU time of the null"
    " Elasticsearch in its own process, as a part of the wall time; near 100 % it would be what is measured. Before"
    " the race every contender's documents are compared with the lines of a smaller log; in each timed run they are"
    " counted."
)


def rows(kind: str, results: Mapping[str, Sequence[Run]], lines: int) -> list[str]:
    """A row for each contender."""
    bare = results.get("yardstick", ())
    return [_row(kind, name, runs, bare, lines) for name, runs in results.items()]


def _row(kind: str, name: str, runs: Sequence[Run], bare: Sequence[Run], lines: int) -> str:
    cpu = statistics.median(run.cpu_s for run in runs)
    wall = statistics.median(run.wall_s for run in runs)
    peak = statistics.median(run.peak_mib for run in runs)
    busy = statistics.median(run.server_cpu_s / run.wall_s for run in runs)
    return (
        f"| {kind} | {name} | {cpu:.2f} | {cpu / lines * 1e6:.2f} | {_ratio(runs, bare)} | {wall:.2f} |"
        f" {lines / wall:,.0f} | {peak:.0f} | {busy:.0%} |"
    )


def _ratio(runs: Sequence[Run], bare: Sequence[Run]) -> str:
    if not bare:
        return "–"
    if runs is bare:
        return "1"
    ratios = [one.cpu_s / other.cpu_s for one, other in zip(runs, bare, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def machine() -> str:
    """What the figures were taken on, and with."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("elasticsearch", "msgspec"))
    kernel = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores, {_processor()}; {kernel}; {python}; {libraries}"


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def about(lines: int, runs: int) -> str:
    """One line above the table."""
    return f"{lines:,} lines, median of {runs} runs in turn. {machine()}."


def section(table: Sequence[str], lines: int, runs: int, command: str) -> str:
    """A section for `docs/benchmarks.md`."""
    body = "\n".join([HEADER, *table])
    return f"## Beside the bare job\n\n{about(lines, runs)} Repeat it with `{command}`.\n\n{body}\n\n{_NOTES}\n"
