"""Counts the cases.

`python -m tests.benchmarks.linear LIBRARY DIRECTORY [--enough INSTRUCTIONS] [--one-in N] [--full]`

The length of a line doubles until a case has taken `--enough` instructions. For each case a line of JSON goes to
`counts` in the directory: its name, the last length, and the instructions for half of it and for all of it. Exit code
1 if one of them takes more than `MAX_GROWTH` times as many for all of it.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

from tests.benchmarks.linear.cases import GREW, Case, cases
from tests.benchmarks.linear.counter import Counter

_SHORTEST, _LONGEST = 512, 1 << 17
_FURTHER = 3

MAX_GROWTH = 2.5
"""Work that is proportional to the length doubles with it; the rest is for what does not depend on it evenly."""


def measure(case: Case, counter: Counter, enough: int) -> tuple[int, int, int]:
    """Return the longest length of a line that was tried, and the instructions for half of it and for all of it.

    Where a line becomes so long that other code reads it, the length doubles up to three times more.
    """
    length = _SHORTEST
    before, found = 0, counter.count(case.work(case.shape(length)))
    while found < enough and length < _LONGEST:
        length *= 2
        before, found = found, counter.count(case.work(case.shape(length)))
    further = 0
    while not before or (found > MAX_GROWTH * before and further < _FURTHER):
        length, further = 2 * length, further + 1
        before, found = found, counter.count(case.work(case.shape(length)))
    return length, before, found


def find_grown(counts: Iterable[tuple[str, int, int, int]]) -> list[str]:
    """Return a sentence for each case whose work grows faster than its line."""
    return [
        f"{name}: {whole / half:.1f} times the instructions for {length} characters instead of half of them"
        for name, length, half, whole in counts
        if whole > MAX_GROWTH * half
    ]


def main() -> int:
    """Count those that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.linear")
    parser.add_argument("library", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--enough", type=int, default=2_000_000)
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    counter = Counter(given.library, given.directory)
    # A collection would count for whichever case it falls into.
    gc.disable()
    found = []
    with (given.directory / "counts").open("w", encoding="utf-8", buffering=1) as counts:
        for case in cases(given.full):
            if case.name in GREW or crc32(case.name.encode()) % given.one_in == 0:
                found.append((case.name, *measure(case, counter, given.enough)))
                print(json.dumps(found[-1]), file=counts)
    grown = find_grown(found)
    print("\n".join([*grown, f"{len(found):,} cases, {len(grown)} grow faster than their lines"]))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
