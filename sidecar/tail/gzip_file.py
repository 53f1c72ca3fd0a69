"""A gzip file (RFC 1952), by position in its decompressed bytes."""

from __future__ import annotations

import os
import threading
import zlib
from contextlib import suppress

from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.file_stat import FileStat
from sidecar.tail.identity import file_id
from sidecar.tail.scan_allowance import Postponed, ScanAllowance

MAGIC = b"\x1f\x8b"
_PIECE = 64 * 1024
_MEASURED_AT_ONCE = 16 << 20
_MAX_EXPANSION = 1032
"""One byte of deflate (RFC 1951) unpacks to no more than this."""
_MAX_KEPT = 64
_LEAST_CHARGED = 4096
"""Bytes that a step counts for that makes fewer of them: an archive may hold any number of empty parts."""


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
        size = self._measuring.content_end
        return FileStat(size, found.st_mtime, found.st_nlink, size, found.st_size)

    def modified_at(self) -> float:
        """Return that of the compressed file."""
        return os.fstat(self.fd).st_mtime

    def holds(self, size: int) -> bool:
        """Unpack so much and no more."""
        found = self._notice_growth()
        if size > found.st_size * _MAX_EXPANSION:
            return False
        return self._measuring.measure(size, self._allowance) >= size

    def has_content_after(self, offset: int) -> bool:
        """Unpack until a byte that is not NUL follows."""
        self._notice_growth()
        return self._measuring.find_content(offset + 1, self._allowance) > offset

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
        self.content_end = 0
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
        """Return how many bytes there are; stop at `enough`."""
        while not self._over and self.end < enough:
            self._measure_piece(allowance)
        return self.end

    def find_content(self, enough: int, allowance: ScanAllowance | None = None) -> int:
        """Return the offset after the last byte that is not NUL; stop at `enough`."""
        while not self._over and self.content_end < enough:
            self._measure_piece(allowance)
        return self.content_end

    def _measure_piece(self, allowance: ScanAllowance | None) -> None:
        self._forget_before(self.end)
        self._buffer = self._more(allowance)
        content = self._buffer.rstrip(b"\0")
        self.content_end = self.base + len(content) if content else self.content_end

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
