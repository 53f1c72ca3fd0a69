"""Measures the share of recent lines that no parser accepted."""

from __future__ import annotations

from collections import deque

from sidecar.telemetry.condition import MAX_UNPARSED_SHARE

WINDOW_LINES = 1000
"""Minimum number of recent lines over which the share is measured. Usually more, because whole chunks are counted."""

MIN_UNPARSED_LINES = 50
"""Number of lines after which a parser that accepted none of them is wrong, without waiting for the others."""


class ParseQuality:
    """Counts the unparsed lines among recent lines, by chunk."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, int]] = deque()
        self._lines = self._unparsed = 0
        self._is_reported = False

    @property
    def unparsed_share(self) -> float:
        """The share of recent lines that no parser accepted; 0 while there are too few to judge."""
        is_enough = self._lines >= WINDOW_LINES or self._lines == self._unparsed >= MIN_UNPARSED_LINES
        return self._unparsed / self._lines if is_enough else 0.0

    def add(self, lines: int, unparsed: int) -> bool:
        """Add the line counts of a chunk. Return whether to report the share now, which is True at most once."""
        self._chunks.append((lines, unparsed))
        self._lines, self._unparsed = self._lines + lines, self._unparsed + unparsed
        while self._lines - self._chunks[0][0] >= WINDOW_LINES:
            first_lines, first_unparsed = self._chunks.popleft()
            self._lines, self._unparsed = self._lines - first_lines, self._unparsed - first_unparsed
        if self._is_reported or self.unparsed_share <= MAX_UNPARSED_SHARE:
            return False
        self._is_reported = True
        return True
