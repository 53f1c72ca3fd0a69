"""Freed memory is returned to the system after a burst, and never while lines are shipped."""

from __future__ import annotations

import pytest

from sidecar.app.tuning import MemoryTrimmer
from sidecar.testing import ManualClock

_MIB = 1 << 20


@pytest.mark.parametrize(
    ("reads", "trims"),
    [
        ([2 * _MIB, 0, 0, 0], 1),
        ([2 * _MIB, 2 * _MIB, 2 * _MIB], 0),
        ([1000] * 50, 0),
        ([100_000] * 12 + [1000] * 3, 1),
        ([2 * _MIB, 1000, 2 * _MIB, 1000], 2),
        ([2 * _MIB, -2 * _MIB, 0], 1),
        ([0, 0, 0], 0),
    ],
    ids=["burst", "load", "lonely lines", "slow lines", "bursts", "reload", "nothing"],
)
def test_memory_is_trimmed_once_after_each_burst(reads: list[int], trims: int) -> None:
    clock, total, calls = ManualClock(), [0], list[None]()
    trimmer = MemoryTrimmer(clock, lambda: total[0], lambda: calls.append(None))
    for read in reads:
        total[0] += read
        for _ in range(10):
            clock.advance(1)
            trimmer.update()
    assert len(calls) == trims
