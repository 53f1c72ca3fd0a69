"""A bound on open files: the least lately read one is closed, and opened again when it is needed."""

from __future__ import annotations

import threading
from typing import Protocol


class Closable(Protocol):
    """A file that may be closed for a while."""

    def park(self) -> bool:
        """Close it unless it is being read or could not be found again. Returns whether it is closed."""
        ...


class OpenFileLimiter:
    """Which files are open, the least lately read first. `limit` is how many of them may be."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[Closable, None] = {}
        self._turn = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def used(self, file: Closable) -> None:
        """The file is open and was read just now. Closes others if there are too many."""
        with self._turn:
            self._open.pop(file, None)
            self._open[file] = None
            if len(self._open) <= self.limit:
                return
            candidates = list(self._open)[:-1]
        for other in candidates:
            if len(self._open) <= self.limit:
                return
            other.park()

    def closed(self, file: Closable) -> None:
        """The file is not open any more."""
        with self._turn:
            self._open.pop(file, None)
