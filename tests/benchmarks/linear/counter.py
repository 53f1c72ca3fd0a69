"""How many instructions this process has executed, as the valgrind around it counts them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path


class Counter:
    """Counts the instructions of a call. `library` is `counter.c`, compiled; `directory` is for snapshots."""

    def __init__(self, library: Path, directory: Path) -> None:
        self._command = ctypes.CDLL(str(library)).command
        self._snapshot = directory / "snapshot"
        self._overhead = 0
        self._overhead = min(self.count(lambda: None) for _ in range(5))

    def count(self, call: Callable[[], object]) -> int:
        """Return the instructions of this call."""
        begin = self._now()
        call()
        return self._now() - begin - self._overhead

    def _now(self) -> int:
        self._command(f"snapshot {self._snapshot}".encode())
        for line in self._snapshot.read_text().splitlines():
            if line.startswith("time="):
                return int(line.removeprefix("time="))
        raise RuntimeError("run this under valgrind --tool=massif --time-unit=i")
