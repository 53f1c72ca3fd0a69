"""Groups lines into events: stack traces and other messages of several lines.

Boundaries depend only on the bytes from the beginning of an event on. Each line is judged by itself and by the lines
of the event before it, never by later ones. So a restart in the middle of an event splits it at the same place. The
last event may continue and is held back until the next one begins. The reader closes it otherwise: after a timeout,
or at the end of the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, count
from operator import add
from typing import NamedTuple, Protocol

import msgspec

from sidecar.decode.presets import PRESETS, Preset

MAX_JUDGED_BYTES = 512
"""Bytes of a line that a custom pattern sees, which limits the time for any line."""


class Events(NamedTuple):
    """Whole events at the beginning of some bytes."""

    starts: Sequence[int]
    """Where each event begins."""

    complete_bytes: int
    """Bytes of all these events together."""

    split: frozenset[int] = frozenset()
    """Indexes of events that were closed by a limit; the next event belongs to the same message."""


class MultilineRule(Protocol):
    """Decides which line is the first or the last one of an event."""

    def find_starts(self, data: bytes) -> list[int]:
        """Return where the events of `data` begin, which consists of whole lines and begins with an event."""
        ...

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        """Return where the event at `start` ends, judged by the whole lines up to `limit`."""
        ...

    def is_first_line(self, line: bytes) -> bool:
        """Return whether a line is the first one of an event, judged by itself."""
        ...

    def is_last_line(self, line: bytes) -> bool:
        """Return whether no line can follow this one in its event."""
        ...


class PresetRule:
    """The message format of a language, as one pattern for a whole event."""

    def __init__(self, preset: Preset) -> None:
        self._event, self._continuation = re.compile(preset.event), re.compile(preset.continuation)
        self._last, self._required_texts = re.compile(preset.last), preset.required_texts

    def find_starts(self, data: bytes) -> list[int]:
        """Match events only if the data can hold one of several lines."""
        if not any(text in data for text in self._required_texts):
            lengths = map(len, data.split(b"\n")[:-2])
            return list(map(add, accumulate(lengths, initial=0), count()))
        return [match.start() for match in self._event.finditer(data)]

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        match = self._event.match(data, start, limit)
        assert match is not None  # every line can begin an event
        return match.end()

    def is_first_line(self, line: bytes) -> bool:
        """Return whether the line cannot continue an event."""
        return self._continuation.match(line + b"\n") is None

    def is_last_line(self, line: bytes) -> bool:
        """Return whether the line is known to end its event; usually it is not."""
        return self._last.match(line + b"\n") is not None


class PatternRule:
    """A custom pattern: `start` (first line of an event), `continuation` (later lines) or `end` (last line)."""

    def __init__(self, kind: str, pattern: str) -> None:
        compiled = re.compile(pattern.encode())
        self._kind = kind
        self._seek = compiled.match if pattern.startswith("^") else compiled.search

    def _matches(self, data: bytes, start: int, end: int) -> bool:
        # The line is cut out for `^` and `$`, and so that no pattern sees the next line.
        return self._seek(data[start : min(end, start + MAX_JUDGED_BYTES)]) is not None

    def find_starts(self, data: bytes) -> list[int]:
        starts, start = [], 0
        while start < len(data):
            starts.append(start)
            start = self.find_end(data, start, len(data))
        return starts

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        """Search line by line for the last line of the event, or the first one of the next."""
        next_start = data.index(b"\n", start) + 1
        if self._kind == "end":
            while next_start < limit and not self._matches(data, start, next_start - 1):
                start, next_start = next_start, data.index(b"\n", next_start) + 1
            return next_start
        while next_start < limit:
            line_end = data.index(b"\n", next_start)
            if self._matches(data, next_start, line_end) is (self._kind == "start"):
                break
            next_start = line_end + 1
        return next_start

    def is_first_line(self, line: bytes) -> bool:
        """With an `end` pattern every line may be the first one."""
        return self._kind == "end" or self._matches(line, 0, len(line)) is (self._kind == "start")

    def is_last_line(self, line: bytes) -> bool:
        return self._kind == "end" and self._matches(line, 0, len(line))


class EventGrouper(msgspec.Struct, frozen=True):
    """Groups lines into events. `max_lines`, `max_bytes` or silence for `timeout_s` closes an event."""

    rule: MultilineRule
    timeout_s: float = 2.0
    max_lines: int = 1000
    max_bytes: int = 1 << 20

    def begins_event(self, data: bytes) -> bool:
        """Return whether the first line of `data` begins an event, rather than continuing an earlier one."""
        return self.rule.is_first_line(data.partition(b"\n")[0])

    def split_events(self, data: bytes, *, closed: bool = False) -> Events:
        """Return the whole events of `data`, which consists of whole lines and begins with an event.

        `closed`: no line can follow the last event.
        """
        if not data:
            return Events([], 0)
        starts = self.rule.find_starts(data)
        bounds = [*starts, len(data)]
        split: frozenset[int] = frozenset()
        if self._may_exceed_limit(data, bounds):
            bounds, split = self._apply_limits(data)
        if not (closed or self.rule.is_last_line(_last_line(data))):
            bounds.pop()
        return Events(bounds[:-1], bounds[-1], split)

    def _may_exceed_limit(self, data: bytes, bounds: Sequence[int]) -> bool:
        """Return whether an event may exceed a limit; no event has more lines than bytes."""
        longest = max(map(int.__sub__, bounds[1:], bounds))
        return longest > self.max_bytes or (longest >= self.max_lines and data.count(b"\n") >= self.max_lines)

    def _apply_limits(self, data: bytes) -> tuple[list[int], frozenset[int]]:
        """Return the bounds with those of limits, each before the first line that exceeds the limit.

        The bytes after such a bound are judged like the beginning of a file, as they are if reading resumes there.
        """
        bounds, split, start = [], set[int](), 0
        while start < len(data):
            bounds.append(start)
            limit = self._limit_of_event(data, start)
            search_limit = data.find(b"\n", limit) + 1 or limit
            end = self.rule.find_end(data, start, search_limit)
            if end > limit:
                split.add(len(bounds) - 1)
            start = min(end, limit)
        return [*bounds, len(data)], frozenset(split)

    def _limit_of_event(self, data: bytes, start: int) -> int:
        """Return where a limit closes the event at `start`; its first line may have any length."""
        line_end, lines = data.index(b"\n", start) + 1, 1
        while (
            lines < self.max_lines and 0 < (next_line_end := data.find(b"\n", line_end) + 1) <= start + self.max_bytes
        ):
            line_end, lines = next_line_end, lines + 1
        return line_end


def _last_line(data: bytes) -> bytes:
    return data[data.rfind(b"\n", 0, len(data) - 1) + 1 : -1]


def make_grouper(
    preset: str | None, patterns: dict[str, str], *, timeout_s: float, max_lines: int, max_bytes: int
) -> EventGrouper:
    """Return the grouper of a preset, or of the one pattern in `patterns` (`start`, `continuation` or `end`)."""
    rule: MultilineRule
    if preset is not None:
        rule = PresetRule(PRESETS[preset])
    else:
        ((kind, pattern),) = patterns.items()
        rule = PatternRule(kind, pattern)
    return EventGrouper(rule, timeout_s, max_lines, max_bytes)
