"""Reads the next chunk of one file for one sink: whole lines, after a check that the file was not truncated.

Each read is one `pread` that begins before the position. The bytes before the position must be those that were read
earlier. Check and data come from the same call, so the file cannot change between them.

Only this module interprets NUL bytes. At the beginning of a line they are a hole, which becomes a chunk without data.
No other chunk contains a hole, so an event never continues after one. Within a line they are text. NUL bytes are
accepted only after `NUL_GRACE_S`, because NFS may show a hole before its bytes are written. NUL bytes at the end of a
file are not part of its size.
"""

from __future__ import annotations

import errno
from typing import NamedTuple, Protocol

from sidecar.lib import native
from sidecar.lib.charset import UTF_8, Charset
from sidecar.lib.clock import Clock, SystemClock
from sidecar.lib.line_groups import Events, LineGrouping
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.forward_search import check_unchanged, count_hole_bytes, explain_short_read, search_forward

CHUNK_BYTES = 256 * 1024
"""Bytes to read at a time: few enough for the cache of the CPU, and enough to make the cost per chunk negligible."""


MAX_RECORDS = 1 << 20
"""Default maximum number of lines in a chunk: more than a chunk can contain."""

_MIN_READ_BYTES = 4096
"""Minimum bytes to read at a time. The reader reads less than `CHUNK_BYTES` if the limit of lines ends each chunk."""

_MAX_BLOCK_EVENTS = 4096
"""Maximum number of events whose lines alternate so that they can be read only together."""

NUL_GRACE_S = 1.0
"""Time after which NUL bytes that precede other bytes are accepted. NFS writes the pages of a file in any order."""

PARTIAL_GRACE_S = 60.0
"""Seconds without growth after which a file that ends in the middle of a character is delivered to its end."""


class TimedGrouping(LineGrouping, Protocol):
    """Groups lines into events; implemented in `sidecar.decode`."""

    @property
    def timeout_s(self) -> float: ...


class _ReadPart(NamedTuple):
    """The bytes that were read for one chunk: the overlap with earlier reads, and from `begin` on the new bytes."""

    raw: bytes
    begin: int
    bound: int
    """Maximum offset of the end of the chunk."""

    at_boundary: bool
    """Whether the last line or event ends at `bound` even if it is unterminated, because a boundary is recorded
    there or a hole begins."""

    is_largest: bool
    """Whether the maximum number of bytes was read to find the end of a line or event."""

    max_records: int
    due: float | None = None
    """Time at which the NUL bytes after `bound` are accepted, if they are too new now."""

    def is_complete(self, cursor: Cursor) -> bool:
        """Return whether all bytes up to `bound` were read."""
        return cursor.offset + len(self.raw) - self.begin >= self.bound


class _Gap(NamedTuple):
    """NUL bytes that end a chunk. `end`: index at which the chunk ends, before the line with the NUL bytes."""

    end: int
    is_hole: bool
    due: float | None


class Reader:
    """Reads chunks. `max_line`: maximum bytes of a line or event; the rest of a longer line is dropped.

    With a `grouping`, a chunk has whole events. If the last event may continue, the reader waits until `cursor.due`.
    """

    def __init__(
        self,
        max_line: int = 1 << 20,
        chunk: int = CHUNK_BYTES,
        grouping: TimedGrouping | None = None,
        clock: Clock | None = None,
        charset: Charset = UTF_8,
    ) -> None:
        self._max_line = max_line
        self._chunk = self._read_size = chunk
        self._grouping = grouping
        self._clock = clock or SystemClock()
        self._charset = charset

    def next_chunk(self, cursor: Cursor, max_records: int = MAX_RECORDS) -> Chunk | None:
        """Return the next lines after the cursor, or None if no line is complete or `cursor.is_searching` is set.

        A chunk has at most `max_records` lines or events. It ends with an unterminated line only if the last line of
        the file counts as complete; the end of the line is recorded before this method returns. Raise `Truncated` if
        the bytes before the cursor have changed, and `OSError` as pread(2) does.
        """
        # The loop ends, because each pass reads more than the one before, and `_max_read` bytes contain a chunk.
        cursor.is_searching, cursor.due = False, None
        stop = cursor.next_boundary()
        charset = self._detect_charset(cursor)
        size = self._readable_size(cursor)
        bound = size if stop is None else min(stop, size)
        at_boundary = stop is not None and stop <= size
        want = self._read_size
        while cursor.offset < bound:
            want = min(want + (cursor.offset + want) % charset.width, bound - cursor.offset)
            raw, begin = self._read_checked(cursor, want)
            part = _ReadPart(raw, begin, bound, at_boundary, want >= self._max_read, max_records)
            if gap := self._find_gap(cursor, part):
                if gap.end == begin:
                    return self._pass_hole(cursor, bound, gap.due)
                part = _end_at_gap(cursor, part, gap)
            if head := self._find_over_long_head(cursor, part):
                return self._cut_over_long(cursor, head, bound, at_boundary)
            chunk = self._cut_part(cursor, part)
            if chunk is not None or part.is_complete(cursor):
                return chunk
            # `_cut_block` needs more than `_max_read` bytes if another sink has read more than this one.
            want = want * 2 if want >= self._max_read else min(want * 4, self._max_read)
        return None

    def _readable_size(self, cursor: Cursor) -> int:
        """Return how many bytes of the file can be read: all if it is complete, else only whole code units."""
        file, charset = cursor.file, self._charset_of(cursor)
        if charset.width > 1 and file.size % charset.width and file.pread(1, file.size) == b"\0":
            return file.size + 1  # the size does not include NUL bytes at the end, but a character may end with one
        return file.size if file.is_last_line_complete else charset.align(file.size, 0)

    def _find_gap(self, cursor: Cursor, part: _ReadPart) -> _Gap | None:
        """Return the first hole at the beginning of a line, or the first NUL bytes that are not accepted yet."""
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        at = cursor.offset - begin
        if charset.width > 1 and not native.contains(raw, bytes(charset.width)):
            return None  # the usual case, in one pass; `find` stops at each zero byte
        nul = charset.find_nul(raw, begin, at)
        while nul >= 0:
            line = charset.find_last_line_end(raw, begin, at, nul) or begin
            due = self._due_of_nul(cursor, at + nul)
            if nul == line or due is not None:
                return _Gap(line, nul == line, due)
            line_end = charset.find_line_end(raw, nul, at)
            nul = charset.find_nul(raw, line_end, at) if line_end else -1
        return None

    def _due_of_nul(self, cursor: Cursor, offset: int) -> float | None:
        """Return when a NUL byte is accepted; None if it is accepted now."""
        first_seen = None if cursor.file.is_compressed else cursor.file.find_first_seen(offset)
        due = first_seen + NUL_GRACE_S if first_seen is not None else 0.0
        return due if due > self._clock.monotonic() else None

    def _cut_part(self, cursor: Cursor, part: _ReadPart) -> Chunk | None:
        """Return the chunk at the beginning of these bytes, or None if its end is not among them."""
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        end = charset.find_last_line_end(raw, begin, cursor.offset - begin)
        if not end:
            return self._cut_unterminated(cursor, part) if part.is_complete(cursor) else None
        if self._grouping is not None:
            return self._cut_events(cursor, self._grouping, part, end - begin)
        last = end
        if native.count_byte(raw, b"\n") > part.max_records:
            last = charset.find_nth_line_end(raw, begin, end, cursor.offset - begin, part.max_records)
        if last < end:
            self._read_size = max(_MIN_READ_BYTES, 2 * (last - begin))
            return self._make_chunk(cursor, raw[begin:last])
        self._read_size = min(self._chunk, 2 * self._read_size)
        if not (part.at_boundary and part.is_complete(cursor)):
            return self._make_chunk(cursor, raw[begin:end])
        return self._make_chunk(cursor, raw[begin:], closed=end < len(raw))

    def _find_over_long_head(self, cursor: Cursor, part: _ReadPart) -> bytes:
        """Return the beginning of the first line if the line is over-long; else no bytes.

        An over-long line is never part of an event, so an event and the line after it fit into `_max_read` bytes.
        """
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        end = charset.find_line_end(raw, begin, cursor.offset - begin)
        if not end:
            return raw[begin:] if len(raw) - begin > self._max_line else b""
        is_over_long = self._grouping is not None and end - begin - charset.width > self._max_line
        return raw[begin : begin + self._max_line + 1] if is_over_long else b""

    def _detect_charset(self, cursor: Cursor) -> Charset:
        """Return the encoding. The first two bytes of the file may give its byte order."""
        if cursor.charset is None and not self._charset.needs_bom:
            cursor.charset = self._charset
        elif cursor.charset is None and len(mark := cursor.file.pread(2, 0)) == len(b"\xff\xfe"):
            cursor.charset = self._charset.resolve(mark)
        return self._charset_of(cursor)

    def _charset_of(self, cursor: Cursor) -> Charset:
        return cursor.charset or self._charset.resolve(b"")

    @property
    def _max_read(self) -> int:
        """Number of bytes in which a line or event ends, unless it is over-long."""
        return self._max_line + 1 if self._grouping is None else 2 * (self._max_line + 1)

    def _cut_events(self, cursor: Cursor, grouping: TimedGrouping, part: _ReadPart, newline: int) -> Chunk | None:
        """Return the complete events of the part, or None. `newline`: index after its last line end."""
        data, at_boundary = part.raw[part.begin :], part.at_boundary
        is_closed = len(data) - newline > self._max_line
        events = self._charset_of(cursor).split_events(grouping, data[:newline], cursor.offset, closed=is_closed)
        if events.complete_bytes:
            events = self._limit_block(cursor, grouping, data, events)
            return self._with_events(cursor, data[: events.complete_bytes], events, part.max_records)
        if not part.is_complete(cursor):
            return self._cut_block(cursor, grouping, data[:newline], part) if part.is_largest else None
        if part.due is not None:
            cursor.due = part.due
            return None
        if at_boundary or cursor.file.is_last_line_complete:
            data = data if at_boundary else data[:newline] + self._drop_partial_character(cursor, data[newline:])
            end = len(data)
        elif self._clock.monotonic() >= (due := cursor.file.grown_at + grouping.timeout_s):
            end = newline
        else:
            cursor.due = due
            return None
        if not at_boundary and not cursor.file.add_boundary(cursor.offset, cursor.offset + end):
            cursor.due = self._clock.monotonic()  # another sink has read more of the file, so read again
            return None
        events = self._charset_of(cursor).split_events(grouping, data[:newline], cursor.offset, closed=True)
        if newline < end and events.block_starts is not None:
            events = events.append(newline)
        return self._with_events(cursor, data[:end], events, part.max_records, closed=newline < end)

    def _cut_block(self, cursor: Cursor, grouping: TimedGrouping, data: bytes, part: _ReadPart) -> Chunk | None:
        """Return the events of a block of alternating events that is too large, except for the last event.

        Return None if another sink has read more of the file, so that more bytes must be read to find the same end.
        """
        events = self._charset_of(cursor).split_events(grouping, data, cursor.offset, closed=True)
        events = self._limit_block(cursor, grouping, data, events).take(len(events.starts) - 1)
        if not cursor.file.add_boundary(cursor.offset, cursor.offset + events.complete_bytes):
            return None
        return self._with_events(cursor, data[: events.complete_bytes], events, part.max_records)

    def _limit_block(self, cursor: Cursor, grouping: TimedGrouping, data: bytes, events: Events) -> Events:
        """Return the events. If the first block has too many for the memory, end all of its events early."""
        if events.first_block_count <= _MAX_BLOCK_EVENTS or cursor.limit is not None:
            return events
        end = events.starts[_MAX_BLOCK_EVENTS]
        if not cursor.file.add_boundary(cursor.offset, cursor.offset + end):
            return events  # another sink has read the block as a whole
        return self._charset_of(cursor).split_events(grouping, data[:end], cursor.offset, closed=True)

    def _with_events(
        self, cursor: Cursor, data: bytes, events: Events, max_records: int, *, closed: bool = False
    ) -> Chunk:
        kept = events.take(max_records)
        if kept is not events:
            data, closed = data[: kept.complete_bytes], False
            self._read_size = max(_MIN_READ_BYTES, 2 * len(data))
        else:
            self._read_size = min(self._chunk, 2 * self._read_size)
        return self._make_chunk(cursor, data, closed=closed).divide(kept)

    def _read_checked(self, cursor: Cursor, want: int) -> tuple[bytes, int]:
        """Read the overlap and `want` new bytes, and check the overlap.

        Return all bytes and the index of the first new one, because a slice would copy them.
        """
        back = min(OVERLAP_BYTES, cursor.offset)
        raw = cursor.file.pread(back + want, cursor.offset - back)
        if len(raw) < back + want:
            raise explain_short_read(cursor.file, cursor.offset + want)
        cursor.check(raw[:back])
        cursor.overlap = raw[:back]
        cursor.file.check_head(cursor.offset, raw[back : back + FINGERPRINT_BYTES])
        if cursor.offset == 0 and self._charset.contradicts_bom(raw):
            raise OSError(errno.EILSEQ, "it begins with the byte order mark of UTF-16; set `encoding: utf-16`")
        return raw, back

    def _make_chunk(
        self, cursor: Cursor, data: bytes, *, closed: bool = False, end: int = 0, cut_bytes: int = 0
    ) -> Chunk:
        file, charset = cursor.file, self._charset_of(cursor)
        continued = file.is_boundary(cursor.offset) and not charset.ends_line(cursor.overlap or b"", cursor.offset)
        if self._grouping is not None and data and cursor.offset:
            continued = continued or not charset.begins_event(self._grouping, data, cursor.offset)
        end = end or cursor.offset + len(data)
        return Chunk(
            file.generation, cursor.offset, data, end, closed, continued, cut_bytes, encoding=charset.name
        )  # fmt: skip

    def _cut_unterminated(self, cursor: Cursor, part: _ReadPart) -> Chunk | None:
        data = part.raw[part.begin :]
        if not part.at_boundary:
            data = self._drop_partial_character(cursor, data)
            if not (
                data
                and cursor.file.is_last_line_complete
                and cursor.file.add_boundary(cursor.offset, cursor.offset + len(data))
            ):
                return None
        return self._make_chunk(cursor, data, closed=True)

    def _drop_partial_character(self, cursor: Cursor, data: bytes) -> bytes:
        """Return `data`, the end of the file, without an incomplete last character, which is read later."""
        if not self._may_complete_character(cursor):
            return data
        return data[: len(data) - self._charset_of(cursor).count_partial_bytes(data, cursor.offset)]

    def _may_complete_character(self, cursor: Cursor) -> bool:
        file = cursor.file
        return (
            file.is_last_line_complete and not file.may_finish and self._clock.now() - file.modified < PARTIAL_GRACE_S
        )

    def _cut_over_long(self, cursor: Cursor, data: bytes, bound: int, at_boundary: bool) -> Chunk | None:
        """Return the beginning of an over-long line once its end is found, in constant memory."""
        charset = self._charset_of(cursor)
        head = data[: charset.align(self._max_line, cursor.offset)]
        at = cursor.offset + len(data)
        if cursor.searched_to < at:
            cursor.begin_search(data)
        is_found = search_forward(
            cursor,
            charset.align(bound, 0),
            self._chunk,
            lambda piece: charset.find_line_end(piece, 0, cursor.searched_to),
        )
        check_unchanged(cursor, head)
        end = cursor.searched_to
        if is_found:
            cut = end - charset.width - cursor.offset - len(head)
            return self._make_chunk(cursor, head, closed=True, end=end, cut_bytes=cut)
        if cursor.is_searching:
            return None
        if end < bound:
            # The file is complete and ends with half a code unit.
            cursor.skip(cursor.file.pread(bound - end, end))
            end = cursor.searched_to
        if not at_boundary and self._may_complete_character(cursor):
            tail = cursor.searched_tail
            partial = charset.count_partial_bytes(tail, end - len(tail))
            partial = min(partial, end - cursor.offset - len(head))
            end, cursor.searched_tail = end - partial, tail[: len(tail) - partial]
            cursor.searched_crc = None if partial else cursor.searched_crc
        if not at_boundary and not (
            cursor.file.is_last_line_complete and cursor.file.add_boundary(cursor.offset, end)
        ):
            return None
        return self._make_chunk(cursor, head, closed=True, end=end, cut_bytes=end - cursor.offset - len(head))

    def _pass_hole(self, cursor: Cursor, bound: int, due: float | None) -> Chunk | None:
        """Return the NUL bytes at the beginning of a line as a chunk without data, in constant memory.

        Return None while no other bytes follow, and until the NUL bytes are accepted.
        """
        if due is not None:
            cursor.due = due
            return None
        if cursor.searched_to <= cursor.offset:
            cursor.begin_search()
        charset = self._charset_of(cursor)
        is_passed = search_forward(
            cursor, bound, self._chunk, lambda piece: count_hole_bytes(piece, cursor.searched_to, charset)
        )
        check_unchanged(cursor, b"\0")
        if is_passed and (due := self._due_of_nul(cursor, cursor.searched_to - 1)) is not None:
            cursor.due, cursor.searched_to = due, cursor.offset
            return None
        return self._make_chunk(cursor, b"", end=cursor.searched_to) if is_passed else None


def _end_at_gap(cursor: Cursor, part: _ReadPart, gap: _Gap) -> _ReadPart:
    """Return the part before a gap. A hole ends the event before it; NUL bytes that are too new do not."""
    bound, at_boundary = cursor.offset + gap.end - part.begin, gap.is_hole
    return part._replace(
        raw=part.raw[: gap.end], bound=bound, at_boundary=at_boundary, due=None if at_boundary else gap.due
    )
