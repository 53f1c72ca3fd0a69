"""Instructions of a line, as valgrind counts them: they are the same in each run, whatever else the machine does.

`python -m tests.benchmarks.instructions` runs the bare job and the product as whole processes over a log and over one
that is longer; the difference is what a line takes, the rest is the start. The kernel's work is not counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.comparison import Entry
from tests.benchmarks.competitors import SIDECAR, YARDSTICK, Competitor, Job
from tests.benchmarks.logs import generate
from tests.benchmarks.report import machine
from tests.benchmarks.workloads import WORKLOADS

HEADER = (
    "| log | competitor | instructions a line | ÷ bare job | start, millions |\n| --- | --- | ---: | ---: | ---: |"
)
_COMPETITORS = {"yardstick": YARDSTICK, "sidecar": SIDECAR}


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions in user mode: of each line, and of all that does not depend on the lines."""

    of_line: float
    of_start: float


def count(competitor: Competitor, workload: str, lines: int, folder: Path) -> Count:
    """What a line takes, by runs over a third of these lines and over all of them. Raises `Incomplete`."""
    log = generate(WORKLOADS[workload].log, 1_000, folder)
    Entry(workload, competitor, WORKLOADS[workload]).counted(log)  # its modules are compiled once
    fewer, more = (_run(competitor, workload, number, folder) for number in (lines // 3, lines))
    of_line = (more - fewer) / (lines - lines // 3)
    return Count(of_line, fewer - of_line * (lines // 3))


def _run(competitor: Competitor, workload: str, lines: int, folder: Path) -> int:
    log = generate(WORKLOADS[workload].log, lines, folder)
    with tempfile.TemporaryDirectory(dir=folder) as counts:
        # A child that was forked, such as the one that reads the settings, writes a file of its own.
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={counts}/%p"]

        def command(job: Job) -> list[str]:
            return [*valgrind, *competitor.command(job)]

        Entry(workload, dataclasses.replace(competitor, command=command), WORKLOADS[workload]).counted(log)
        files = [file.read_text(encoding="utf-8") for file in Path(counts).iterdir()]
    return sum(int(total) for file in files for total in re.findall(r"^totals: (\d+)$", file, re.MULTILINE))


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instructions", description=__doc__)
    parser.add_argument("--lines", type=int, default=90_000, help="lines of the longer log")
    workloads = [name for name in WORKLOADS if YARDSTICK.takes(WORKLOADS[name])]
    parser.add_argument("--only", choices=workloads, action="append", help="only this workload")
    options = parser.parse_args(arguments)
    print(f"{machine()}\n\n{HEADER}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for workload in options.only or workloads:
            counts = {
                name: count(competitor, workload, options.lines, Path(folder))
                for name, competitor in _COMPETITORS.items()
            }
            for name, found in counts.items():
                ratio = found.of_line / counts["yardstick"].of_line
                print(
                    f"| {workload} | {name} | {found.of_line:,.0f} | {ratio:.2f} | {found.of_start / 1e6:,.0f} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
