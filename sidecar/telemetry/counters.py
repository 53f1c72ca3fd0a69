"""What a shipper has done since it began, counted by chunk and by batch, never by line."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ATTEMPTS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0)
DOCUMENTS = (1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0)


@dataclass(slots=True)
class Histogram:
    """How many values were at most as large as each bound, and the sum of all."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class Counters:
    """Bytes and lines as they were read, also those that were read again; `unparsed` are lines that no parser took,
    `parse_timeouts` how often a pattern took longer on a line than it may.

    `transform_errors`: records that a transform could not do its work on, by its name.
    `duplicates`: documents that the destination had already. `diverted`: documents that went to the fallback, because
    there were too many targets. `retries`: requests beyond the first of a batch, and
    batches that nothing was taken of. `latency` is in seconds from the first request of a batch to its verdict,
    `attempts` how many requests beyond the first a batch took that was settled. `bytes` and `lines`: what became of
    them, durably, by what it is called in the balance. `refusals`: dead letters by the kind of the reason, durable as
    well. `dead_letters_dropped`: those that made place for others. `faults`: attempts that failed as a whole, by
    reason.
    """

    bytes_read: int = 0
    lines_read: int = 0
    unparsed: int = 0
    parse_timeouts: int = 0
    undecodable: int = 0
    duplicates: int = 0
    diverted: int = 0
    retries: int = 0
    dead_letters_dropped: int = 0
    transform_errors: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    attempts: Histogram = field(default_factory=lambda: Histogram(ATTEMPTS))
    documents: Histogram = field(default_factory=lambda: Histogram(DOCUMENTS))

    def became(self, bytes_: Mapping[str, int], lines: Mapping[str, int]) -> None:
        """So much was settled, durably."""
        for what, size in bytes_.items():
            add(self.bytes, what, size)
            add(self.lines, what, lines[what])


def add(counts: dict[str, int], name: str, count: int) -> None:
    """Count under this name, which belongs to a small set. A reader may look at the same time."""
    counts[name] = counts.get(name, 0) + count
