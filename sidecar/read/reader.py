"""The next chunk of one file for one sink: whole lines, and nothing that could have changed meanwhile.

Each read is one `pread` that begins before the position and compares what stands there with what was there
when the position was reached; so nothing can change between the check and the read.
"""

from __future__ import annotations

import os

from sidecar.flow import Chunk
from sidecar.positions import OVERLAP
from sidecar.read.life import Cursor, Truncated

CHUNK = 128 * 1024
"""Bytes asked for at a time: stays in the processor's cache and keeps memory low."""


class Reader:
    """Reads chunks. `max_line` is the longest line in bytes that is kept whole."""

    def __init__(self, max_line: int = 1 << 20, chunk: int = CHUNK) -> None:
        self._max_line = max_line
        self._chunk = chunk

    def next_chunk(self, cursor: Cursor) -> Chunk | None:
        """Whole lines from the cursor on, or None if no line is complete yet.

        In a closing life the unterminated last line is a line; where it ends is durable when this returns.
        Raises `Truncated` if the bytes before the cursor have changed, `OSError` as pread(2) does.
        """
        life = cursor.life
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
        raw = os.pread(cursor.life.fd, back + want, cursor.offset - back)
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
        at = max(cursor.scanned, cursor.offset + len(data))
        while at < bound:
            piece = os.pread(cursor.life.fd, min(self._chunk, bound - at), at)
            if not piece:
                raise Truncated
            newline = piece.find(b"\n") + 1
            at += newline or len(piece)
            if newline:
                cut_bytes = at - 1 - cursor.offset - len(head)
                return self._made(cursor, head, closed=True, end=at, cut_bytes=cut_bytes)
        cursor.scanned = at
        if not at_cut:
            if not cursor.life.closing:
                return None
            cursor.life.cut(cursor.offset, at)
        return self._made(cursor, head, closed=True, end=at, cut_bytes=at - cursor.offset - len(head))

    def _hole(self, cursor: Cursor, bound: int) -> Chunk | None:
        """Passes NUL bytes at the beginning of a line in constant memory, as soon as something follows them."""
        at = max(cursor.scanned, cursor.offset)
        while at < bound:
            piece = os.pread(cursor.life.fd, min(self._chunk, bound - at), at)
            if not piece:
                raise Truncated
            rest = piece.lstrip(b"\0")
            at += len(piece) - len(rest)
            if rest:
                return self._made(cursor, b"", end=at)
        cursor.scanned = at
        return self._made(cursor, b"", end=at) if cursor.life.closing else None
