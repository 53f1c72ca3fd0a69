"""The programs that take part in the comparison, and the command that starts each of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.workloads import WORKLOADS, Workload

_HERE = Path(__file__).parent
_BARE = (WORKLOADS["json"], WORKLOADS["nginx"], WORKLOADS["plain"])


@dataclass(frozen=True, slots=True)
class Job:
    """One run: ship `log` to the null servers on `ports`, by name; `state` is an empty directory."""

    workload: Workload
    log: Path
    ports: Mapping[str, int]
    state: Path


@dataclass(frozen=True, slots=True)
class Competitor:
    """Somebody who does the job; `command` gives the command line."""

    command: Callable[[Job], list[str]]
    takes: Callable[[Workload], bool] = lambda _: True
    """Whether this competitor can do it at all."""
    ends: bool = True
    """Whether it ends by itself; others are ended by SIGTERM when all has come."""
    tells_offsets: bool = True
    """Whether its documents are those of the product, with the offset of each line."""
    servers: tuple[str, ...] = ()
    """Null servers that it needs instead of those of the workload."""

    def needs(self, workload: Workload) -> tuple[str, ...]:
        """The null servers of a run."""
        return self.servers or tuple(workload.sinks)


def _yardstick(job: Job) -> list[str]:
    return [
        sys.executable,
        str(_HERE / "yardstick.py"),
        job.workload.log,
        str(job.log),
        str(job.ports["elasticsearch"]),
    ]


def configuration(job: Job) -> dict[str, object]:
    """The product's settings for a job: its defaults, unless the workload is about another one."""
    where = {
        "elasticsearch": "elasticsearch://127.0.0.1:{}/logs",
        "mongodb": "mongodb://127.0.0.1:{}/logs?collection=logs",
    }
    sinks = {
        name: {"type": name, "url": where[name].format(job.ports[name]), **settings}
        for name, settings in job.workload.sinks.items()
    }
    pipeline = {"paths": [str(job.log)], **job.workload.pipeline}
    return {"state_dir": str(job.state / "state"), "sinks": sinks, "pipelines": {"app": pipeline}}


def _sidecar(job: Job) -> list[str]:
    file = job.state / "sidecar.yaml"
    file.write_text(json.dumps(configuration(job)))  # JSON is YAML
    return [sys.executable, "-m", "sidecar", "run", "--config", str(file), "--once"]


YARDSTICK = Competitor(_yardstick, takes=lambda workload: workload in _BARE)
"""The bare job."""

SIDECAR = Competitor(_sidecar)
"""The product."""
