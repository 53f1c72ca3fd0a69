"""Run competitors in turn over the same log, each with new null servers, after their documents were verified."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.competitors import Competitor, Job
from tests.benchmarks.logs import generate
from tests.benchmarks.servers import ROOT, Null, as_installed, null_servers
from tests.benchmarks.verify import expected, findings, peer_findings
from tests.benchmarks.workloads import Workload

_STOPWATCH = Path(__file__).parent / "stopwatch.py"
LIMIT_S = 900.0
"""How long one run may take before it is given up."""
_LOOK_S = 0.05


class Incomplete(Exception):
    """What arrived is not what was to be sent, so no speed is told."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one competitor: CPU and wall seconds and peak resident MiB; `server_cpu_s` is the null servers'."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    server_cpu_s: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A competitor at a workload, by the name that is printed."""

    name: str
    competitor: Competitor
    workload: Workload

    def run(self, log: Path, nulls: Mapping[str, Null], limit_s: float = LIMIT_S) -> Run:
        """One run. Raises `Incomplete` if it fails or takes longer than `limit_s`."""
        ports = {what: null.port for what, null in nulls.items()}
        wanted = expected(log, self.workload.log)
        is_done = (lambda: False) if self.competitor.ends else (lambda: self._count(nulls) >= wanted)
        with tempfile.TemporaryDirectory() as state:
            command = self.competitor.command(Job(self.workload, log, ports, Path(state)))
            told, errors = self._timed(command, is_done, limit_s)
        if told["exit"]:
            raise Incomplete(f"{self.name} ended with exit code {told['exit']:.0f}:\n{errors.strip()[-2000:]}")
        servers = sum(null.stats()["cpu_s"] for null in nulls.values())
        return Run(told["cpu_s"], told["wall_s"], told["peak_mib"], servers)

    @staticmethod
    def _count(nulls: Mapping[str, Null]) -> int:
        return int(min(null.stats()["documents"] for null in nulls.values()))

    def _timed(self, command: list[str], is_done: Callable[[], bool], limit_s: float) -> tuple[dict[str, float], str]:
        """What it cost, and what it said; a run that does not end by itself is over when `is_done` says so."""
        watched = [sys.executable, "-I", "-S", str(_STOPWATCH), *command]
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                watched, stdout=out, stderr=errors, env=as_installed(), cwd=ROOT, start_new_session=True
            )
            try:
                ended_s = self._waited(process, is_done, limit_s)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            out.seek(0)
            errors.seek(0)
            told: dict[str, float] = json.loads(out.read())
            return {**told, "wall_s": ended_s or told["wall_s"]}, errors.read()

    def _waited(self, process: subprocess.Popen[bytes], is_done: Callable[[], bool], limit_s: float) -> float | None:
        """Wait for the end; the seconds until all had come, if that is not the end."""
        began = time.monotonic()
        if self.competitor.ends:
            self._ended(process, limit_s, limit_s)
            return None
        while not is_done():
            if time.monotonic() - began > limit_s:
                raise Incomplete(f"{self.name} had not delivered everything after {limit_s:.0f} s")
            try:
                process.wait(_LOOK_S)
                return None
            except subprocess.TimeoutExpired:
                continue
        taken = time.monotonic() - began
        process.terminate()
        self._ended(process, 60, limit_s)
        return taken

    def _ended(self, process: subprocess.Popen[bytes], wait_s: float, limit_s: float) -> None:
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            raise Incomplete(f"{self.name} had not ended after {min(wait_s, limit_s):.0f} s") from None

    def verify(self, log: Path) -> None:
        """A run outside the comparison in which every document is kept and looked at. Raises `Incomplete`."""
        kind = self.workload.log
        with null_servers(self.competitor.needs(self.workload), keep=True) as nulls:
            self.run(log, nulls)
            for what, null in nulls.items():
                pairs = null.documents()
                wrong = (
                    findings(log, kind, self.workload.says or kind, pairs)
                    if self.competitor.tells_offsets
                    else peer_findings(log, kind, pairs)
                )
                if wrong:
                    raise Incomplete(f"{self.name} into {what}: {'; '.join(wrong)}")

    def counted(self, log: Path) -> Run:
        """A timed run in which the documents are counted. Raises `Incomplete`."""
        with null_servers(self.competitor.needs(self.workload)) as nulls:
            result = self.run(log, nulls)
            counts = {what: int(null.stats()["documents"]) for what, null in nulls.items()}
        wanted = expected(log, self.workload.log)
        for what, came in counts.items():
            if came != wanted:
                gap = f"{wanted - came:,} missing" if came < wanted else f"{came - wanted:,} too many"
                raise Incomplete(f"{self.name} into {what}: {wanted:,} lines or events, {came:,} documents, {gap}")
        return result


def compare(entries: list[Entry], lines: int, runs: int, verified_lines: int, folder: Path) -> dict[str, list[Run]]:
    """The runs of each entry, taken in turn (A B A B …) after each has been verified. Raises `Incomplete`."""
    for entry in entries:
        entry.verify(generate(entry.workload.log, min(lines, verified_lines), folder))
    results: dict[str, list[Run]] = {entry.name: [] for entry in entries}
    for _ in range(runs):
        for entry in entries:
            results[entry.name].append(entry.counted(generate(entry.workload.log, lines, folder)))
    return results
