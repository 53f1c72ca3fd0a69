"""Searches for the end of the over-long line or hole at a cursor, in constant memory."""

from __future__ import annotations

import errno
from collections.abc import Callable

from sidecar.lib.charset import Charset
from sidecar.model.fingerprint import OVERLAP_BYTES
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import TrackedFile, Truncated

_MAX_SEARCHED_BYTES = 16 << 20
"""Bytes after which a search is interrupted to read other files."""


def search_forward(cursor: Cursor, bound: int, piece_bytes: int, count_passed: Callable[[bytes], int]) -> bool:
    """Move `cursor.searched_to` to the end of the line or hole. Return whether this end was found before `bound`.

    `count_passed` returns how many bytes of a piece belong to the line or hole: 0 if the end is not in this piece, -1
    if the end is before it. If the search is interrupted, `cursor.is_searching` is set.
    """
    stop_at = cursor.searched_to + _MAX_SEARCHED_BYTES
    _jump_over_hole(cursor, bound)
    while cursor.searched_to < bound:
        if cursor.searched_to >= stop_at:
            cursor.is_searching = True
            return False
        piece = cursor.file.pread(min(piece_bytes + piece_bytes % 2, bound - cursor.searched_to), cursor.searched_to)
        if not piece:
            raise explain_short_read(cursor.file, cursor.searched_to + 1)
        passed = count_passed(piece)
        cursor.skip(piece[: passed or None] if passed >= 0 else b"")
        if passed:
            return True
    return False


def _jump_over_hole(cursor: Cursor, bound: int) -> None:
    """Skip a hole of the file system, whose bytes are NUL. The checksum ignores NUL bytes."""
    end = min(cursor.file.find_data(cursor.searched_to), bound)
    if end > cursor.searched_to:
        nul = bytes(min(OVERLAP_BYTES, end - cursor.searched_to))
        cursor.searched_to, cursor.searched_tail = end, (cursor.searched_tail + nul)[-OVERLAP_BYTES:]


def check_unchanged(cursor: Cursor, head: bytes) -> None:
    """Raise `Truncated` if the bytes before or at the cursor have changed since the search began."""
    if cursor.file.is_compressed:
        return
    expected = (cursor.overlap or b"") + head[:OVERLAP_BYTES]
    back = min(OVERLAP_BYTES, cursor.offset)
    if cursor.file.pread(len(expected), cursor.offset - back) != expected:
        raise Truncated


def explain_short_read(file: TrackedFile, needed: int) -> Exception:
    """Return the exception for a read that ended before this offset: truncation, or an I/O error."""
    if file.status().size < needed:
        return Truncated()
    return OSError(errno.EIO, "a read returned fewer bytes than the size of the file promises")


def count_hole_bytes(piece: bytes, offset: int, charset: Charset) -> int:
    """Return the number of NUL bytes at the beginning of a piece.

    Return 0 if all bytes are NUL, and -1 if the first byte is not, as `search_forward` expects.
    """
    hole = charset.count_nul_bytes(piece, offset)
    return 0 if hole == len(piece) else hole or -1
