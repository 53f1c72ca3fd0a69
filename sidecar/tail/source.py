"""The bytes of one open file, plain or compressed, by position."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from contextlib import suppress
from typing import NamedTuple, Protocol

from sidecar.model.file import FileId
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES
from sidecar.tail.identity import file_id
from sidecar.tail.safe_open import open_regular

_PIECE = 64 * 1024
_MEASURED_AT_ONCE = 16 << 20
_MAGIC = b"\x1f\x8b"
_MAX_EXPANSION = 1032
"""One byte of deflate (RFC 1951) unpacks to no more than this."""
_MAX_KEPT = 64
_LEAST_CHARGED = 4096
"""Bytes that a step counts for that makes fewer of them: an archive may hold any number of empty parts."""


class Postponed(Exception):
    """To answer, more has to be unpacked than one scan may. The next scan continues from there."""


class ScanAllowance:
    """How many bytes may still be unpacked in this scan."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Count what was unpacked."""
        self.left -= size

    def check(self) -> None:
        """Raise `Postponed` if nothing is left."""
        if self.left <= 0:
            raise Postponed


_BLOCK = 512
"""Unit of `st_blocks` (inode(7))."""

MAX_COMPRESSION = 64
_SMALL = 1 << 20
"""A file that is this many times larger than what it takes on the disk, and a MiB more, is sparse rather than
compressed by the file system: btrfs stores 128 KiB in at least 4 KiB."""


class FileStat(NamedTuple):
    """What fstat(2) says of a file.

    `size`: in bytes, uncompressed. `modified`: the time of the last change. `links`: the number of names.
    `real_size`: the size without an implausible hole. A sparse file may claim up to 2^63 - 1 bytes and hold none.
    """

    size: int
    modified: float
    links: int
    real_size: int


class Source(Protocol):
    """An open file. `identity` says which one it is; `packed`: it is compressed, and not written in place."""

    packed: bool

    @property
    def identity(self) -> FileId: ...

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most `length` bytes from `offset`, fewer only at the end. Raise `OSError` as pread(2) does.

        Bytes that changed between two calls of pread(2) are left out, which makes the result shorter.
        """
        ...

    def status(self) -> FileStat: ...

    def modified_at(self) -> float:
        """Return the time of the last change, as fstat(2) says it."""
        ...

    def holds(self, size: int) -> bool:
        """Whether there are so many bytes at least."""
        ...

    def data_after(self, offset: int) -> int:
        """Where the next byte may be that is not in a hole, `offset` or later; the size if there is none."""
        ...

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Let `pread` and `holds` raise `Postponed` from now on when nothing is left; None sets no limit."""
        ...

    def close(self) -> None: ...


class PlainFile:
    """A file as it is."""

    packed = False

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.identity = file_id(fd)

    def pread(self, length: int, offset: int) -> bytes:
        """Read as pread(2) does, and read on where it returns less than was asked for (FUSE, NFS and gVisor do)."""
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
        """As fstat(2)."""
        found = os.fstat(self.fd)
        return FileStat(found.st_size, found.st_mtime, found.st_nlink, self._real_size(found))

    def _real_size(self, found: os.stat_result) -> int:
        allocated = found.st_blocks * _BLOCK
        if found.st_size <= MAX_COMPRESSION * allocated + _SMALL or not self._has_hole(found.st_size):
            return found.st_size
        return allocated

    def _has_hole(self, size: int) -> bool:
        """Return whether a part of the file is a hole. File systems that do not know report none (lseek(2))."""
        try:
            return os.lseek(self.fd, 0, os.SEEK_HOLE) < size
        except OSError:
            return False

    def modified_at(self) -> float:
        """Return it as fstat(2) says it."""
        return os.fstat(self.fd).st_mtime

    def holds(self, size: int) -> bool:
        """By fstat(2)."""
        return os.fstat(self.fd).st_size >= size

    def data_after(self, offset: int) -> int:
        """By lseek(2) with SEEK_DATA, where the file system knows its holes."""
        try:
            return os.lseek(self.fd, offset, os.SEEK_DATA)
        except OSError as error:
            return os.fstat(self.fd).st_size if error.errno == errno.ENXIO else offset

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Do nothing: a plain file is not unpacked."""


class GzipFile:
    """A gzip file (RFC 1952) by positions in what was packed, in constant memory.

    Each thread has a separate stream, so that two sinks at two places do not make each other start again.
    A file that breaks off counts as far as it can be unpacked. Its size is found bit by bit, as if it were growing,
    because a small file may hold any number of bytes.
    """

    packed = True

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.identity = file_id(fd)
        self._streams = threading.local()
        self._measuring = _Stream(fd)
        self._packed = -1
        self._allowance: ScanAllowance | None = None
        self._kept: dict[tuple[int, int], bytes] = {}

    def pread(self, length: int, offset: int) -> bytes:
        """At most `length` unpacked bytes from `offset`."""
        if self._allowance is None:
            return self._stream(offset).read(length, offset)
        self._notice_growth()
        kept = self._kept.get((offset, length))
        if kept is None:
            kept = self._stream(offset).read(length, offset, self._allowance)
            if len(kept) == length <= FINGERPRINT_BYTES and len(self._kept) < _MAX_KEPT:
                self._kept[offset, length] = kept  # so that a comparison that continues need not begin again
        return kept

    def _stream(self, offset: int) -> _Stream:
        stream: _Stream | None = getattr(self._streams, "stream", None)
        if stream is None or offset < stream.base:
            stream = self._streams.stream = _Stream(self.fd)
        stream.go_on()
        return stream

    def status(self) -> FileStat:
        """The size is that of the unpacked bytes, as far as it was found out yet."""
        found = self._notice_growth()
        with suppress(Postponed):
            self._measuring.measure(self._measuring.end + _MEASURED_AT_ONCE, self._allowance)
        size = self._measuring.end
        return FileStat(size, found.st_mtime, found.st_nlink, size)

    def modified_at(self) -> float:
        """Return that of the compressed file."""
        return os.fstat(self.fd).st_mtime

    def holds(self, size: int) -> bool:
        """Unpack so much and no more."""
        found = self._notice_growth()
        if size > found.st_size * _MAX_EXPANSION:
            return False
        return self._measuring.measure(size, self._allowance) >= size

    def _notice_growth(self) -> os.stat_result:
        found = os.fstat(self.fd)
        if found.st_size < self._packed:
            self._measuring, self._streams = _Stream(self.fd), threading.local()
            self._kept.clear()
        if found.st_size != self._packed:
            self._packed = found.st_size
            self._measuring.go_on()
        return found

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Limit what is unpacked in the scan that asks."""
        self._allowance = allowance
        if allowance is None:
            self._kept.clear()

    def data_after(self, offset: int) -> int:
        """Nothing is known of holes."""
        return offset

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.fd)


class _Stream:
    """Unpacks forward. `base` is the position of the first byte that is still in memory."""

    def __init__(self, fd: int) -> None:
        self.base = 0
        self._fd = fd
        self._at = 0
        self._unpacker = zlib.decompressobj(31)
        self._packed = b""
        self._buffer = b""
        self._over = False

    def read(self, length: int, offset: int, allowance: ScanAllowance | None = None) -> bytes:
        while not self._over and self.end < offset + length:
            self._forget_before(offset)
            self._buffer += self._more(allowance)
        return self._buffer[offset - self.base : offset - self.base + length]

    @property
    def end(self) -> int:
        return self.base + len(self._buffer)

    def measure(self, enough: int, allowance: ScanAllowance | None = None) -> int:
        """How many bytes there are; stops at `enough`."""
        while not self._over and self.end < enough:
            self._forget_before(self.end)
            self._buffer = self._more(allowance)
        return self.end

    def go_on(self) -> None:
        """There may be more than there was."""
        self._over = False

    def _forget_before(self, offset: int) -> None:
        passed = min(max(0, offset - self.base), len(self._buffer))
        self._buffer = self._buffer[passed:]
        self.base += passed

    def _more(self, allowance: ScanAllowance | None) -> bytes:
        if allowance is not None:
            allowance.check()
        if not self._packed:
            self._packed = os.pread(self._fd, _PIECE, self._at)
            self._at += len(self._packed)
            self._over = not self._packed
        try:
            data = self._unpacker.decompress(self._packed, _PIECE)
        except zlib.error:
            self._over = True
            return b""
        if allowance is not None:
            allowance.take(max(len(data), _LEAST_CHARGED))
        self._packed = self._unpacker.unconsumed_tail
        if self._unpacker.eof:
            self._packed = self._unpacker.unused_data.lstrip(b"\0")
            self._unpacker = zlib.decompressobj(31)
        return data


def open_source(root: str, path: str) -> Source:
    """The regular file `path` below the resolved directory `root`, unpacked if it is a gzip file by name and content.

    Raises `NotRegular`, or `OSError` as open(2) does.
    """
    fd = open_regular(root, path)
    try:
        if path.endswith(".gz") and os.pread(fd, 2, 0) == _MAGIC:
            return GzipFile(fd)
        return PlainFile(fd)
    except OSError:
        os.close(fd)
        raise


def read_head(source: Source) -> bytes:
    """How the file begins. NUL bytes at the end of it may be a place that is yet to be written."""
    return source.pread(FINGERPRINT_BYTES, 0).rstrip(b"\0")


class OwnedSource:
    """An open file that is closed at the end of the block unless it was taken."""

    def __init__(self, source: Source | None) -> None:
        self.source = source
        self._mine = source is not None

    @property
    def open(self) -> Source:
        """The file, where it is known to be open."""
        if self.source is None:
            raise ValueError("nothing was opened")
        return self.source

    def take(self) -> Source:
        """The file is the caller's now."""
        self._mine = False
        return self.open

    def __enter__(self) -> OwnedSource:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine and self.source is not None:
            self.source.close()
