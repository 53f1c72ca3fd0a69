"""Runs the product and the bare job in turn over the same logs, into a null Elasticsearch, and prints a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.logs import KINDS, generate

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender: CPU and wall seconds and peak resident MiB of the whole process."""

    cpu_s: float
    wall_s: float
    peak_mib: float


class Incomplete(Exception):
    """What arrived is not what was sent, so no speed is printed."""


@contextmanager
def null_elasticsearch(*, verify: bool) -> Iterator[int]:
    """The port of a null Elasticsearch in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.null_elasticsearch", *(["--verify"] if verify else [])]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def received(port: int) -> dict[str, int]:
    """What the null Elasticsearch got since it was last asked."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_null") as answer:
        found: dict[str, int] = json.load(answer)
        return found


def command(contender: str, kind: str, log: Path, port: int, state: Path) -> list[str]:
    """How a user would start it."""
    if contender == "yardstick":
        return [sys.executable, str(_HERE / "yardstick.py"), kind, str(log), str(port)]
    to = f"elasticsearch://127.0.0.1:{port}/logs"
    options = ["--parser", kind, "--to", to, "--once", "--state-dir", str(state), "--log-level", "warning"]
    return [sys.executable, "-m", "sidecar", "run", str(log), *options]


def run(contender: str, kind: str, log: Path, port: int) -> Run:
    """One run. Raises `Incomplete` if it failed."""
    with tempfile.TemporaryDirectory() as state:
        began = time.monotonic()
        process = subprocess.Popen(command(contender, kind, log, port, Path(state)), stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Incomplete(f"{contender} ended with {process.returncode} on {kind}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def verify(contender: str, kind: str, folder: Path, lines: int = 20_000) -> None:
    """A smaller run in which every id is kept. Raises `Incomplete` unless each line came, and came once."""
    with null_elasticsearch(verify=True) as port:
        run(contender, kind, generate(kind, lines, folder), port)
        check(received(port), lines, contender, kind, ids=lines)


def check(got: dict[str, int], lines: int, contender: str, kind: str, ids: int | None = None) -> None:
    """Raises `Incomplete` unless as many documents (and distinct ids) came as there are lines."""
    if got["documents"] != lines or (ids is not None and got["ids"] != ids):
        raise Incomplete(f"{contender}, {kind}: {lines} lines, {got['documents']} documents, {got['ids']} ids kept")


def measure(kind: str, contenders: Sequence[str], lines: int, runs: int, folder: Path) -> dict[str, list[Run]]:
    """Runs of each contender, in turn."""
    log = generate(kind, lines, folder)
    found: dict[str, list[Run]] = {name: [] for name in contenders}
    for contender in contenders:
        verify(contender, kind, folder)
    with null_elasticsearch(verify=False) as port:
        for _ in range(runs):
            for contender in contenders:
                found[contender].append(run(contender, kind, log, port))
                check(received(port), lines, contender, kind)
    return found


def table(kind: str, results: dict[str, list[Run]], lines: int) -> list[str]:
    """Rows of a Markdown table: medians, and the ratio of CPU time to the bare job in the same run."""
    rows = []
    for contender, runs in results.items():
        cpu = statistics.median(run.cpu_s for run in runs)
        wall = statistics.median(run.wall_s for run in runs)
        peak = max(run.peak_mib for run in runs)
        pairs = zip(runs, results.get("yardstick", runs), strict=True)
        ratio = statistics.median(one.cpu_s / other.cpu_s for one, other in pairs)
        rows.append(
            f"| {kind} | {contender} | {cpu:.2f} | {cpu / lines * 1e6:.2f} | {ratio:.2f} | {wall:.2f} |"
            f" {lines / wall:,.0f} | {peak:.0f} |"
        )
    return rows


def machine() -> str:
    """What the figures were taken on."""
    about = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in about if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, CPython {platform.python_version()}"


def main() -> int:
    """Print the table; exit code 1 and no speed if something is missing."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--contenders", default="yardstick,sidecar")
    options = parser.parse_args()
    folder = Path(tempfile.gettempdir()) / f"log-sidecar-bench-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    print(f"{machine()}; {options.lines:,} lines, median of {options.runs} runs in turn\n")
    print("| log | contender | CPU s | µs a line | CPU ratio | wall s | lines/s | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    try:
        for kind in options.only or KINDS:
            results = measure(kind, options.contenders.split(","), options.lines, options.runs, folder)
            print("\n".join(table(kind, results, options.lines)), flush=True)
    except Incomplete as missing:
        print(f"\nno speed, because documents are missing: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
