"""Runs regular expressions from the configuration with a time limit.

They run in the library `regex`, which supports time limits and releases the GIL while it searches. It is imported on
demand, because it needs 2 MiB of memory.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import regex


Pattern: TypeAlias = "regex.Pattern[str]"
Match: TypeAlias = "regex.Match[str]"

LINE_LIMIT_S = 0.1
"""Maximum time to match one line."""

_CHUNK_LIMIT_S = 1.0
"""Maximum time for all slow lines of one chunk. After that, the limit for a line is `_MIN_LINE_LIMIT_S`."""

_MIN_LINE_LIMIT_S = 0.001


class RegexTimeBudget:
    """The time that patterns may use for the slow lines of one chunk, so that these do not delay other files.

    When it is used up, each further line of the chunk has only `_MIN_LINE_LIMIT_S`. That is enough for lines that are
    not slow, because they take microseconds.
    """

    def __init__(self) -> None:
        self._left_s = _CHUNK_LIMIT_S
        self.timeouts = 0

    @property
    def is_used_up(self) -> bool:
        """Whether the slow lines of this chunk have used the budget."""
        return self._left_s <= 0

    @property
    def line_limit_s(self) -> float:
        """Maximum time to match the next line."""
        return _MIN_LINE_LIMIT_S if self.is_used_up else LINE_LIMIT_S

    def record_timeout(self, seconds: float) -> None:
        """Count a line that exceeded its time limit, and subtract its time from the budget."""
        self._left_s -= seconds
        self.timeouts += 1

    def search(self, pattern: Pattern, text: str) -> bool:
        """Return whether the pattern matches anywhere in the text. Raise `TimeoutError` if that takes too long."""
        started_at = time.monotonic()
        try:
            return pattern.search(text, timeout=self.line_limit_s, concurrent=True) is not None
        except TimeoutError:
            self.record_timeout(time.monotonic() - started_at)
            raise


def compile_user_regex(pattern: str) -> Pattern:
    """Return the compiled pattern. Raise `ValueError` with the reason if it does not compile."""
    library = import_module("regex")
    try:
        compiled: Pattern = library.compile(pattern)
    except library.error as error:
        raise ValueError(f"the pattern does not compile: {error}") from error
    return compiled
