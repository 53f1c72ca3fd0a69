"""What a process takes, sampled over its life, and whether that grows."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_STATUS = re.compile(r"^(VmRSS|Threads):\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory in MiB, open descriptors, threads."""

    memory: float
    descriptors: int
    threads: int


def sample(pid: int) -> Sample:
    """What the process takes now."""
    status = dict(_STATUS.findall(Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")))
    return Sample(int(status["VmRSS"]) / 1024, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]))


@dataclass(frozen=True, slots=True)
class Course:
    """One figure over time: the medians of three quarters, the largest value, and how much growth is allowed."""

    name: str
    first: float
    second: float
    last: float
    largest: float
    margin: float

    @property
    def has_grown(self) -> bool:
        """Whether the last quarter is beyond the second by more than the margin."""
        return self.last > self.second + self.margin

    @property
    def row(self) -> str:
        """A row of the table."""
        verdict = "has grown" if self.has_grown else "steady"
        figures = f"{self.first:8.1f} {self.second:8.1f} {self.last:8.1f} {self.largest:8.1f} {self.margin:8.1f}"
        return f"{self.name:12} {figures}  {verdict}"


HEADER = f"{'median of':12} {'first ¼':>8} {'second ¼':>8} {'last ¼':>8} {'largest':>8} {'margin':>8}"


def courses(samples: Sequence[Sample]) -> list[Course]:
    """From the second to the last quarter, memory may grow by a tenth and 4 MiB, descriptors by 8, threads by 4."""
    memory = [each.memory for each in samples]
    return [
        _course("memory MiB", memory, 4 + median(_quarter(memory, 1)) / 10),
        _course("descriptors", [each.descriptors for each in samples], 8),
        _course("threads", [each.threads for each in samples], 4),
    ]


def _course(name: str, values: Sequence[float], margin: float) -> Course:
    first, second, last = (median(_quarter(values, number)) for number in (0, 1, 3))
    return Course(name, first, second, last, max(values), margin)


def _quarter(values: Sequence[float], number: int) -> Sequence[float]:
    return values[len(values) * number // 4 : len(values) * (number + 1) // 4]
