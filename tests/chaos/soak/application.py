"""An application that writes and rotates four logs until its standard input ends; then it tells how many lines.

`python -m tests.chaos.soak.application FOLDER LINES_PER_SECOND SECONDS_BETWEEN_ROTATIONS`
"""

from __future__ import annotations

import itertools
import os
import select
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

_FILES = 4
_KEPT = 5
_STEP_S = 0.05
_PADDING = "x" * 100


@dataclass(slots=True)
class Log:
    """One log; `by_copy` tells how it is rotated."""

    path: Path
    by_copy: bool

    def write(self, text: str) -> None:
        """Append; the file is made if it is not there."""
        with self.path.open("a", encoding="ascii") as file:
            file.write(text)

    def rotate(self) -> None:
        """The log becomes `.1`, `.1` becomes `.2`; the oldest is deleted."""
        for number in range(_KEPT, 0, -1):
            if self._kept(number).exists():
                self._kept(number).rename(self._kept(number + 1))
        self._kept(_KEPT + 1).unlink(missing_ok=True)
        if not self.path.exists():
            return
        if self.by_copy:
            shutil.copyfile(self.path, self._kept(1))
            os.truncate(self.path, 0)
        else:
            self.path.rename(self._kept(1))

    def _kept(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def main(folder: Path, lines_per_s: float, rotate_every_s: float) -> int:
    """Write until standard input ends. Returns how many lines were written."""
    logs = [Log(folder / f"app-{number}.log", by_copy=bool(number % 2)) for number in range(_FILES)]
    written, began = 0, time.monotonic()
    rotations = itertools.count(1)
    due, rotated = next(rotations), itertools.cycle(logs)
    while not select.select([sys.stdin], [], [], _STEP_S)[0]:
        elapsed = time.monotonic() - began
        wanted = int(elapsed * lines_per_s)
        for log, share in zip(logs, _shares(wanted - written), strict=True):
            numbers = range(written, written + share)
            log.write(
                "".join(f"{time.time():.6f} INFO request {number} took 7 ms {_PADDING}\n" for number in numbers)
            )
            written += share
        if elapsed * _FILES >= due * rotate_every_s:
            next(rotated).rotate()
            due = next(rotations)
    return written


def _shares(lines: int) -> list[int]:
    return [lines // _FILES + (number < lines % _FILES) for number in range(_FILES)]


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
