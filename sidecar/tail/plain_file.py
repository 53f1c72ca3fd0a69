"""Reads a file that is not compressed, and finds the end of its content."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from sidecar.model.file import FileId
from sidecar.model.fingerprint import OVERLAP_BYTES
from sidecar.tail.file_stat import FileStat, strip_nul
from sidecar.tail.identity import file_id, find_new_id
from sidecar.tail.safe_open import close_quietly
from sidecar.tail.scan_allowance import ScanAllowance

_BLOCK_BYTES = 512
"""Unit of `st_blocks` (inode(7))."""

MAX_COMPRESSION = 64
_SPARSE_SLACK_BYTES = 1 << 20
"""A file is sparse, and not only compressed by the file system, if it is larger than `MAX_COMPRESSION` times its
blocks on disk plus these bytes. btrfs stores 128 KiB in at least 4 KiB."""

_MIN_WINDOW, _FIRST_READ_FORWARD = 1 << 16, 1 << 12
"""Number of bytes to read at a time to find the end of the content, and in the first read after the known end."""

_MAX_NUL_IN_CHARACTER = 3
"""Maximum NUL bytes at the end of a character: three in UTF-32, one in UTF-16."""

_MAX_READ_FORWARD, _MAX_READ_BACK = 1 << 20, 64 << 20
"""Maximum bytes to read in one call of `find`: after the known end, and from the end of the file backwards."""


class PlainFile:
    """A file that is read as stored, without decompression."""

    is_compressed = False

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.identity = file_id(fd)
        self._content = _ContentEnd(fd)

    def pread(self, length: int, offset: int) -> bytes:
        """Read as pread(2) does. If it returns too few bytes, which FUSE, NFS and gVisor may do, read the rest."""
        data = os.pread(self.fd, length, offset)
        return data if len(data) in (0, length) else self._read_rest(data, length, offset)

    def _read_rest(self, first: bytes, length: int, offset: int) -> bytes:
        pieces, end = [first], len(first)
        while end < length and (piece := os.pread(self.fd, length - end, offset + end)):
            pieces.append(piece)
            end += len(piece)
        if len(pieces) > 1 and not first.startswith(os.pread(self.fd, min(len(first), OVERLAP_BYTES), offset)):
            return first  # the file has changed between the reads, so the pieces may not belong together
        return b"".join(pieces)

    def status(self) -> FileStat:
        """Return the values of fstat(2). NUL bytes at the end do not count as content."""
        status = os.fstat(self.fd)
        size = self._content.find(status)
        real_size, is_final = self._real_size(size, status), self._content.is_searched
        return FileStat(size, status.st_mtime, status.st_nlink, real_size, status.st_size, is_final)

    def _real_size(self, size: int, status: os.stat_result) -> int:
        allocated = status.st_blocks * _BLOCK_BYTES
        if size <= MAX_COMPRESSION * allocated + _SPARSE_SLACK_BYTES or not self._has_hole(status.st_size):
            return size
        return allocated

    def _has_hole(self, size: int) -> bool:
        """Return whether a part of the file is a hole. Some file systems report no holes (lseek(2))."""
        try:
            return os.lseek(self.fd, 0, os.SEEK_HOLE) < size
        except OSError:
            return False

    def modified_at(self) -> float:
        """Return the time of the last change."""
        return os.fstat(self.fd).st_mtime

    def has_bytes(self, size: int) -> bool:
        """Return whether the file has at least `size` bytes."""
        return os.fstat(self.fd).st_size >= size

    def has_content_after(self, offset: int) -> bool:
        """Return whether a byte other than NUL follows after `offset`."""
        end = self._content.find(os.fstat(self.fd))
        if end <= offset and not self._content.is_searched:
            end = self._content.find(os.fstat(self.fd))
        return end > offset

    def find_data(self, offset: int) -> int:
        """Return the next offset that is not in a hole; the size of the file if only a hole follows."""
        after = _find_data(self.fd, offset)
        return os.fstat(self.fd).st_size if after is None else after

    def close(self) -> None:
        """Close the file."""
        close_quietly(self.fd)

    def find_new_identity(self) -> FileId | None:
        """Return the new identity of the file and keep it, if the file system has changed it; else return None."""
        identity = find_new_id(self.fd, self.identity)
        self.identity = identity or self.identity
        return identity

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Do nothing, because a plain file is not decompressed."""


class _ContentEnd:
    """Finds the offset after the last byte that is not NUL.

    The result may be too small while `is_searched` is false; it is never too large. A call that finds new content
    after the known end leaves the rest to the next one, because an application that fills reserved space writes again
    soon.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._end = 0
        self._unpadded = (0, 0)
        """The last size and time, if the file did not end with NUL bytes; else zeros."""

        self._stamp = (0, 0)
        self._nul_from = 0
        """All bytes from this offset on were NUL when the file had the size and time of `_stamp`."""

        self.is_searched = False
        """Whether the whole file was searched in the state in which it was seen last."""

    def find(self, status: os.stat_result) -> int:
        size, stamp = status.st_size, (status.st_size, status.st_mtime_ns)
        self.is_searched = True
        if stamp == self._unpadded:
            return size
        if not self._is_nul(size - 1):
            self._unpadded, self._end = stamp, size
            return size
        self._unpadded = 0, 0
        if self._end > size or (self._end and self._is_nul(self._end - 1)):
            self._end = 0
        if stamp != self._stamp:
            self._stamp, self._nul_from = stamp, size
        with suppress(OSError):  # the reader will get the same error and report it
            if not self._read_forward(size):
                self._read_back()
            self.is_searched = self._nul_from <= self._end
        return self._end

    def _is_nul(self, offset: int) -> bool:
        with suppress(OSError):
            return offset >= 0 and os.pread(self._fd, 1, offset) == b"\0"
        return False

    def _read_forward(self, size: int) -> bool:
        """Move the known end after new content. Return True if there is new content and NUL bytes follow it."""
        length, start = _FIRST_READ_FORWARD, self._end
        while self._end < start + _MAX_READ_FORWARD:
            data = os.pread(self._fd, length, self._end)
            content = strip_nul(data)
            is_last = self._end + len(data) >= size
            self._end += len(content)
            if is_last:
                self._nul_from = min(self._nul_from, self._end)
            has_ended = is_last or len(data) < length  # the file may have become shorter since
            if has_ended or len(data) - len(content) > _MAX_NUL_IN_CHARACTER:
                return self._end > start
            length = min(2 * length, _MIN_WINDOW)
        return False

    def _read_back(self) -> None:
        """Search backwards from the end of the file to the known end, to find the last content. Skip holes."""
        window, left = _MIN_WINDOW, _MAX_READ_BACK
        while self._nul_from > self._end and left > 0:
            start = max(self._end, self._nul_from - window)
            data = _find_data(self._fd, start)
            if data is None or data >= self._nul_from:
                self._nul_from, window = start, 2 * window
            elif window > _MIN_WINDOW:
                window = _MIN_WINDOW
            else:
                content = strip_nul(os.pread(self._fd, self._nul_from - start, start))
                left -= self._nul_from - start
                self._nul_from = start + len(content)
                self._end = max(self._end, self._nul_from if content else 0)


def _find_data(fd: int, offset: int) -> int | None:
    """Return the next offset from `offset` on that is not in a hole; None if only a hole follows."""
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        return None if error.errno == errno.ENXIO else offset
