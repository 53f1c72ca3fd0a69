"""The application as a process.

`python -m tests.chaos.torture.application FOLDER SEED WRITERS LINES PER_SECOND ROTATION`

Every writer appends bursts to its own file, in pieces that end in the middle of lines, and rotates when it has
written enough. Prints how many lines are written so far; ends when all are.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.chaos.torture.lines import Writer
from tests.chaos.torture.rotations import ROTATIONS, Rotate

ROTATIONS_OF_EACH = 8
_BURST = 400


class Pen:
    """One writer at work."""

    def __init__(self, folder: Path, writer: Writer, rotate: Rotate) -> None:
        self.path = folder / writer.name
        self.written = 0
        self._lines: Iterator[str] = writer.lines()
        self._rotate = rotate
        self._rotate_every = max(1, writer.count // ROTATIONS_OF_EACH)
        self._rotated_at = 0
        self._count = writer.count

    def burst(self, chance: random.Random) -> int:
        """Write some lines in two pieces, and rotate when it is time. Returns how many lines it wrote."""
        lines = list(islice(self._lines, chance.randrange(1, _BURST)))
        data = "".join(f"{line}\n" for line in lines).encode()
        middle = chance.randrange(len(data)) if data else 0
        with self.path.open("ab", buffering=0) as file:
            _write(file.fileno(), data[:middle])
            if chance.random() < 0.1:
                time.sleep(0.01)
            _write(file.fileno(), data[middle:])
        self.written += len(lines)
        if self.written - self._rotated_at >= self._rotate_every and self.written < self._count:
            self._rotate(self.path)
            self._rotated_at = self.written
        return len(lines)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def main() -> None:
    """Write everything at the pace that was asked for."""
    folder, rotation = Path(sys.argv[1]), ROTATIONS[sys.argv[6]]
    seed, writers, lines, per_second = map(int, sys.argv[2:6])
    chance = random.Random(seed)
    pens = [Pen(folder, Writer(seed, number, lines // writers), rotation.make()) for number in range(writers)]
    began, written = time.monotonic(), 0
    total = lines // writers * writers
    while written < total:
        written += chance.choice(pens).burst(chance)
        print(written, flush=True)
        time.sleep(max(0.0, began + written / per_second - time.monotonic()))


if __name__ == "__main__":
    main()
