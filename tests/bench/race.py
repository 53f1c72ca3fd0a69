"""Contenders in turn over the same log, each against a fresh null Elasticsearch, and none without a proof."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.bench.contenders import Contender, Job
from tests.bench.logs import generate
from tests.bench.proof import findings

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
LIMIT_S = 900.0
"""How long one run may take before it is given up."""


class Incomplete(Exception):
    """What arrived is not what was to be sent, so no speed is told."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender: CPU and wall seconds and peak resident MiB; `server_cpu_s` is the null server's."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    server_cpu_s: float


@dataclass(frozen=True, slots=True)
class Null:
    """A null Elasticsearch that is running."""

    port: int

    def stats(self) -> dict[str, float]:
        """What came so far."""
        found: dict[str, float] = json.loads(self._get("stats"))
        return found

    def received(self) -> bytes:
        """All bulk bodies, if they are kept."""
        return self._get("received")

    def _get(self, what: str) -> bytes:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:  # never through a proxy
            connection.request("GET", f"/_null/{what}")
            return connection.getresponse().read()


@contextmanager
def null_elasticsearch(*, verify: bool = False) -> Iterator[Null]:
    """A null Elasticsearch in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.null_elasticsearch", *(["--verify"] if verify else [])]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    with server:
        assert server.stdout is not None
        try:
            yield Null(int(server.stdout.readline()))
        finally:
            server.kill()


def run(name: str, contender: Contender, kind: str, log: Path, null: Null, limit_s: float = LIMIT_S) -> Run:
    """One run of one contender. Raises `Incomplete` if it fails or takes longer than `limit_s`."""
    with tempfile.TemporaryDirectory() as state:
        command = contender(Job(kind, log, null.port, Path(state)))
        told, errors = _timed(name, command, limit_s)
    if told["exit"]:
        said = errors.strip()[-2000:]
        raise Incomplete(f"{name} ended with exit code {told['exit']:.0f} on {kind}:\n{said}")
    return Run(told["cpu_s"], told["wall_s"], told["peak_mib"], null.stats()["cpu_s"])


def _timed(name: str, command: list[str], limit_s: float) -> tuple[dict[str, float], str]:
    watched = [sys.executable, "-I", "-S", str(_HERE / "stopwatch.py"), *command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # What is compiled once is kept, as it is where the product is installed.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    given = {"env": environ, "cwd": _ROOT, "start_new_session": True}
    process = subprocess.Popen(watched, **pipes, **given)  # type: ignore[call-overload]
    try:
        out, errors = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise Incomplete(f"{name} had not ended after {limit_s:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return json.loads(out), errors


def verify(name: str, contender: Contender, kind: str, log: Path) -> None:
    """A run outside the race in which every document is kept and looked at. Raises `Incomplete`."""
    with null_elasticsearch(verify=True) as null:
        run(name, contender, kind, log, null)
        if wrong := findings(log, kind, null.received()):
            raise Incomplete(f"{name} on {kind}: {'; '.join(wrong)}")


def race(
    kind: str, contenders: Mapping[str, Contender], lines: int, runs: int, verified_lines: int, folder: Path
) -> dict[str, list[Run]]:
    """The runs of each contender, taken in turn (A B A B …) after each has been verified. Raises `Incomplete`."""
    log, sample = generate(kind, lines, folder), generate(kind, min(lines, verified_lines), folder)
    for name, contender in contenders.items():
        verify(name, contender, kind, sample)
    results: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            results[name].append(_counted(name, contender, kind, log, lines))
    return results


def _counted(name: str, contender: Contender, kind: str, log: Path, lines: int) -> Run:
    with null_elasticsearch() as null:
        result = run(name, contender, kind, log, null)
        documents = int(null.stats()["documents"])
    if documents != lines:
        gap = f"{lines - documents:,} missing" if documents < lines else f"{documents - lines:,} too many"
        raise Incomplete(f"{name} on {kind}: {lines:,} lines, {documents:,} documents, {gap}")
    return result
