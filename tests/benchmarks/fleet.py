"""What many Pods ask of one destination: requests in normal operation, during an outage, and after it.

`python -m tests.benchmarks.fleet --pods 5000` computes it with the back-off and the limits of the product and prints
tables for docs/design/fleet.md. It measures nothing: how fast a destination answers is not part of it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.deliver.backoff import Backoff
from sidecar.errors import Retryable
from sidecar.sinks.contract import MAX_AUTO_WORKERS
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

_OBSERVED_S = 3000
_UNREACHABLE = Retryable("cannot be reached")
_BATCH_RECORDS = int(ElasticsearchSettings.model_fields["batch_records"].default)
_BATCH_BYTES = int(ElasticsearchSettings.model_fields["batch_bytes"].default)


@dataclass(frozen=True)
class Fleet:
    """Pods that are alike. Their lines arrive at random, independently of each other."""

    pods: int
    lines_per_s: float
    line_bytes: int = 200
    linger_s: float = 0.1


def requests_per_s(fleet: Fleet, chance: random.Random) -> float:
    """Return how many requests per second all Pods send in normal operation.

    A line that arrives at least `linger` after the last request is sent at once. Others wait for further lines.
    """
    now, sent_at, requests = 0.0, float("-inf"), 0
    while now < _OBSERVED_S:
        now = max(now, sent_at) + chance.expovariate(fleet.lines_per_s)
        sent_at = now if now - sent_at >= fleet.linger_s else now + fleet.linger_s
        requests += 1
    return fleet.pods * requests / now


def attempts(pods: int, outage_s: float, chance: random.Random) -> Iterator[tuple[float, bool]]:
    """Yield the time of each attempt and whether it succeeds, up to the first success of each Pod."""
    for _ in range(pods):
        backoff, now = Backoff(chance=chance.random), chance.random()
        while now < outage_s:
            yield now, False
            now += backoff.after(_UNREACHABLE)
        yield now, True


@dataclass(frozen=True)
class Outage:
    """What the destination sees of an outage."""

    per_s_during: float
    """Attempts per second in its last minute."""

    peak_per_s_after: int
    """First successful requests in the busiest second."""

    all_back_after_s: float
    """Seconds until every Pod has sent a request."""

    backlog_requests: int
    """Full requests in which all Pods deliver what they wrote during the outage."""


def simulate_outage(fleet: Fleet, outage_s: float, chance: random.Random) -> Outage:
    """Return what the destination sees of an outage of this length."""
    tries = list(attempts(fleet.pods, outage_s, chance))
    last_minute = sum(outage_s - 60 <= at < outage_s for at, _ in tries)
    first = [at - outage_s for at, is_success in tries if is_success]
    lines = outage_s * fleet.lines_per_s
    full = min(_BATCH_RECORDS, _BATCH_BYTES // fleet.line_bytes)
    return Outage(
        last_minute / 60, max(Counter(map(int, first)).values()), max(first), fleet.pods * -int(-lines // full)
    )  # fmt: skip


def _print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(map(str, cells))} |")
    print()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=5000)
    pods, chance = parser.parse_args(arguments).pods, random.Random(7)
    rows = []
    for rate in (0.1, 1.0, 10.0, 100.0):
        sent = {linger: requests_per_s(Fleet(pods, rate, linger_s=linger), chance) for linger in (0.1, 1.0, 5.0)}
        rows.append([f"{rate:g}", *(f"{each:,.0f} ({max(1, pods * rate / each):,.1f})" for each in sent.values())])
    _print_table(["lines/s of a Pod", *(f"linger {each}" for each in ("0.1s", "1s", "5s"))], rows)
    outages = []
    for minutes in (1, 10, 60):
        seen = simulate_outage(Fleet(pods, 10.0), 60.0 * minutes, chance)
        outages.append([f"{minutes} min", f"{seen.per_s_during:,.0f}", f"{seen.peak_per_s_after:,}",
                        f"{seen.all_back_after_s:.0f} s", f"{seen.backlog_requests:,}"])  # fmt: skip
    head = ["outage", "attempts/s in its last minute", "first requests in the busiest second",
            "all Pods are back after", "full requests of the backlog"]  # fmt: skip
    _print_table(head, outages)
    print(f"Connections: {pods:,} to {pods * MAX_AUTO_WORKERS:,}, one for each request in flight.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
