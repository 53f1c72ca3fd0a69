"""Groups the lines of a container log into events, separately for each stream.

The runtime writes the lines of `stdout` and `stderr` into one file as they arrive. A line of one stream may occur
between two parts of a line of the other stream, or between the frames of its stack trace. So an event is a set of
lines, and the events that alternate form a block, which is read as a whole.

Boundaries depend on the bytes alone, and reading may resume after each block. So whether a line belongs to an event
depends only on the lines between the first line of the event and this line, in both streams:

- The parts of a line, and the lines of a message by the configured rule, are joined within their stream.
- A stream is quiet if a line of another stream follows more than `timeout_s` or `MAX_GAP_BYTES` after its last line.
  Then its event ends with that line. The time is the one that the runtime wrote.
- A line in another format, or longer than `max_bytes`, is an event by itself. The longer one ends all events.

The reader ends the last events of a file that does not grow, and blocks that are too large. It records where.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from operator import itemgetter, ne, sub
from typing import NamedTuple

import msgspec

from sidecar.decode.container_lines import ContainerFormat, ContainerLines
from sidecar.decode.multiline import MultilineRule
from sidecar.lib.line_groups import Events

MAX_GAP_BYTES = 128 * 1024
"""Bytes of other streams after which a stream is quiet. A pipe holds 64 KiB, so its reader may be that late."""


class _StreamEvent(NamedTuple):
    """One event. `lines`: indexes of its lines in the data."""

    lines: Sequence[int]
    is_complete: bool = True
    is_split: bool = False
    is_continued: bool = False


class _Message(msgspec.Struct):
    """A line that the application wrote, from one or more parts. `lines`: indexes of the parts."""

    lines: list[int]
    content: bytes = b""
    size: int = 0
    """Bytes of its lines in the file."""

    is_complete: bool = False
    is_split: bool = False
    """Whether the rest is another message, because a limit was reached."""


class StreamGrouper(msgspec.Struct, frozen=True):
    """Groups the lines of a container log. `content`: the rule for messages of several lines, if there is one.

    An event also ends at `max_lines` or at `max_bytes`, which includes what the runtime writes in front of each line.
    """

    format: ContainerFormat
    content: MultilineRule | None = None
    timeout_s: float = 2.0
    max_lines: int = 1000
    max_bytes: int = 1 << 20

    def begins_event(self, data: bytes) -> bool:
        """Return whether the first line of `data` begins an event instead of continuing one."""
        if self.content is None:
            return True
        line = self.format.read_lines(data.partition(b"\n")[0] + b"\n", with_contents=True)
        return line.streams[0] is None or self.content.is_first_line(line.contents[0])

    def split_events(self, data: bytes, *, closed: bool = False) -> Events:
        """Return the complete blocks of `data`, which consists of whole lines and begins with a block.

        `closed`: all events are complete, because no line can follow them.
        """
        offsets = list(accumulate([len(line) + 1 for line in data.split(b"\n")[:-1]], initial=0))
        if not data or (self.content is None and not self.format.has_parts(data)):
            return Events(offsets[:-1], len(data), block_starts=range(len(offsets) - 1))
        run = _Run(self, self.format.read_lines(data, with_contents=self.content is not None), offsets)
        run.find_events(closed=closed)
        return run.make_blocks()


class _Run:
    """Divides the lines of some data into events. Each step handles all lines of a stream at once."""

    def __init__(self, grouper: StreamGrouper, lines: ContainerLines, offsets: Sequence[int]) -> None:
        self._grouper, self._lines, self._offsets = grouper, lines, offsets
        self._events: list[Sequence[int]] = []
        """The indexes of the lines of each event."""

        # The first lines of events that are not complete, or that a limit has ended or has cut off from others.
        self._open, self._split, self._continued = set[int](), set[int](), set[int]()

    def find_events(self, *, closed: bool) -> None:
        """Find the events. `closed`: all are complete."""
        offsets, max_bytes, begin = self._offsets, self._grouper.max_bytes, 0
        for index in range(len(offsets) - 1) if offsets[-1] > max_bytes else ():
            if offsets[index + 1] - offsets[index] - 1 > max_bytes:
                self._divide_streams(range(begin, index), closed=True)
                self._events.append([index])
                begin = index + 1
        self._divide_streams(range(begin, len(offsets) - 1), closed=closed)

    def _divide_streams(self, indexes: Sequence[int], *, closed: bool) -> None:
        """Find the events of consecutive lines."""
        streams = self._lines.streams
        present = set(streams[indexes[0] : indexes[-1] + 1]) if indexes else set()
        if None in present:
            self._events += [[index] for index in indexes if streams[index] is None]
        for stream in present - {None}:
            own = indexes if len(present) == 1 else [index for index in indexes if streams[index] == stream]
            start = 0
            for end in self._find_quiet(own, indexes[-1]) if len(present) > 1 else ():
                self._divide(own[start:end], closed=True)
                start = end
            if start < len(own):
                self._divide(own[start:], closed=closed)

    @cached_property
    def _second_changes(self) -> Sequence[int]:
        """How often the second has changed before each line."""
        seconds = [time[:19] for time in self._lines.times]
        return list(accumulate(map(ne, seconds, seconds[1:]), initial=0))

    def _find_quiet(self, indexes: Sequence[int], last: int) -> list[int]:
        """Return after how many of these lines of a stream it is quiet. `last`: the last line of all streams."""
        changes, offsets = self._second_changes, self._offsets
        return [
            count
            for count, (index, later) in enumerate(pairwise([*indexes, last + 1]), start=1)
            if later - index > 1
            and (changes[index] != changes[later - 1] or offsets[later] - offsets[index + 1] > MAX_GAP_BYTES)
            and any(self._is_quiet(index, other) for other in range(later - 1, index, -1))
        ]

    def _is_quiet(self, last: int, index: int) -> bool:
        """Return whether the stream of the line `last` is quiet at a line of another stream."""
        if self._lines.streams[index] is None:
            return False
        if self._offsets[index + 1] - self._offsets[last + 1] > MAX_GAP_BYTES:
            return True
        earlier, later = self._lines.times[last], self._lines.times[index]
        if earlier[:19] == later[:19]:
            return False  # the usual case: the same second
        before, after = _read_seconds(earlier), _read_seconds(later)
        return before is not None and after is not None and abs(after - before) > self._grouper.timeout_s

    def _divide(self, indexes: Sequence[int], *, closed: bool) -> None:
        """Find the events of consecutive lines of one stream. `closed`: the last event is complete."""
        rule, are_last_parts = self._grouper.content, self._lines.are_last_parts
        ends = [number for number, index in enumerate(indexes, start=1) if are_last_parts[index]]
        if closed and not are_last_parts[indexes[-1]]:
            ends.append(len(indexes))
        is_continued, starts, complete = False, [0, *ends], ends[-1] if ends else 0
        if rule is not None and ends:
            lines = [self._lines.contents[index] for index in indexes[:complete]]
            if len(ends) == complete:
                messages = lines
            else:
                messages = [b"".join(lines[start:end]) for start, end in pairwise(starts)]
            is_continued = not rule.is_first_line(messages[0])
            starts_of_messages = dict(
                zip(accumulate([len(text) + 1 for text in messages], initial=0), starts, strict=True)
            )
            text = b"\n".join([*messages, b""])
            starts = [*map(starts_of_messages.__getitem__, rule.find_starts(text)), complete]
            if not (closed or rule.is_last_line(messages[-1])):
                starts.pop()
        if self._may_exceed_limit(indexes, starts):
            self._divide_with_limits(indexes, closed=closed)
            return
        self._events += [indexes[start:end] for start, end in pairwise(starts)]
        if is_continued:
            self._continued.add(indexes[0])
        if starts[-1] < len(indexes):
            self._events.append(indexes[starts[-1] :])
            self._open.add(indexes[starts[-1]])

    def _may_exceed_limit(self, indexes: Sequence[int], starts: Sequence[int]) -> bool:
        """Return whether an event may reach a limit, or its pattern may look beyond one, so cheaply that it may be
        wrong.
        """
        grouper, bounds = self._grouper, [*starts, len(indexes)]
        if max(map(sub, bounds[1:], bounds)) >= grouper.max_lines:
            return True
        if self._offsets[-1] <= grouper.max_bytes // 3:
            return False
        lengths = [
            self._offsets[indexes[end - 1] + 1] - self._offsets[indexes[start]]
            for start, end in pairwise(bounds)
            if start < end
        ]
        return max(lengths) > grouper.max_bytes // 3

    def _divide_with_limits(self, indexes: Sequence[int], *, closed: bool) -> None:
        """Find the events like `_divide`, line by line."""
        messages = list(self._join_parts(indexes, closed=closed))
        for event in (
            self._list_messages(messages)
            if self._grouper.content is None
            else self._group_messages(self._grouper.content, messages, closed=closed)
        ):
            self._events.append(event.lines)
            first = event.lines[0]
            if not event.is_complete:
                self._open.add(first)
            if event.is_split:
                self._split.add(first)
            if event.is_continued:
                self._continued.add(first)

    def _join_parts(self, indexes: Sequence[int], *, closed: bool) -> Iterator[_Message]:
        message = _Message([])
        for index in indexes:
            size = self._offsets[index + 1] - self._offsets[index]
            if message.lines and not self._has_room(len(message.lines), message.size + size):
                message.is_complete = message.is_split = True
                yield message
                message = _Message([])
            message.lines.append(index)
            if self._lines.contents:
                message.content += self._lines.contents[index]
            message.size += size
            if self._lines.are_last_parts[index]:
                message.is_complete = True
                yield message
                message = _Message([])
        if message.lines:
            message.is_complete = closed
            yield message

    def _has_room(self, count: int, size: int) -> bool:
        """Return whether an event of `count` lines may have one more, with `size` bytes then."""
        return count < self._grouper.max_lines and size <= self._grouper.max_bytes

    @staticmethod
    def _list_messages(messages: Sequence[_Message]) -> Iterator[_StreamEvent]:
        was_split = False
        for message in messages:
            yield _StreamEvent(message.lines, message.is_complete, message.is_split, was_split)
            was_split = message.is_split

    def _group_messages(
        self, rule: MultilineRule, messages: Sequence[_Message], *, closed: bool
    ) -> Iterator[_StreamEvent]:
        """Yield the events of messages by the rule. A message whose last part is missing decides nothing yet."""
        whole = [message for message in messages if message.is_complete]
        bounds = list(accumulate([len(message.content) + 1 for message in whole], initial=0))
        data = b"".join([message.content + b"\n" for message in whole])
        index_at = dict(zip(bounds, range(len(bounds)), strict=True))
        is_continued = bool(whole) and not rule.is_first_line(whole[0].content)
        start = limit = size = 0
        while start < len(whole):
            while limit < len(whole) and (limit == start or self._has_room(limit - start, size + whole[limit].size)):
                size, limit = size + whole[limit].size, limit + 1
            end = index_at[rule.find_end(data, bounds[start], bounds[min(limit + 1, len(whole))])]
            is_split, end = end > limit or whole[end - 1].is_split, min(end, limit)
            if end == len(whole) and not (closed or rule.is_last_line(whole[-1].content)):
                break
            yield _StreamEvent(_list_lines(whole[start:end]), is_split=is_split, is_continued=is_continued)
            size -= sum([message.size for message in whole[start:end]])
            start, is_continued = end, is_split
        if rest := _list_lines(messages[start:]):
            yield _StreamEvent(rest, is_complete=False)

    def make_blocks(self) -> Events:
        """Return the complete blocks of the events that were found."""
        offsets, count = self._offsets, len(self._offsets) - 1
        events = sorted(self._events, key=itemgetter(0))
        firsts, ends = [*(event[0] for event in events), count], [event[-1] + 1 for event in events]
        blocks: Sequence[int] = range(len(events))
        ranges = {}
        if firsts[1:] != ends:  # lines of several events alternate
            reached = accumulate(ends, max, initial=0)
            blocks = [
                number for number, (first, end) in enumerate(zip(firsts[:-1], reached, strict=False)) if first >= end
            ]
            ranges = {
                number: _join_lines(event, offsets)
                for number, (event, end, next_first) in enumerate(zip(events, ends, firsts[1:], strict=True))
                if end != next_first or len(event) != next_first - event[0]
            }
        if self._open:
            # The block with the first open event, and all after it, must be read again.
            blocks = blocks[: bisect_right(blocks, bisect_left(firsts, min(self._open)))]
            del events[blocks[-1] :]
            ranges, blocks = {n: item for n, item in ranges.items() if n < len(events)}, blocks[:-1]
        return Events(
            [offsets[first] for first in firsts[: len(events)]],
            offsets[firsts[len(events)]],
            self._number(self._split, events),
            self._number(self._continued, events),
            ranges,
            blocks,
        )

    @staticmethod
    def _number(first_lines: Collection[int], events: Sequence[Sequence[int]]) -> frozenset[int]:
        return frozenset(
            [number for number, event in enumerate(events) if event[0] in first_lines] if first_lines else ()
        )


def _list_lines(messages: Sequence[_Message]) -> list[int]:
    return [index for message in messages for index in message.lines]


def _join_lines(lines: Sequence[int], offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ranges of these lines. Lines that follow each other share a range."""
    ranges: list[tuple[int, int]] = []
    for index in lines:
        if ranges and ranges[-1][1] == offsets[index]:
            ranges[-1] = (ranges[-1][0], offsets[index + 1])
        else:
            ranges.append((offsets[index], offsets[index + 1]))
    return ranges


@lru_cache(maxsize=4096)
def _read_seconds(text: str | bytes) -> float | None:
    try:
        time = datetime.fromisoformat(text if isinstance(text, str) else text.decode())
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
