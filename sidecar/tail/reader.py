"""The next chunk of one file for one sink: whole lines, and nothing that could have changed meanwhile.

Each read is one `pread` that begins before the position and compares the bytes there with what was there
when the position was reached; so nothing can change between the check and the read.

NUL bytes are decided here and nowhere else. At the beginning of a line they are a hole, which is a chunk without
data; no other chunk holds one, so an event never continues over a hole. Within a line they are text. Either way they
count only once they have been seen for a moment, because NFS may show a hole before the bytes that belong there.
NUL bytes at the end of a file are not even part of its size.
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
"""Bytes asked for at a time: few enough for the processor's cache, and so many that what is done once a chunk does
not count."""


MAX_RECORDS = 1 << 20
"""More lines than a chunk has."""

_MIN_WANT = 4096
"""Bytes to ask for at least where lines are so short that a chunk has as many as it may."""

NUL_GRACE_S = 1.0
"""NUL bytes before other bytes count when they have been seen for so long. NFS writes the pages of a file in any
order."""

PARTIAL_GRACE_S = 60.0
"""A file that ends within a character is cut before it, unless nothing has been added to the file for so long."""


class TimedGrouping(LineGrouping, Protocol):
    """Which lines are one event; see the decode room."""

    @property
    def timeout_s(self) -> float: ...


class _ReadPart(NamedTuple):
    """What was read for one chunk: the overlap, and from `begin` on the bytes after it."""

    raw: bytes
    begin: int
    bound: int
    """Offset where the chunk ends at the latest."""

    at_cut: bool
    """Whether the last line or event ends there in any case: at a cut, or before a hole."""

    is_largest: bool
    """Whether no more is read than this to see the end of a line or event."""

    max_records: int
    due: float | None = None
    """When the bytes after `bound` count, if they are too new now."""

    def is_complete(self, cursor: Cursor) -> bool:
        """Return whether nothing follows before `bound`."""
        return cursor.offset + len(self.raw) - self.begin >= self.bound


class _Gap(NamedTuple):
    """NUL bytes that end a chunk. `end`: the index of the line that they begin, or that they are in."""

    end: int
    is_hole: bool
    due: float | None


class Reader:
    """Reads chunks. `max_line` is the longest line in bytes that is kept whole, and the longest event.

    With a `grouping` a chunk holds whole events. The reader waits until `cursor.due` for one that may continue.
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
        """Whole lines from the cursor on, or None if no line is complete yet (or `cursor.searching` for its end).

        A chunk has at most `max_records` lines or events, and an unterminated one more. In a closing life the
        unterminated last line is a line, and the last event is whole; where it ends is durable when this returns.
        Raises `Truncated` if the bytes before the cursor have changed, `OSError` as pread(2) does.

        It ends: each turn reads more than the one before, and a read of `_max_read` bytes always makes a chunk.
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
        """Return the size of the file in whole code units, or in bytes if it is over."""
        file, charset = cursor.life, self._charset_of(cursor)
        if charset.width > 1 and file.size % charset.width and file.pread(1, file.size) == b"\0":
            return file.size + 1  # the size ends with the last byte that is not NUL, a character may end with one
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
        """Return when a NUL byte counts; None if it does."""
        appeared = None if cursor.life.packed else cursor.life.appeared(offset)
        due = appeared + NUL_GRACE_S if appeared is not None else 0.0
        return due if due > self._clock.monotonic() else None

    def _cut_part(self, cursor: Cursor, part: _ReadPart) -> Chunk | None:
        """Return the chunk that these bytes begin with, None if they do not show its end yet."""
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
        """Return the bytes of the first line that were read, without its line end, if it is over-long; else none.

        An over-long line is no part of an event, so that an event and the line after it fit into `_max_read` bytes.
        """
        charset, raw, begin = self._charset_of(cursor), part.raw, part.begin
        end = charset.find_line_end(raw, begin, cursor.offset - begin)
        if not end:
            return raw[begin:] if len(raw) - begin > self._max_line else b""
        is_over_long = self._grouping is not None and end - begin - charset.width > self._max_line
        return raw[begin : begin + self._max_line + 1] if is_over_long else b""

    def _detect_charset(self, cursor: Cursor) -> Charset:
        """The encoding with the byte order of this file, which its first bytes say as soon as they are there."""
        if cursor.charset is None and not self._charset.needs_bom:
            cursor.charset = self._charset
        elif cursor.charset is None and len(mark := cursor.life.pread(2, 0)) == len(b"\xff\xfe"):
            cursor.charset = self._charset.resolve(mark)
        return self._charset_of(cursor)

    def _charset_of(self, cursor: Cursor) -> Charset:
        return cursor.charset or self._charset.resolve(b"")

    @property
    def _max_read(self) -> int:
        """As many bytes as may be needed to see the end of a line or event that is not too long, or that it is."""
        return self._max_line + 1 if self._grouping is None else 2 * (self._max_line + 1)

    def _cut_events(self, cursor: Cursor, grouping: TimedGrouping, part: _ReadPart, newline: int) -> Chunk | None:
        """Return the whole events of the part, whose lines end at `newline`, or the last one if it is over."""
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
            cursor.due = self._clock.monotonic()  # it has grown meanwhile
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
        """What was read, and where in it the bytes begin that are asked for: copies are made of lines only."""
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
        """Return the end of the file without a character that is not complete yet; the next run reads it whole."""
        if not self._may_complete_character(cursor):
            return data
        return data[: len(data) - self._charset_of(cursor).count_partial_bytes(data, cursor.offset)]

    def _may_complete_character(self, cursor: Cursor) -> bool:
        file = cursor.life
        return file.closing and not file.over and self._clock.now() - file.modified < PARTIAL_GRACE_S

    def _cut_over_long(self, cursor: Cursor, data: bytes, bound: int, at_cut: bool) -> Chunk | None:
        """The head of a line that is longer than `max_line`, once its end is known. Needs no more memory."""
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
            # Half a code unit at the end of a file that is over.
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

        None while nothing follows them, and until they count: then they are searched again.
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
    """Return the bytes before a gap. A hole ends the event before it, a line that is too new does not."""
    bound, at_cut = cursor.offset + gap.end - part.begin, gap.is_hole
    return part._replace(raw=part.raw[: gap.end], bound=bound, at_cut=at_cut, due=None if at_cut else gap.due)
