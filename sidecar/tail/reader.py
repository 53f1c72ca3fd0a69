"""Reads the next chunk of one file for one sink: whole lines, of a file that has not been truncated.

Each read is one `pread` that begins before the position. The bytes before the position are compared with those that
were read before. So the file cannot change between the check and the read.

This module alone decides about NUL bytes. At the beginning of a line they are a hole, which becomes a chunk without
data; no other chunk contains a hole, so an event never continues after one. Within a line they are text. NUL bytes
are accepted only after `NUL_GRACE_S`, because NFS may show a hole before its bytes are written. NUL bytes at the end
of a file are not part of its size.
"""

from __future__ import annotations

import errno
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from sidecar.lib import native
from sidecar.lib.charset import UTF_8, Charset, Grouped, LineGrouping
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.forward_search import check_still_begins, count_hole_bytes, explain_short_read, search_forward

CHUNK = 256 * 1024
"""Bytes to read at a time: few enough for the cache of the CPU, and enough to make the cost per chunk negligible."""


MAX_RECORDS = 1 << 20
"""Default limit of lines: more than a chunk can have."""

_MIN_WANT = 4096
"""Minimum bytes to read at a time, if lines are so short that the limit of records ends each chunk."""

NUL_GRACE_S = 1.0
"""Time after which NUL bytes that precede other bytes are accepted. NFS writes the pages of a file in any order."""

PARTIAL_GRACE_S = 60.0
"""If a file ends within a character, these bytes are not delivered until the file has not grown for this time."""


class TimedGrouping(LineGrouping, Protocol):
    """Groups lines into events; implemented in `sidecar.decode`."""

    @property
    def timeout_s(self) -> float: ...


class _ReadPart(NamedTuple):
    """The bytes that were read for one chunk: the overlap, and from index `begin` on the new bytes."""

    raw: bytes
    begin: int
    bound: int
    """Maximum offset of the end of the chunk."""

    at_cut: bool
    """Whether the last line or event ends at `bound` in any case: at a recorded boundary, or before a hole."""

    is_largest: bool
    """Whether this is the largest read that is made to find the end of a line or event."""

    max_records: int
    due: float | None = None
    """Time at which the NUL bytes after `bound` are accepted, if they are too new now."""

    def is_complete(self, cursor: Cursor) -> bool:
        """Return whether all bytes up to `bound` were read."""
        return cursor.offset + len(self.raw) - self.begin >= self.bound


class _Gap(NamedTuple):
    """NUL bytes that end a chunk. `end`: index of the line that contains them."""

    end: int
    is_hole: bool
    due: float | None


class Reader:
    """Reads chunks. `max_line`: maximum bytes of a line or event; longer lines are cut off.

    With a `grouping`, a chunk has whole events. If the last event may continue, the reader waits until `cursor.due`.
    """

    def __init__(
        self,
        max_line: int = 1 << 20,
        chunk: int = CHUNK,
        grouping: TimedGrouping | None = None,
        clock: Clock | None = None,
        charset: Charset = UTF_8,
    ) -> None:
        self._max_line = max_line
        self._chunk = self._want = chunk
        self._grouping = grouping
        self._clock = clock or SystemClock()
        self._charset = charset

    def next_chunk(self, cursor: Cursor, max_records: int = MAX_RECORDS) -> Chunk | None:
        """Return whole lines from the cursor on, or None if no line is complete (or `cursor.searching` for its end).

        A chunk has at most `max_records` lines or events, and possibly an unterminated line. If `closing` is set for
        the file, its last line or event is complete, and its end is recorded before this method returns. Raise
        `Truncated` if the bytes before the cursor have changed, and `OSError` as pread(2) does.

        The loop ends, because each turn reads more than the last one, and `_max_read` bytes always contain a chunk.
        """
        cursor.searching, cursor.due = False, None
        stop = cursor.next_cut()
        charset = self._detect_charset(cursor)
        size = self._readable_size(cursor)
        bound = size if stop is None else min(stop, size)
        at_cut = stop is not None and stop <= size
        want = self._want
        while cursor.offset < bound:
            want = min(want + (cursor.offset + want) % charset.width, bound - cursor.offset)
            raw, begin = self._read_checked(cursor, want)
            part = _ReadPart(raw, begin, bound, at_cut, want >= self._max_read, max_records)
            if gap := self._find_gap(cursor, part):
                if gap.end == begin:
                    return self._pass_hole(cursor, bound, gap.due)
                part = _end_at_gap(cursor, part, gap)
            if head := self._find_over_long_head(cursor, part):
                return self._cut_over_long(cursor, head, bound, at_cut)
            chunk = self._cut_part(cursor, part)
            if chunk is not None or part.is_complete(cursor):
                return chunk
            want = min(want * 4, self._max_read)
        return None

    def _readable_size(self, cursor: Cursor) -> int:
        """Return the size of the file in whole code units, or in bytes if the file is complete."""
        file, charset = cursor.life, self._charset_of(cursor)
        if charset.width > 1 and file.size % charset.width and file.pread(1, file.size) == b"\0":
            return file.size + 1  # the size does not include NUL bytes at the end, but a character may end with one
        return file.size if file.closing else charset.align(file.size, 0)

    def _find_gap(self, cursor: Cursor, part: _ReadPart) -> _Gap | None:
        """Return the first hole at the beginning of a line, or the first line with NUL bytes that are too new."""
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        at = cursor.offset - begin
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
        appeared = None if cursor.life.packed else cursor.life.appeared(offset)
        due = appeared + NUL_GRACE_S if appeared is not None else 0.0
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
            self._want = max(_MIN_WANT, 2 * (last - begin))
            return self._make_chunk(cursor, raw[begin:last])
        self._want = min(self._chunk, 2 * self._want)
        if not (part.at_cut and part.is_complete(cursor)):
            return self._make_chunk(cursor, raw[begin:end])
        return self._make_chunk(cursor, raw[begin:], closed=end < len(raw))

    def _find_over_long_head(self, cursor: Cursor, part: _ReadPart) -> bytes:
        """Return the bytes of the first line, without its line end, if the line is over-long; else no bytes.

        An over-long line is never part of an event, so an event and the line after it fit into `_max_read` bytes.
        """
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        end = charset.find_line_end(raw, begin, cursor.offset - begin)
        if not end:
            return raw[begin:] if len(raw) - begin > self._max_line else b""
        is_over_long = self._grouping is not None and end - begin - charset.width > self._max_line
        return raw[begin : begin + self._max_line + 1] if is_over_long else b""

    def _detect_charset(self, cursor: Cursor) -> Charset:
        """Return the encoding, with the byte order that the first two bytes of the file define."""
        if cursor.charset is None and not self._charset.needs_bom:
            cursor.charset = self._charset
        elif cursor.charset is None and len(mark := cursor.life.pread(2, 0)) == len(b"\xff\xfe"):
            cursor.charset = self._charset.resolve(mark)
        return self._charset_of(cursor)

    def _charset_of(self, cursor: Cursor) -> Charset:
        return cursor.charset or self._charset.resolve(b"")

    @property
    def _max_read(self) -> int:
        """Maximum bytes that are needed to find the end of a line or event, or that it is over-long."""
        return self._max_line + 1 if self._grouping is None else 2 * (self._max_line + 1)

    def _cut_events(self, cursor: Cursor, grouping: TimedGrouping, part: _ReadPart, newline: int) -> Chunk | None:
        """Return the complete events of the part, or None. `newline`: end of its whole lines."""
        data, at_cut = part.raw[part.begin :], part.at_cut
        is_closed = len(data) - newline > self._max_line
        events = self._charset_of(cursor).split_events(grouping, data[:newline], cursor.offset, closed=is_closed)
        if not events.complete_bytes and part.is_largest and not part.is_complete(cursor):
            events = self._charset_of(cursor).split_events(grouping, data[:newline], cursor.offset, closed=True)
        if events.complete_bytes:
            return self._with_events(cursor, data[: events.complete_bytes], events, part.max_records)
        if not part.is_complete(cursor):
            return None
        if part.due is not None:
            cursor.due = part.due
            return None
        if at_cut or cursor.life.closing:
            data = data if at_cut else data[:newline] + self._drop_partial_character(cursor, data[newline:])
            end = len(data)
        elif self._clock.monotonic() >= (due := cursor.life.grown_at + grouping.timeout_s):
            end = newline
        else:
            cursor.due = due
            return None
        if not at_cut and not cursor.life.cut(cursor.offset, cursor.offset + end):
            cursor.due = self._clock.monotonic()  # another sink has read more of the file, so read again
            return None
        events = self._charset_of(cursor).split_events(grouping, data[:newline], cursor.offset, closed=True)
        return self._with_events(cursor, data[:end], events, part.max_records, closed=newline < end)

    def _with_events(
        self, cursor: Cursor, data: bytes, events: Grouped, max_records: int, *, closed: bool = False
    ) -> Chunk:
        starts, split = events.starts, events.split
        if len(starts) > max_records:
            data, closed = data[: starts[max_records]], False
            starts, split = starts[:max_records], frozenset(index for index in split if index < max_records)
            self._want = max(_MIN_WANT, 2 * len(data))
        else:
            self._want = min(self._chunk, 2 * self._want)
        return replace(self._make_chunk(cursor, data, closed=closed), event_starts=starts, split_events=split)

    def _read_checked(self, cursor: Cursor, want: int) -> tuple[bytes, int]:
        """Read and check the overlap. Return all bytes, and the index of the new ones, to avoid a copy."""
        back = min(OVERLAP_BYTES, cursor.offset)
        raw = cursor.life.pread(back + want, cursor.offset - back)
        if len(raw) < back + want:
            raise explain_short_read(cursor.life, cursor.offset + want)
        cursor.check(raw[:back])
        cursor.before = raw[:back]
        cursor.life.check_head(cursor.offset, raw[back : back + FINGERPRINT_BYTES])
        if cursor.offset == 0 and self._charset.contradicts_bom(raw):
            raise OSError(errno.EILSEQ, "it begins with the byte order mark of UTF-16; set `encoding: utf-16`")
        return raw, back

    def _make_chunk(
        self, cursor: Cursor, data: bytes, *, closed: bool = False, end: int = 0, cut_bytes: int = 0
    ) -> Chunk:
        life, charset = cursor.life, self._charset_of(cursor)
        continued = life.is_cut(cursor.offset) and not charset.ends_line(cursor.before or b"", cursor.offset)
        if self._grouping is not None and data and cursor.offset:
            continued = continued or not charset.begins_event(self._grouping, data, cursor.offset)
        end = end or cursor.offset + len(data)
        return Chunk(
            life.generation, cursor.offset, data, end, closed, continued, cut_bytes, encoding=charset.name
        )  # fmt: skip

    def _cut_unterminated(self, cursor: Cursor, part: _ReadPart) -> Chunk | None:
        data = part.raw[part.begin :]
        if not part.at_cut:
            data = self._drop_partial_character(cursor, data)
            if not (data and cursor.life.closing and cursor.life.cut(cursor.offset, cursor.offset + len(data))):
                return None
        return self._make_chunk(cursor, data, closed=True)

    def _drop_partial_character(self, cursor: Cursor, data: bytes) -> bytes:
        """Return the end of the file without an incomplete character, which is read later."""
        if not self._may_complete_character(cursor):
            return data
        return data[: len(data) - self._charset_of(cursor).count_partial_bytes(data, cursor.offset)]

    def _may_complete_character(self, cursor: Cursor) -> bool:
        file = cursor.life
        return file.closing and not file.over and self._clock.now() - file.modified < PARTIAL_GRACE_S

    def _cut_over_long(self, cursor: Cursor, data: bytes, bound: int, at_cut: bool) -> Chunk | None:
        """Return the beginning of an over-long line once its end is found, in constant memory."""
        charset = self._charset_of(cursor)
        head = data[: charset.align(self._max_line, cursor.offset)]
        at = cursor.offset + len(data)
        if cursor.scanned < at:
            cursor.begin_search(data)
        is_found = search_forward(
            cursor,
            charset.align(bound, 0),
            self._chunk,
            lambda piece: charset.find_line_end(piece, 0, cursor.scanned),
        )
        check_still_begins(cursor, head)
        end = cursor.scanned
        if is_found:
            cut = end - charset.width - cursor.offset - len(head)
            return self._make_chunk(cursor, head, closed=True, end=end, cut_bytes=cut)
        if cursor.searching:
            return None
        if end < bound:
            # The file is complete and ends with half a code unit.
            cursor.pass_over(cursor.life.pread(bound - end, end))
            end = cursor.scanned
        if not at_cut and self._may_complete_character(cursor):
            tail = cursor.scanned_tail
            partial = charset.count_partial_bytes(tail, end - len(tail))
            partial = min(partial, end - cursor.offset - len(head))
            end, cursor.scanned_tail = end - partial, tail[: len(tail) - partial]
            cursor.scanned_crc = None if partial else cursor.scanned_crc
        if not at_cut and not (cursor.life.closing and cursor.life.cut(cursor.offset, end)):
            return None
        return self._make_chunk(cursor, head, closed=True, end=end, cut_bytes=end - cursor.offset - len(head))

    def _pass_hole(self, cursor: Cursor, bound: int, due: float | None) -> Chunk | None:
        """Return the NUL bytes at the beginning of a line as a chunk without data, in constant memory.

        Return None while no other bytes follow, and until the NUL bytes are accepted.
        """
        if due is not None:
            cursor.due = due
            return None
        if cursor.scanned <= cursor.offset:
            cursor.begin_search()
        charset = self._charset_of(cursor)
        is_passed = search_forward(
            cursor, bound, self._chunk, lambda piece: count_hole_bytes(piece, cursor.scanned, charset)
        )
        check_still_begins(cursor, b"\0")
        if is_passed and (due := self._due_of_nul(cursor, cursor.scanned - 1)) is not None:
            cursor.due, cursor.scanned = due, cursor.offset
            return None
        return self._make_chunk(cursor, b"", end=cursor.scanned) if is_passed else None


def _end_at_gap(cursor: Cursor, part: _ReadPart, gap: _Gap) -> _ReadPart:
    """Return the part before a gap. A hole ends the event before it; NUL bytes that are too new do not."""
    bound, at_cut = cursor.offset + gap.end - part.begin, gap.is_hole
    return part._replace(raw=part.raw[: gap.end], bound=bound, at_cut=at_cut, due=None if at_cut else gap.due)
