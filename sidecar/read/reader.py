"""The next chunk of one file for one sink: whole lines, and nothing that could have changed meanwhile.

Each read is one `pread` that begins before the position and compares what stands there with what was there
when the position was reached; so nothing can change between the check and the read.
"""

from __future__ import annotations

from collections.abc import Callable

from sidecar.flow import Chunk
from sidecar.positions import OVERLAP
from sidecar.read.life import Cursor, Truncated

_SEARCHED_AT_ONCE = 16 << 20

CHUNK = 128 * 1024
"""Bytes asked for at a time: stays in the processor's cache and keeps memory low."""


class Reader:
    """Reads chunks. `max_line` is the longest line in bytes that is kept whole."""

    def __init__(self, max_line: int = 1 << 20, chunk: int = CHUNK) -> None:
        self._max_line = max_line
        self._chunk = chunk

    def next_chunk(self, cursor: Cursor) -> Chunk | None:
        """Whole lines from the cursor on, or None if no line is complete yet (or `cursor.searching` for its end).

        In a closing life the unterminated last line is a line; where it ends is durable when this returns.
        Raises `Truncated` if the bytes before the cursor have changed, `OSError` as pread(2) does.
        """
        life = cursor.life
        cursor.searching = False
        stop = life.next_cut(cursor.offset)
        bound = life.size if stop is None else min(stop, life.size)
        at_cut = stop is not None and stop <= life.size
        want = self._chunk
        while cursor.offset < bound:
            data = self._checked(cursor, min(want, bound - cursor.offset))
            if data.startswith(b"\0"):
                return self._hole(cursor, bound)
            complete = cursor.offset + len(data) >= bound
            if newline := data.rfind(b"\n") + 1:
                if at_cut and complete:
                    return self._made(cursor, data, closed=newline < len(data))
                return self._made(cursor, data[:newline])
            if len(data) > self._max_line:
                return self._over_long(cursor, data, bound, at_cut)
            if complete:
                return self._unterminated(cursor, data, at_cut)
            want = min(want * 4, self._max_line + 1)
        return None

    @staticmethod
    def _checked(cursor: Cursor, want: int) -> bytes:
        back = min(OVERLAP, cursor.offset)
        raw = cursor.life.pread(back + want, cursor.offset - back)
        if len(raw) < back + want:
            raise Truncated
        cursor.check(raw[:back])
        cursor.before = raw[:back]
        data = raw[back:] if back else raw
        cursor.life.check_head(cursor.offset, data)
        return data

    @staticmethod
    def _made(cursor: Cursor, data: bytes, *, closed: bool = False, end: int = 0, cut_bytes: int = 0) -> Chunk:
        life = cursor.life
        continued = life.is_cut(cursor.offset) and not (cursor.before or b"").endswith(b"\n")
        end = end or cursor.offset + len(data)
        return Chunk(life.generation, cursor.offset, data, end, closed, continued, cut_bytes)

    def _unterminated(self, cursor: Cursor, data: bytes, at_cut: bool) -> Chunk | None:
        if not at_cut:
            if not cursor.life.closing:
                return None
            cursor.life.cut(cursor.offset, cursor.offset + len(data))
        return self._made(cursor, data, closed=True)

    def _over_long(self, cursor: Cursor, data: bytes, bound: int, at_cut: bool) -> Chunk | None:
        """The head of a line that is longer than `max_line`, once its end is known. Needs no more memory."""
        head = data[: self._max_line]
        at = cursor.offset + len(data)
        if cursor.scanned < at:
            cursor.scanned, cursor.scanned_tail = at, data[-OVERLAP:]
        found = self._scan(cursor, bound, lambda piece: piece.find(b"\n") + 1)
        self._still_begins(cursor, head)
        end = cursor.scanned
        if found:
            return self._made(cursor, head, closed=True, end=end, cut_bytes=end - 1 - cursor.offset - len(head))
        if cursor.searching:
            return None
        if not at_cut:
            if not cursor.life.closing:
                return None
            cursor.life.cut(cursor.offset, end)
        return self._made(cursor, head, closed=True, end=end, cut_bytes=end - cursor.offset - len(head))

    def _hole(self, cursor: Cursor, bound: int) -> Chunk | None:
        """Passes NUL bytes at the beginning of a line in constant memory, as soon as something follows them."""
        if cursor.scanned < cursor.offset:
            cursor.scanned, cursor.scanned_tail = cursor.offset, cursor.before or b""
        found = self._scan(cursor, bound, _after_hole)
        self._still_begins(cursor, b"\0")
        if found or (cursor.life.closing and not cursor.searching):
            return self._made(cursor, b"", end=cursor.scanned)
        return None

    def _scan(self, cursor: Cursor, bound: int, passed: Callable[[bytes], int]) -> bool:
        """Move `scanned` on until `passed` says how many bytes of a piece belong to what is passed (0: all of it).

        Holes of the file are jumped over, and after some megabytes others have their turn first.
        """
        pause_at = cursor.scanned + _SEARCHED_AT_ONCE
        self._jump(cursor, bound)
        while cursor.scanned < bound:
            if cursor.scanned >= pause_at:
                cursor.searching = True
                return False
            piece = cursor.life.pread(min(self._chunk, bound - cursor.scanned), cursor.scanned)
            if not piece:
                raise Truncated
            here = passed(piece)
            taken = piece[: here or None] if here >= 0 else b""
            cursor.scanned += len(taken)
            cursor.scanned_tail = (cursor.scanned_tail + taken)[-OVERLAP:]
            if here:
                return True
        return False

    @staticmethod
    def _jump(cursor: Cursor, bound: int) -> None:
        """Over the hole that begins here, if one does: it reads as NUL bytes."""
        there = min(cursor.life.data_after(cursor.scanned), bound)
        if there > cursor.scanned:
            nul = bytes(min(OVERLAP, there - cursor.scanned))
            cursor.scanned, cursor.scanned_tail = there, (cursor.scanned_tail + nul)[-OVERLAP:]

    @staticmethod
    def _still_begins(cursor: Cursor, head: bytes) -> None:
        """The reads of a scan have to be of one life: what stood before them must still be there after them."""
        if cursor.life.packed:
            return
        expected = (cursor.before or b"") + head[:OVERLAP]
        back = min(OVERLAP, cursor.offset)
        if cursor.life.pread(len(expected), cursor.offset - back) != expected:
            raise Truncated


def _after_hole(piece: bytes) -> int:
    """How many NUL bytes the piece begins with if something follows them: 0 for all, -1 for none."""
    rest = piece.lstrip(b"\0")
    return (len(piece) - len(rest) or -1) if rest else 0
