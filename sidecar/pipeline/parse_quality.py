"""How many of the last lines of a pipeline no parser accepted."""

from __future__ import annotations

from collections import deque

WINDOW_LINES = 1000
"""Lines that are judged together; with the rest of the chunk that holds the first of them."""

MAX_UNPARSED_SHARE = 0.1
"""A larger share is reported."""


class ParseQuality:
    """The share of unparsed lines among the last ones. Chunks are added as a whole, so no line costs anything."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, int]] = deque()
        self._lines = self._unparsed = 0
        self._is_reported = False

    @property
    def unparsed_share(self) -> float:
        """Return the share of the last `WINDOW_LINES` lines that no parser accepted; 0 for fewer lines."""
        return self._unparsed / self._lines if self._lines >= WINDOW_LINES else 0.0

    def add(self, lines: int, unparsed: int) -> bool:
        """Add a chunk. Return whether the share is to be reported now, which happens once."""
        self._chunks.append((lines, unparsed))
        self._lines, self._unparsed = self._lines + lines, self._unparsed + unparsed
        while self._lines - self._chunks[0][0] >= WINDOW_LINES:
            first_lines, first_unparsed = self._chunks.popleft()
            self._lines, self._unparsed = self._lines - first_lines, self._unparsed - first_unparsed
        if self._is_reported or self.unparsed_share <= MAX_UNPARSED_SHARE:
            return False
        self._is_reported = True
        return True
