"""Who takes part, and how a user would start each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Job:
    """One run: ship `log`, which is of `kind`, to the Elasticsearch on `port`; `state` is an empty directory."""

    kind: str
    log: Path
    port: int
    state: Path


Contender = Callable[[Job], list[str]]
"""The command line that does the job and ends."""


def yardstick(job: Job) -> list[str]:
    """The bare job."""
    return [sys.executable, str(_HERE / "yardstick.py"), job.kind, str(job.log), str(job.port)]


def sidecar(job: Job) -> list[str]:
    """The product, with its defaults."""
    to = f"elasticsearch://127.0.0.1:{job.port}/logs"
    options = ["--parser", job.kind, "--to", to, "--once", "--state-dir", str(job.state)]
    return [sys.executable, "-m", "sidecar", "run", str(job.log), *options]


CONTENDERS: Mapping[str, Contender] = {"yardstick": yardstick, "sidecar": sidecar}
