"""Where the time of a line goes: `sidecar bench` over the log of each workload, a column for each stage."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.competitors import Job, configuration
from tests.benchmarks.logs import generate
from tests.benchmarks.report import machine
from tests.benchmarks.servers import ROOT, null_server
from tests.benchmarks.workloads import PARSERS, Workload

STAGES = ("read", "decode", "parse", "steps", "transforms", "render", "deliver")
"""As `sidecar bench` calls them; the steps that transforms and limits are, together."""

HEADER = f"| µs CPU a line | {' | '.join(STAGES)} | all |\n| --- |{' ---: |' * (len(STAGES) + 1)}"


def measured(workload: Workload, log: Path, seconds: float) -> Mapping[str, float]:
    """Microseconds of CPU time a line by stage. What MongoDB takes is made and sent, everything else only made."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "sidecar.yaml"
        job = Job(workload, log, dict.fromkeys(workload.sinks, 9), Path(folder))
        settings.write_text(json.dumps(configuration(job)))
        asked = ["--config", str(settings), "--file", str(log), "--seconds", str(seconds), "--json"]
        told = _told(asked) if list(workload.sinks) != ["mongodb"] else _delivered(workload, log, seconds)
    costs: dict[str, float] = dict.fromkeys(STAGES, 0.0)
    for name, cost in told["microseconds_of_cpu_per_line"].items():
        costs[name if name in costs else "steps"] += cost
    return costs


def _delivered(workload: Workload, log: Path, seconds: float) -> Mapping[str, Mapping[str, float]]:
    with null_server("mongodb") as null:
        to = f"mongodb://127.0.0.1:{null.port}/logs?collection=logs"
        parser = str(workload.pipeline["parser"])
        return _told(["--file", str(log), "--parser", parser, "--to", to, "--seconds", str(seconds), "--json"])


def _told(arguments: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
    command = [sys.executable, "-m", "sidecar", "bench", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: Mapping[str, Mapping[str, float]] = json.loads(done.stdout)
    return found


def row(name: str, costs: Mapping[str, float]) -> str:
    """One line of the table."""
    shown = " | ".join(f"{costs[stage]:.2f}" if costs[stage] else "–" for stage in STAGES)
    return f"| {name} | {shown} | {sum(costs.values()):.2f} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stages", description=__doc__)
    parser.add_argument("--only", choices=PARSERS, action="append", metavar="NAME", help="only this workload")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each of them")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of each log")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here, too")
    options = parser.parse_args(arguments)
    print(f"{machine()}\n\n{HEADER}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or PARSERS:
            if len(PARSERS[name].sinks) == 1:
                log = generate(PARSERS[name].log, options.lines, Path(folder))
                rows.append(row(name, measured(PARSERS[name], log, options.seconds)))
                print(rows[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join([f"{machine()}", "", HEADER, *rows, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
