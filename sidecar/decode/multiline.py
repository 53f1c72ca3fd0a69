"""Groups lines into events: stack traces and other messages of several lines.

Whether a line belongs to an event depends only on this line and on earlier lines of the event, never on later lines.
So a reader that resumes at the beginning of an event finds the same boundaries. The last event of a chunk may
continue, so it is held back until the next event begins, until a timeout, or until the file ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.decode.presets import PRESETS, Preset
from sidecar.lib import native
from sidecar.lib.line_groups import Events

MAX_MATCHED_BYTES = 512
"""A custom pattern is matched against at most this many bytes of a line, which limits the time of each match."""


class MultilineRule(Protocol):
    """Decides which line is the first or the last one of an event."""

    def find_starts(self, data: bytes) -> list[int]:
        """Return the offset at which each event of `data` begins. `data` has whole lines and begins with an event."""
        ...

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        """Return the offset at which the event at `start` ends, at most `limit`, which must be the end of a line."""
        ...

    def is_first_line(self, line: bytes) -> bool:
        """Return whether a line begins an event. Lines before it are not considered."""
        ...

    def is_last_line(self, line: bytes) -> bool:
        """Return whether this line always ends its event."""
        ...


class PresetRule:
    """Finds events by a preset, whose pattern matches a whole event."""

    def __init__(self, preset: Preset) -> None:
        self._event, self._continuation = re.compile(preset.event), re.compile(preset.continuation)
        self._last = re.compile(preset.last)
        self._texts, simple_event = preset.shortcut or ((), b"")
        self._simple_event = re.compile(simple_event)

    def find_starts(self, data: bytes) -> list[int]:
        is_simple = self._texts and not native.contains_any(data, self._texts)
        event = self._simple_event if is_simple else self._event
        return [match.start() for match in event.finditer(data)]

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        match = self._event.match(data, start, limit)
        assert match is not None  # every line can begin an event
        return match.end()

    def is_first_line(self, line: bytes) -> bool:
        """Return whether the line cannot continue an event."""
        return self._continuation.match(line + b"\n") is None

    def is_last_line(self, line: bytes) -> bool:
        """Return whether the preset has a pattern for last lines, and it matches this line."""
        return self._last.match(line + b"\n") is not None


class PatternRule:
    """Finds events by a custom pattern. `kind`: which lines of an event it matches.

    The kind `start` means the first line, `continuation` all later lines, and `end` the last line.
    """

    def __init__(self, kind: str, pattern: str) -> None:
        compiled = re.compile(pattern.encode())
        self._kind = kind
        self._search = compiled.match if pattern.startswith("^") else compiled.search

    def _matches(self, data: bytes, start: int, end: int) -> bool:
        # The pattern gets a copy of the line, so that `^` and `$` match its ends and the next line is not visible.
        return self._search(data[start : min(end, start + MAX_MATCHED_BYTES)]) is not None

    def find_starts(self, data: bytes) -> list[int]:
        starts, start = [], 0
        while start < len(data):
            starts.append(start)
            start = self.find_end(data, start, len(data))
        return starts

    def find_end(self, data: bytes, start: int, limit: int) -> int:
        """Return the offset after the first line that ends the event or is followed by the start of another event."""
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
        """Return whether a line begins an event. With an `end` pattern, any line may begin one."""
        return self._kind == "end" or self._matches(line, 0, len(line)) is (self._kind == "start")

    def is_last_line(self, line: bytes) -> bool:
        return self._kind == "end" and self._matches(line, 0, len(line))


class EventGrouper(msgspec.Struct, frozen=True):
    """Groups lines into events by a rule.

    An event also ends at `max_lines`, at `max_bytes`, or after `timeout_s` without a new byte. The reader of the file
    applies the timeout.
    """

    rule: MultilineRule
    timeout_s: float = 2.0
    max_lines: int = 1000
    max_bytes: int = 1 << 20

    def begins_event(self, data: bytes) -> bool:
        """Return whether the first line of `data` begins an event instead of continuing one."""
        return self.rule.is_first_line(data.partition(b"\n")[0])

    def split_events(self, data: bytes, *, closed: bool = False) -> Events:
        """Return the complete events of `data`, which consists of whole lines and begins with an event.

        `closed`: the last event is complete even without an end, because no line can follow it.
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
        return Events(bounds[:-1], bounds[-1], split, frozenset(index + 1 for index in split))

    def _may_exceed_limit(self, data: bytes, bounds: Sequence[int]) -> bool:
        """Return whether an event may exceed a limit. A cheap check: an event has at most as many lines as bytes."""
        longest = max(map(int.__sub__, bounds[1:], bounds))
        return longest > self.max_bytes or (longest >= self.max_lines and data.count(b"\n") >= self.max_lines)

    def _apply_limits(self, data: bytes) -> tuple[list[int], frozenset[int]]:
        """Return the boundaries of all events, and the indexes of the events that a limit closed.

        A limit closes an event before the first line that exceeds the limit. After that, lines are grouped as at the
        beginning of a file, because reading may resume at this boundary.
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
        """Return the offset at which a limit closes the event at `start`. Its first line may have any length."""
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
    """Return the grouper for a preset, or for the only pattern in `patterns`, whose key is its kind."""
    rule: MultilineRule
    if preset is not None:
        rule = PresetRule(PRESETS[preset])
    else:
        ((kind, pattern),) = patterns.items()
        rule = PatternRule(kind, pattern)
    return EventGrouper(rule, timeout_s, max_lines, max_bytes)
