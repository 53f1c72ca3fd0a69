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

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter

import msgspec

from sidecar.decode.container_lines import ContainerFormat, ContainerLine
from sidecar.decode.multiline import MultilineRule
from sidecar.lib.line_groups import Events

MAX_GAP_BYTES = 128 * 1024
"""Bytes of other streams after which a stream is quiet. A pipe holds 64 KiB, so its reader may be that late."""


class _StreamEvent(msgspec.Struct):
    """One event. `lines`: indexes of its lines in the data."""

    lines: Sequence[int]
    is_complete: bool = True
    is_split: bool = False
    is_continued: bool = False

    @property
    def first(self) -> int:
        return self.lines[0]


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
        (line,) = self.format.read_lines(data.partition(b"\n")[0] + b"\n")
        return line is None or self.content.is_first_line(line.content)

    def split_events(self, data: bytes, *, closed: bool = False) -> Events:
        """Return the complete blocks of `data`, which consists of whole lines and begins with a block.

        `closed`: all events are complete, because no line can follow them.
        """
        offsets = list(accumulate([len(line) + 1 for line in data.split(b"\n")[:-1]], initial=0))
        if self.content is None and not self.format.has_parts(data):
            return Events(offsets[:-1], len(data), block_starts=range(len(offsets) - 1))
        run = _Run(self, self.format.read_lines(data), offsets)
        return _layout(sorted(run.find_events(closed=closed), key=attrgetter("first")), offsets)


class _Run:
    """Divides the lines of some data into events."""

    def __init__(self, grouper: StreamGrouper, lines: Sequence[ContainerLine | None], offsets: Sequence[int]) -> None:
        self._grouper, self._lines, self._offsets = grouper, lines, offsets

    def find_events(self, *, closed: bool) -> Iterator[_StreamEvent]:
        """Yield the events, those of each stream in order."""
        pending: dict[str, list[int]] = {}
        for index, line in enumerate(self._lines):
            is_over_long = self._offsets[index + 1] - self._offsets[index] - 1 > self._grouper.max_bytes
            if line is None or is_over_long:
                for stream in list(pending) if is_over_long else ():
                    yield from self._divide(pending.pop(stream), closed=True)
                yield _StreamEvent([index])
                continue
            for stream in [name for name in pending if name != line.stream]:
                if self._is_quiet(pending[stream][-1], index):
                    yield from self._divide(pending.pop(stream), closed=True)
            if line.is_last_part and self._grouper.content is None and line.stream not in pending:
                yield _StreamEvent([index])  # the usual case
            else:
                pending.setdefault(line.stream, []).append(index)
                if line.is_last_part and self._grouper.content is None:
                    yield from self._divide(pending.pop(line.stream), closed=True)
        for indexes in pending.values():
            yield from self._divide(indexes, closed=closed)

    def _is_quiet(self, last: int, index: int) -> bool:
        """Return whether the stream of the line `last` is quiet at a line of another stream."""
        if self._offsets[index + 1] - self._offsets[last + 1] > MAX_GAP_BYTES:
            return True
        earlier, later = self._lines[last], self._lines[index]
        assert earlier is not None
        assert later is not None
        if earlier.time[:19] == later.time[:19]:
            return False  # the usual case: the same second
        before, after = _read_seconds(earlier.time), _read_seconds(later.time)
        return before is not None and after is not None and abs(after - before) > self._grouper.timeout_s

    def _divide(self, indexes: Sequence[int], *, closed: bool) -> Iterator[_StreamEvent]:
        """Yield the events of consecutive lines of one stream. `closed`: the last event is complete."""
        messages = list(self._join_parts(indexes, closed=closed))
        if self._grouper.content is None:
            yield from self._list_messages(messages)
        else:
            yield from self._group_messages(self._grouper.content, messages, closed=closed)

    def _join_parts(self, indexes: Sequence[int], *, closed: bool) -> Iterator[_Message]:
        message = _Message([])
        for index in indexes:
            line, size = self._lines[index], self._offsets[index + 1] - self._offsets[index]
            assert line is not None
            if message.lines and not self._has_room(len(message.lines), message.size + size):
                message.is_complete = message.is_split = True
                yield message
                message = _Message([])
            message.lines.append(index)
            message.content, message.size = message.content + line.content, message.size + size
            if line.is_last_part:
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


def _list_lines(messages: Sequence[_Message]) -> list[int]:
    return [index for message in messages for index in message.lines]


def _layout(events: Sequence[_StreamEvent], offsets: Sequence[int]) -> Events:
    """Return the complete blocks of these events, which are in the order of their first lines."""
    count = len(offsets) - 1
    open_from = min((event.first for event in events if not event.is_complete), default=count)
    blocks, reach = [], 0
    for number, event in enumerate(events):
        if event.first > open_from:
            break
        if event.first >= reach:
            blocks.append(number)
        reach = max(reach, event.lines[-1] + 1)
    kept = events if open_from == count else events[: blocks.pop()]
    firsts = [*(event.first for event in events), count]
    ranges = {
        number: _join_lines(event.lines, offsets)
        for number, event in enumerate(kept)
        if event.lines[-1] + 1 != firsts[number + 1] or len(event.lines) != firsts[number + 1] - event.first
    }
    return Events(
        [offsets[event.first] for event in kept],
        offsets[firsts[len(kept)]],
        frozenset(number for number, event in enumerate(kept) if event.is_split),
        frozenset(number for number, event in enumerate(kept) if event.is_continued),
        ranges,
        blocks,
    )


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
def _read_seconds(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
