"""The figures as tables that read the same on a terminal and in Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.comparison import Run

HEADER = (
    "| log | competitor | CPU s | µs CPU a line | CPU ÷ bare job | CPU ÷ sidecar | wall s | lines/s | peak MiB"
    " | null server |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)
PARSERS_HEADER = (
    "| parser, preset, transform or way of sending | µs CPU a line | CPU ÷ plain |\n| --- | ---: | ---: |"
)

NOTES = (
    "CPU, wall time and peak memory are those of the whole process, imports included, from the operating system."
    " Medians; a ratio is the median of the ratios within each round (lowest and highest in brackets). The bare"
    " job (`tests/benchmarks/yardstick.py`) keeps none of the product's promises. Wall time of a peer ends when the"
    " last line has come; its CPU time includes its end. *null server*: CPU time of the null servers in their own"
    " processes, as a part of the wall time; near 100 % it would be what is measured. Before the comparison every"
    " competitor's documents are compared with the lines of a smaller log; in each timed run they are counted."
)
Results = Mapping[str, Sequence[Run]]


def rows(workload: str, results: Results, lines: int) -> list[str]:
    """A row for each competitor."""
    return [_row(workload, name, runs, results, lines) for name, runs in results.items()]


def _row(workload: str, name: str, runs: Sequence[Run], results: Results, lines: int) -> str:
    cpu = statistics.median(run.cpu_s for run in runs)
    wall = statistics.median(run.wall_s for run in runs)
    peak = statistics.median(run.peak_mib for run in runs)
    busy = statistics.median(run.server_cpu_s / run.wall_s for run in runs)
    bare, ours = (_told(runs, results.get(other, ())) for other in ("yardstick", "sidecar"))
    return (
        f"| {workload} | {name} | {cpu:.2f} | {cpu / lines * 1e6:.2f} | {bare} | {ours} | {wall:.2f} |"
        f" {lines / wall:,.0f} | {peak:.0f} | {busy:.0%} |"
    )


def ratios(runs: Sequence[Run], others: Sequence[Run]) -> list[float]:
    """CPU time of each run over that of the other competitor in the same round."""
    return [one.cpu_s / other.cpu_s for one, other in zip(runs, others, strict=True)]


def _told(runs: Sequence[Run], others: Sequence[Run]) -> str:
    if not others:
        return "–"
    if runs is others:
        return "1"
    found = ratios(runs, others)
    return f"{statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})"


def parser_rows(results: Results, lines: int) -> list[str]:
    """A row for each parser; the first one is what the others are a multiple of."""
    plain = next(iter(results.values()))
    costs = costs_a_line(results, lines)
    return [f"| {name} | {costs[name]:.2f} | {_told(runs, plain)} |" for name, runs in results.items()]


def costs_a_line(results: Results, lines: int) -> dict[str, float]:
    """Microseconds of CPU time a line of each, in the median."""
    return {name: statistics.median(run.cpu_s for run in runs) / lines * 1e6 for name, runs in results.items()}


def machine() -> str:
    """What the figures were taken on, and with."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("elasticsearch", "pymongo", "msgspec"))
    kernel = f"{platform.system()} {platform.release()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {_processor()}, load {load:.1f}; {kernel}; {python}; {libraries}"


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def about(lines: int, runs: int) -> str:
    """One line above the tables."""
    return f"{lines:,} lines, median of {runs} runs in turn. {machine()}."
