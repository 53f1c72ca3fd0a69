"""Searches a file for the end of an over-long line or of a hole, from a cursor on and in constant memory."""

from __future__ import annotations

import errno
from collections.abc import Callable

from sidecar.lib.charset import Charset
from sidecar.model.fingerprint import OVERLAP_BYTES
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile, Truncated

_MAX_SEARCHED_AT_ONCE = 16 << 20
"""Bytes after which a search is interrupted to read other files."""


def search_forward(cursor: Cursor, bound: int, piece_bytes: int, count_passed: Callable[[bytes], int]) -> bool:
    """Move `cursor.scanned` forward to the end that is searched. Return whether it was found before `bound`.

    `count_passed` returns how many bytes of a piece precede the end: 0 for all of them, -1 for none. If the search is
    interrupted, `cursor.searching` is set.
    """
    stop_at = cursor.scanned + _MAX_SEARCHED_AT_ONCE
    _jump_over_hole(cursor, bound)
    while cursor.scanned < bound:
        if cursor.scanned >= stop_at:
            cursor.searching = True
            return False
        piece = cursor.life.pread(min(piece_bytes + piece_bytes % 2, bound - cursor.scanned), cursor.scanned)
        if not piece:
            raise explain_short_read(cursor.life, cursor.scanned + 1)
        passed = count_passed(piece)
        cursor.pass_over(piece[: passed or None] if passed >= 0 else b"")
        if passed:
            return True
    return False


def _jump_over_hole(cursor: Cursor, bound: int) -> None:
    """Skip a hole of the file system, whose bytes are NUL. The checksum ignores NUL bytes."""
    end = min(cursor.life.data_after(cursor.scanned), bound)
    if end > cursor.scanned:
        nul = bytes(min(OVERLAP_BYTES, end - cursor.scanned))
        cursor.scanned, cursor.scanned_tail = end, (cursor.scanned_tail + nul)[-OVERLAP_BYTES:]


def check_still_begins(cursor: Cursor, head: bytes) -> None:
    """Raise `Truncated` if the bytes before or at the cursor have changed since the search began."""
    if cursor.life.packed:
        return
    expected = (cursor.before or b"") + head[:OVERLAP_BYTES]
    back = min(OVERLAP_BYTES, cursor.offset)
    if cursor.life.pread(len(expected), cursor.offset - back) != expected:
        raise Truncated


def explain_short_read(file: TrackedFile, needed: int) -> Exception:
    """Return the exception for a file that ended before this offset: it was truncated, or cannot be read there."""
    if file.status().size < needed:
        return Truncated()
    return OSError(errno.EIO, "the file ends before its size")


def count_hole_bytes(piece: bytes, offset: int, charset: Charset) -> int:
    """Return the number of NUL bytes at the beginning of a piece: 0 if it has no other bytes, -1 if it has none."""
    hole = charset.count_nul_bytes(piece, offset)
    return 0 if hole == len(piece) else hole or -1
