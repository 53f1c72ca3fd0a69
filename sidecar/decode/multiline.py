"""Which lines are one event: stack traces and other messages of several lines.

The boundaries depend on the bytes from the beginning of an event on, never on what else was read with them: each line
is judged by itself and by the lines of the event before it, never by those after it. So a restart in the middle of an
event cuts it where it would have been cut without one. The last event of what is there may go on, and is held back
until the next one begins; what closes it otherwise (time, the end of the file) is the reader's business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, count
from operator import add
from typing import NamedTuple, Protocol

import msgspec

from sidecar.decode.presets import PRESETS, Preset

MOST_JUDGED = 512
"""Bytes of a line that a pattern of the user's own sees: so no line takes longer than the pattern takes for these."""


class Events(NamedTuple):
    """Whole events at the beginning of some bytes.

    `starts`: where each begins. `whole`: how many bytes they have together. `split`: the indexes of those that were
    closed by a limit, so that what comes behind them belongs to the same message.
    """

    starts: Sequence[int]
    complete_bytes: int
    split: frozenset[int] = frozenset()


class MultilineRule(Protocol):
    """What makes a line the first or the last one of an event."""

    def find_starts(self, data: bytes) -> list[int]:
        """Where the events of `data` begin, which consists of whole lines and begins with an event."""
        ...

    def find_end(self, data: bytes, at: int, stop: int) -> int:
        """Where the event that begins at `at` ends, as far as the whole lines up to `stop` tell."""
        ...

    def is_first_line(self, line: bytes) -> bool:
        """Whether a line is the first one of an event, by itself."""
        ...

    def is_last_line(self, line: bytes) -> bool:
        """Whether no line can follow this one in its event."""
        ...


class PresetRule:
    """The grammar of a language's messages, in one pattern for a whole event."""

    def __init__(self, preset: Preset) -> None:
        self._event, self._more = re.compile(preset.event), re.compile(preset.continuation)
        self._last, self._rare = re.compile(preset.last), preset.required_texts

    def find_starts(self, data: bytes) -> list[int]:
        """One match for each event, if there can be one of several lines."""
        if not any(text in data for text in self._rare):
            lengths = map(len, data.split(b"\n")[:-2])
            return list(map(add, accumulate(lengths, initial=0), count()))
        return [match.start() for match in self._event.finditer(data)]

    def find_end(self, data: bytes, at: int, stop: int) -> int:
        """One match."""
        match = self._event.match(data, at, stop)
        assert match is not None  # every line can begin an event
        return match.end()

    def is_first_line(self, line: bytes) -> bool:
        """Whether it could not go on with an event."""
        return self._more.match(line + b"\n") is None

    def is_last_line(self, line: bytes) -> bool:
        """Where that is known: mostly it is not."""
        return self._last.match(line + b"\n") is not None


class PatternRule:
    """A custom pattern: `start` (first line of an event), `continuation` (later lines) or `end` (last line)."""

    def __init__(self, kind: str, pattern: str) -> None:
        found = re.compile(pattern.encode())
        self._kind = kind
        self._seek = found.match if pattern.startswith("^") else found.search

    def _matches(self, data: bytes, start: int, end: int) -> bool:
        # A line of its own, for `^` and `$` and so that no pattern looks beyond its end.
        return self._seek(data[start : min(end, start + MOST_JUDGED)]) is not None

    def find_starts(self, data: bytes) -> list[int]:
        """One look at each line."""
        found, at = [], 0
        while at < len(data):
            found.append(at)
            at = self.find_end(data, at, len(data))
        return found

    def find_end(self, data: bytes, at: int, stop: int) -> int:
        """Looks at each line until one is the last of its event or the first of the next."""
        after = data.index(b"\n", at) + 1
        if self._kind == "end":
            while after < stop and not self._matches(data, at, after - 1):
                at, after = after, data.index(b"\n", after) + 1
            return after
        while after < stop:
            line_end = data.index(b"\n", after)
            if self._matches(data, after, line_end) is (self._kind == "start"):
                break
            after = line_end + 1
        return after

    def is_first_line(self, line: bytes) -> bool:
        """Every line may, where only the last one of an event is known."""
        return self._kind == "end" or self._matches(line, 0, len(line)) is (self._kind == "start")

    def is_last_line(self, line: bytes) -> bool:
        """Whether it is the last one, where that is known."""
        return self._kind == "end" and self._matches(line, 0, len(line))


class EventGrouper(msgspec.Struct, frozen=True):
    """How lines become events. `max_lines` and `max_bytes` close one, and silence for `timeout_s`."""

    rule: MultilineRule
    timeout_s: float = 2.0
    max_lines: int = 1000
    max_bytes: int = 1 << 20

    def begins_event(self, data: bytes) -> bool:
        """Whether the first line of `data` begins an event, or goes on with one that was begun before."""
        return self.rule.is_first_line(data.partition(b"\n")[0])

    def split_events(self, data: bytes, *, closed: bool = False) -> Events:
        """The whole events of `data`, which consists of whole lines and begins with an event.

        `closed`: nothing can follow the last one.
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
        """Whether some event may be over a limit: no event has more lines than bytes."""
        longest = max(map(int.__sub__, bounds[1:], bounds))
        return longest > self.max_bytes or (longest >= self.max_lines and data.count(b"\n") >= self.max_lines)

    def _apply_limits(self, data: bytes) -> tuple[list[int], frozenset[int]]:
        """The bounds with those at which a limit closes an event: before the first line that is too many.

        What comes behind such a bound is judged as if the file began there, as it will be when reading goes on there.
        """
        bounds, split, at = [], set[int](), 0
        while at < len(data):
            bounds.append(at)
            most = self._limit_of_event(data, at)
            stop = data.find(b"\n", most) + 1 or most
            end = self.rule.find_end(data, at, stop)
            if end > most:
                split.add(len(bounds) - 1)
            at = min(end, most)
        return [*bounds, len(data)], frozenset(split)

    def _limit_of_event(self, data: bytes, at: int) -> int:
        """Where a limit closes an event that begins at `at`; its first line may be of any length."""
        after, lines = data.index(b"\n", at) + 1, 1
        while lines < self.max_lines and 0 < (following := data.find(b"\n", after) + 1) <= at + self.max_bytes:
            after, lines = following, lines + 1
        return after


def _last_line(data: bytes) -> bytes:
    return data[data.rfind(b"\n", 0, len(data) - 1) + 1 : -1]


def make_grouper(
    preset: str | None, patterns: dict[str, str], *, timeout_s: float, max_lines: int, max_bytes: int
) -> EventGrouper:
    """The grouping of a preset, or of the one pattern in `patterns` (`start`, `continuation` or `end`)."""
    rule: MultilineRule
    if preset is not None:
        rule = PresetRule(PRESETS[preset])
    else:
        ((kind, pattern),) = patterns.items()
        rule = PatternRule(kind, pattern)
    return EventGrouper(rule, timeout_s, max_lines, max_bytes)
