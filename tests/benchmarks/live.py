"""A sidecar that is running, beside a null Elasticsearch: what it costs, and when documents come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.comparison import Incomplete
from tests.benchmarks.servers import ROOT, Null, as_installed, null_server

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Live:
    """A running sidecar and where its documents go; `began` is the monotonic time of its start."""

    pid: int
    null: Null
    began: float

    def cpu_s(self) -> float:
        """CPU seconds that it has used since its start (proc_pid_stat(5): fields 14 and 15)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mib(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def peak_mib(self) -> float:
        """The most resident memory so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def count(self) -> int:
        """Documents that have come."""
        return int(self.null.stats()["documents"])

    def wait_for(self, documents: int, limit_s: float = 300) -> float:
        """The monotonic time when so many have come. Raises `Incomplete` after `limit_s`."""
        limit = time.monotonic() + limit_s
        while (came := self.count()) < documents:
            if time.monotonic() > limit:
                raise Incomplete(f"{documents:,} lines were written, {came:,} documents have come in {limit_s:.0f} s")
            time.sleep(0.001)
        return time.monotonic()


def sidecar(*arguments: str) -> list[str]:
    """The command line of the product."""
    return [sys.executable, "-m", "sidecar", *arguments]


@contextmanager
def running(
    paths: str,
    sink: Mapping[str, Any] | None = None,
    state: Path | None = None,
    *,
    parser: str = "plain",
    server: str = "elasticsearch",
    delay_s: float = 0.0,
) -> Iterator[Live]:
    """A sidecar over these paths with its defaults, but for `sink`; with what an earlier one has left in `state`.

    `server`: `elasticsearch` or `mongodb`. `delay_s`: seconds by which each of its answers is late.
    """
    with null_server(server, delay_s=delay_s) as null, tempfile.TemporaryDirectory() as folder:
        url = f"{server}://127.0.0.1:{null.port}/logs"
        sinks = {"database": {"type": server, "url": url, **(sink or {})}}
        pipelines = {"app": {"paths": [paths], "parser": parser}}
        settings = {"state_dir": str(state or f"{folder}/state"), "sinks": sinks, "pipelines": pipelines}
        file = Path(folder) / "sidecar.yaml"
        file.write_text(json.dumps(settings))  # JSON is YAML
        began = time.monotonic()
        command = sidecar("run", "--config", str(file))
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(command, cwd=ROOT, env=as_installed(), stdout=nowhere, stderr=nowhere) as process:
            try:
                yield Live(process.pid, null, began)
            finally:
                process.terminate()


def written(log: Path, a_second: float, lines: int, came: Callable[[int], None]) -> None:
    """Write so many lines a second, each flushed at once; `came` is called with the number written, in between."""
    began = time.monotonic()
    with log.open("ab", buffering=0) as out:
        for number in range(lines):
            while (left := began + number / a_second - time.monotonic()) > 0:
                came(number)
                time.sleep(min(left, 0.001))
            out.write(b"a line of the application, number %d\n" % number)
            came(number + 1)
