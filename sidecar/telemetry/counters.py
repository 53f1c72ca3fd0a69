"""Counters of a pipeline and a sink since the start of the process.

They are updated once for each chunk and batch, never for each line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import msgspec

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ATTEMPTS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0)
DOCUMENTS = (1.0, 10.0, 100.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0)


class Histogram(msgspec.Struct):
    """The number of values between each pair of adjacent bounds, and the sum of all values."""

    bounds: Sequence[float]
    counts: list[int] = msgspec.field(default_factory=list)
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Counters(msgspec.Struct):
    """The counters of one shipper. Its threads write them, and any thread may read them."""

    bytes_read: int = 0
    """Bytes of log that were read, counted again if they were read again."""

    lines_read: int = 0
    """Lines or events that were read, counted again if they were read again."""

    unparsed: int = 0
    """Lines or events that no parser accepted."""

    unparsed_share: float = 0.0
    """Share of the recent lines that no parser accepted; 0 if there are too few."""

    parse_timeouts: int = 0
    """Times that a configured pattern exceeded its time limit."""

    undecodable: int = 0
    """Lines that are not valid in their encoding."""

    duplicates: int = 0
    """Documents that the sink had already stored."""

    diverted: int = 0
    """Documents that were sent to the fallback target because of `max_targets`."""

    retries: int = 0
    """Requests after the first one for the same batch, and batches that failed as a whole."""

    dead_letters_dropped: int = 0
    """Dead letters that were dropped to make room for new ones."""

    transform_errors: dict[str, int] = msgspec.field(default_factory=dict)
    """Records on which a transform failed, by the name of the transform."""

    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    """Documents that became dead letters, by the kind of the reason; counted once they are durable."""

    faults: dict[str, int] = msgspec.field(default_factory=dict)
    """Attempts to deliver that failed as a whole, by the class of the error."""

    bytes: dict[str, int] = msgspec.field(default_factory=dict)
    """Settled bytes by outcome, such as `stored` or `lost:truncated`; counted once they are durable."""

    lines: dict[str, int] = msgspec.field(default_factory=dict)
    """Settled lines by outcome; counted once they are durable."""

    latency: Histogram = msgspec.field(default_factory=lambda: Histogram(SECONDS))
    """Seconds from the first request of a batch to its result."""

    attempts: Histogram = msgspec.field(default_factory=lambda: Histogram(ATTEMPTS))
    """For each settled batch, the number of requests after the first one."""

    documents: Histogram = msgspec.field(default_factory=lambda: Histogram(DOCUMENTS))
    """Documents in each settled batch."""

    def add_settled(self, bytes_: Mapping[str, int], lines: Mapping[str, int]) -> None:
        """Add bytes and lines that a durable checkpoint covers, by outcome."""
        for outcome, size in bytes_.items():
            add(self.bytes, outcome, size)
            add(self.lines, outcome, lines[outcome])


def add(counts: dict[str, int], name: str, count: int) -> None:
    """Add to the count of this name. The set of names is small; another thread may read at the same time."""
    counts[name] = counts.get(name, 0) + count
