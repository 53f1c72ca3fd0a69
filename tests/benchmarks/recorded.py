"""The ratios of a comparison, kept, and compared with those of a later one: a guard against getting slower.

Ratios within a run do not depend on the machine as times do. A ratio is only compared with one that was taken with
the same number of lines, since the start weighs more in a short run.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.report import Results, ratios

FILE = Path(__file__).parents[2] / "docs" / "bench" / "recorded.json"
TOLERANCE = 0.10


@dataclass(frozen=True, slots=True)
class Recorded:
    """Ratios by name, of a comparison over so many lines."""

    lines: int
    ratios: Mapping[str, float]

    def write(self, file: Path) -> None:
        """Keep them."""
        file.parent.mkdir(parents=True, exist_ok=True)
        content = {"lines": self.lines, "ratios": {name: round(value, 3) for name, value in self.ratios.items()}}
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Recorded:
        """What was kept. Raises `OSError` if nothing was."""
        found = json.loads(file.read_text(encoding="utf-8"))
        return cls(found["lines"], found["ratios"])


def of_comparison(workload: str, results: Results) -> dict[str, float]:
    """The ratios that a workload of the comparison gives: to the bare job, and of the peers to the product."""
    pairs = [("sidecar", "yardstick")] + [
        (name, "sidecar") for name in results if name not in ("sidecar", "yardstick")
    ]
    return {
        f"{workload}: {one} ÷ {other}": statistics.median(ratios(results[one], results[other]))
        for one, other in pairs
        if one in results and other in results
    }


def of_parsers(results: Results) -> dict[str, float]:
    """The multiples of the first one."""
    first, plain = next(iter(results.items()))
    return {f"{name} ÷ {first}": statistics.median(ratios(runs, plain)) for name, runs in results.items()}


def changes(before: Recorded, after: Recorded) -> list[str]:
    """What changed by more than `TOLERANCE`, a sentence each, the biggest change first."""
    both = [name for name in after.ratios if name in before.ratios]
    moved = {name: after.ratios[name] / before.ratios[name] - 1 for name in both}
    told = sorted((name for name in both if abs(moved[name]) > TOLERANCE), key=lambda name: -abs(moved[name]))
    return [f"{name}: {before.ratios[name]:.2f} → {after.ratios[name]:.2f} ({moved[name]:+.0%})" for name in told]


def describe_changes(before: Recorded, after: Recorded) -> str:
    """All that is to be said about two comparisons."""
    if before.lines != after.lines:
        return f"not compared: recorded with {before.lines:,} lines, this run has {after.lines:,}"
    compared = sum(1 for name in after.ratios if name in before.ratios)
    told = changes(before, after)
    return "\n".join([f"{len(told)} of {compared} ratios changed by more than {TOLERANCE:.0%}", *told])
