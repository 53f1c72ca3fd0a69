"""A file that is not compressed, by position."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from sidecar.model.fingerprint import OVERLAP_BYTES
from sidecar.tail.file_stat import FileStat
from sidecar.tail.identity import file_id
from sidecar.tail.scan_allowance import ScanAllowance

_BLOCK = 512
"""Unit of `st_blocks` (inode(7))."""

MAX_COMPRESSION = 64
_SMALL = 1 << 20
"""A file that is this many times larger than what it takes on the disk, and a MiB more, is sparse rather than
compressed by the file system: btrfs stores 128 KiB in at least 4 KiB."""

_MIN_WINDOW, _FIRST_READ_FORWARD = 1 << 16, 1 << 12
"""Bytes read at a time to find the end of the content, and the first time after the end that is known."""

_MAX_READ_FORWARD, _MAX_READ_BACK = 1 << 20, 64 << 20
"""Bytes read in one call in either direction."""


class PlainFile:
    """A file as it is."""

    packed = False

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.identity = file_id(fd)
        self._content = _ContentEnd(fd)

    def pread(self, length: int, offset: int) -> bytes:
        """Read as pread(2) does, and continue where it returns less than was asked for (FUSE, NFS and gVisor do)."""
        data = os.pread(self.fd, length, offset)
        return data if len(data) in (0, length) else self._read_rest(data, length, offset)

    def _read_rest(self, first: bytes, length: int, offset: int) -> bytes:
        pieces, end = [first], len(first)
        while end < length and (piece := os.pread(self.fd, length - end, offset + end)):
            pieces.append(piece)
            end += len(piece)
        if len(pieces) > 1 and not first.startswith(os.pread(self.fd, min(len(first), OVERLAP_BYTES), offset)):
            return first  # the file was written again meanwhile: the pieces may be of two contents
        return b"".join(pieces)

    def status(self) -> FileStat:
        """Return what fstat(2) says. NUL bytes at the end do not count."""
        status = os.fstat(self.fd)
        size = self._content.find(status)
        return FileStat(size, status.st_mtime, status.st_nlink, self._real_size(size, status), status.st_size)

    def _real_size(self, size: int, status: os.stat_result) -> int:
        allocated = status.st_blocks * _BLOCK
        if size <= MAX_COMPRESSION * allocated + _SMALL or not self._has_hole(status.st_size):
            return size
        return allocated

    def _has_hole(self, size: int) -> bool:
        """Return whether a part of the file is a hole. File systems that do not know report none (lseek(2))."""
        try:
            return os.lseek(self.fd, 0, os.SEEK_HOLE) < size
        except OSError:
            return False

    def modified_at(self) -> float:
        """Return the time of the last change."""
        return os.fstat(self.fd).st_mtime

    def holds(self, size: int) -> bool:
        """Return whether there are so many bytes at least."""
        return os.fstat(self.fd).st_size >= size

    def has_content_after(self, offset: int) -> bool:
        """Return whether a byte that is not NUL follows."""
        return self._content.find(os.fstat(self.fd)) > offset

    def data_after(self, offset: int) -> int:
        """Return where the next byte may be that is not in a hole; the size of the file if there is none."""
        after = _find_data(self.fd, offset)
        return os.fstat(self.fd).st_size if after is None else after

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Do nothing: a plain file is not decompressed."""


class _ContentEnd:
    """Finds the offset after the last byte that is not NUL.

    It answers a smaller offset while it has not searched all of a very large end, and never one that is too large.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._end = 0
        self._unpadded_size = 0
        """The size when no NUL bytes were at the end; 0 when there were some."""

        self._stamp = (0, 0)
        self._nul_from = 0
        """All bytes from here on were NUL in the file of `_stamp`, its size and its time of change."""

    def find(self, status: os.stat_result) -> int:
        size = status.st_size
        if size == self._unpadded_size:
            return size
        if not self._is_nul(size - 1):
            self._unpadded_size = self._end = size
            return size
        self._unpadded_size = 0
        if self._end > size or (self._end and self._is_nul(self._end - 1)):
            self._end = 0
        stamp = size, status.st_mtime_ns
        if stamp != self._stamp:
            self._stamp, self._nul_from = stamp, size
        with suppress(OSError):  # the reader meets the same error and reports it
            self._read_forward()
            self._read_back()
        return self._end

    def _is_nul(self, offset: int) -> bool:
        with suppress(OSError):
            return offset >= 0 and os.pread(self._fd, 1, offset) == b"\0"
        return False

    def _read_forward(self) -> None:
        """Find bytes that were added at the end. An application that reserves space fills it from there on."""
        length, stop = _FIRST_READ_FORWARD, self._end + _MAX_READ_FORWARD
        while self._end < stop:
            content = os.pread(self._fd, length, self._end).rstrip(b"\0")
            self._end += len(content)
            if len(content) < length:
                return
            length = min(2 * length, _MIN_WINDOW)

    def _read_back(self) -> None:
        """Find bytes anywhere after the known end, the last ones first. Jump over holes."""
        window, left = _MIN_WINDOW, _MAX_READ_BACK
        while self._nul_from > self._end and left > 0:
            start = max(self._end, self._nul_from - window)
            data = _find_data(self._fd, start)
            if data is None or data >= self._nul_from:
                self._nul_from, window = start, 2 * window
            elif window > _MIN_WINDOW:
                window = _MIN_WINDOW
            else:
                content = os.pread(self._fd, self._nul_from - start, start).rstrip(b"\0")
                left -= self._nul_from - start
                self._nul_from = start + len(content)
                self._end = max(self._end, self._nul_from if content else 0)


def _find_data(fd: int, offset: int) -> int | None:
    """Return where the next byte may be that is not in a hole, `offset` or later; None if all of the rest is one."""
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        return None if error.errno == errno.ENXIO else offset
