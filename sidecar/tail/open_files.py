"""Limits the number of open files: the least recently read file is closed, and opened again when it is needed."""

from __future__ import annotations

import threading
from typing import Protocol


class Closable(Protocol):
    """A file that may be closed for a while."""

    def close_if_idle(self) -> bool:
        """Close the file, unless a thread is reading it or it could not be reopened. Return whether it was closed."""
        ...


class OpenFileLimiter:
    """Tracks the open files, the least recently read first. `limit`: maximum number of open files."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[Closable, None] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def mark_used(self, file: Closable) -> None:
        """Record that a file is open and was read now. Close other files if too many are open."""
        with self._lock:
            self._open.pop(file, None)
            self._open[file] = None
            if len(self._open) <= self.limit:
                return
            candidates = list(self._open)[:-1]
        for other in candidates:
            if len(self._open) <= self.limit:
                return
            other.close_if_idle()

    def mark_closed(self, file: Closable) -> None:
        """Record that a file was closed."""
        with self._lock:
            self._open.pop(file, None)
