"""A compressed file, by position in its decompressed bytes."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.compression import CompressionFormat, Decoder
from sidecar.tail.file_stat import FileStat
from sidecar.tail.identity import file_id
from sidecar.tail.scan_allowance import Postponed, ScanAllowance

_PIECE_BYTES = 64 * 1024
_MEASURED_AT_ONCE = 16 << 20
_MAX_CACHED_READS = 64
_MIN_CHARGED_BYTES = 4096
"""Bytes that a step counts at least: an archive may hold any number of empty parts."""

_MAX_LARGE_READS, _MAX_LARGE_MEASUREMENTS = 3, 1
"""Streams with a large window that are decompressed at a time, to be read and to find the size."""


class _NoWindow(Exception):
    """Raised where a stream may not have a large window now."""


class _Windows:
    """The streams that hold a large window, at most `limit`.

    One for the whole process, because that is what the memory belongs to.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._holders: dict[_Stream, None] = {}
        """The least recently used one first."""

    def take(self, stream: _Stream, *, may_interrupt: bool) -> None:
        """Let the stream have a window. Raise `_NoWindow` if all are in use.

        Another stream may lose its window: one that waits for its file to grow, or any with `may_interrupt`.
        """
        with self._lock:
            self._holders.pop(stream, None)
            for other in list(self._holders):
                if len(self._holders) >= self._limit and (may_interrupt or other.is_over) and other.drop():
                    del self._holders[other]
            if len(self._holders) >= self._limit and not may_interrupt:
                raise _NoWindow
            self._holders[stream] = None

    def give_back(self, stream: _Stream) -> None:
        with self._lock:
            self._holders.pop(stream, None)


_READ_WINDOWS, _MEASURE_WINDOWS = _Windows(_MAX_LARGE_READS), _Windows(_MAX_LARGE_MEASUREMENTS)


class CompressedFile:
    """A compressed file in constant memory.

    Each thread has its own stream, so that two sinks at two places do not make each other start again. A file that
    is incomplete counts as far as it can be decompressed. Its size is measured piece by piece, as if it were growing,
    because a small file may hold any number of bytes.
    """

    packed = True

    def __init__(self, fd: int, form: CompressionFormat) -> None:
        self.fd = fd
        self.identity = file_id(fd)
        self._form = form
        self._disk_size = -1
        self._allowance: ScanAllowance | None = None
        self._cached_reads: dict[tuple[int, int], bytes] = {}
        self._start_again()

    def _start_again(self) -> None:
        self._size = self._content_size = 0
        self._reading = threading.local()
        self._streams: list[_Stream] = []
        self._measuring = self._new_stream(_MEASURE_WINDOWS)
        self._cached_reads.clear()

    def _new_stream(self, windows: _Windows) -> _Stream:
        stream = _Stream(self.fd, self._form, windows)
        self._streams = [*(each for each in self._streams if not each.is_dropped), stream]
        return stream

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most `length` decompressed bytes from `offset`."""
        if self._allowance is None:
            return self._stream(offset).read(length, offset)
        self._notice_growth()
        data = self._cached_reads.get((offset, length))
        if data is None:
            data = self._stream(offset).read(length, offset, self._allowance)
            if len(data) == length <= FINGERPRINT_BYTES and len(self._cached_reads) < _MAX_CACHED_READS:
                self._cached_reads[offset, length] = data  # a comparison that continues need not begin again
        return data

    def _stream(self, offset: int) -> _Stream:
        stream: _Stream | None = getattr(self._reading, "stream", None)
        if stream is None or stream.is_dropped or offset < stream.base:
            if stream is not None:
                stream.drop()
            stream = self._reading.stream = self._new_stream(_READ_WINDOWS)
        stream.resume()
        return stream

    def status(self) -> FileStat:
        """Return the size of the decompressed bytes, as far as it is known yet."""
        status = self._notice_growth()
        with suppress(Postponed):
            self._measure(self._size + _MEASURED_AT_ONCE)
        size = self._content_size
        return FileStat(size, status.st_mtime, status.st_nlink, size, status.st_size)

    def modified_at(self) -> float:
        """Return the time of the last change of the compressed file."""
        return os.fstat(self.fd).st_mtime

    def holds(self, size: int) -> bool:
        """Decompress so many bytes and no more."""
        status, max_expansion = self._notice_growth(), self._form.max_expansion
        if max_expansion is not None and size > status.st_size * max_expansion:
            return False
        if self._size < size:
            self._measure(size, is_needed=True)
        return self._size >= size

    def has_content_after(self, offset: int) -> bool:
        """Decompress until a byte that is not NUL follows."""
        self._notice_growth()
        if self._content_size <= offset:
            self._measure(float("inf"), offset + 1, is_needed=True)
        return self._content_size > offset

    def _measure(self, size: float, content: float = float("inf"), *, is_needed: bool = False) -> None:
        """Decompress up to one of these sizes. Raise `Postponed` if that `is_needed` and has to wait for a window."""
        if self._measuring.is_dropped:
            self._measuring = self._new_stream(_MEASURE_WINDOWS)
        stream, is_waiting = self._measuring, self._allowance is not None
        try:
            stream.measure(size, content, self._allowance, may_interrupt=is_needed and not is_waiting)
        except _NoWindow:
            if is_needed:
                raise Postponed from None
        finally:
            self._size, self._content_size = max(self._size, stream.end), max(self._content_size, stream.content_end)

    def _notice_growth(self) -> os.stat_result:
        status = os.fstat(self.fd)
        if status.st_size < self._disk_size:
            self._drop_streams()
            self._start_again()
        if status.st_size != self._disk_size:
            self._disk_size = status.st_size
            self._measuring.resume()
        return status

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Limit what is decompressed in the scan that asks."""
        self._allowance = allowance
        if allowance is None:
            self._cached_reads.clear()

    def data_after(self, offset: int) -> int:
        """Return the offset: nothing is known of holes."""
        return offset

    def close(self) -> None:
        """Give back the descriptor and all memory."""
        self._drop_streams()
        os.close(self.fd)

    def _drop_streams(self) -> None:
        for stream in self._streams:
            if stream.drop():
                stream.windows.give_back(stream)


class _Stream:
    """Decompresses forward. `base` is the position of the first byte that is still in memory."""

    def __init__(self, fd: int, form: CompressionFormat, windows: _Windows) -> None:
        self.base = self.content_end = 0
        self.windows = windows
        self.is_over = False
        """Whether the end of the file was reached, for now."""

        self.is_dropped = False
        """Whether the memory was needed elsewhere: the stream cannot be used any more."""

        self._fd, self._form = fd, form
        self._decoder: Decoder | None = None
        self._position = 0
        self._unread = self._buffer = b""
        self._turn = threading.Lock()

    @property
    def end(self) -> int:
        return self.base + len(self._buffer)

    def read(self, length: int, offset: int, allowance: ScanAllowance | None = None) -> bytes:
        with self._turn:
            while not self.is_over and self.end < offset + length:
                self._forget_before(offset)
                self._buffer += self._decompress(allowance, may_interrupt=True)
            return self._buffer[offset - self.base : offset - self.base + length]

    def measure(
        self, size: float, content: float, allowance: ScanAllowance | None = None, *, may_interrupt: bool = False
    ) -> None:
        with self._turn:
            while not self.is_over and self.end < size and self.content_end < content:
                piece = self._decompress(allowance, may_interrupt=may_interrupt)
                self.base, self._buffer = self.end, piece
                if rest := piece.rstrip(b"\0"):
                    self.content_end = self.base + len(rest)

    def resume(self) -> None:
        """Continue at the end: the file may have grown."""
        self.is_over = False

    def drop(self) -> bool:
        """Free the memory, unless a thread is decompressing. Return whether that was possible."""
        if not self._turn.acquire(blocking=False):
            return False
        self._decoder, self._unread, self.is_dropped = None, b"", True
        self._turn.release()
        return True

    def _forget_before(self, offset: int) -> None:
        passed = min(max(0, offset - self.base), len(self._buffer))
        self._buffer = self._buffer[passed:]
        self.base += passed

    def _decompress(self, allowance: ScanAllowance | None, *, may_interrupt: bool) -> bytes:
        if allowance is not None:
            allowance.check()
        if self._form.has_large_window:
            self.windows.take(self, may_interrupt=may_interrupt)
        data = self._decompress_piece()
        if allowance is not None:
            allowance.take(max(len(data), _MIN_CHARGED_BYTES))
        if self._form.has_large_window and self._decoder is None:
            self.windows.give_back(self)
        return data

    def _decompress_piece(self) -> bytes:
        piece = b""
        if self._decoder is None or self._decoder.needs_input:
            piece = self._unread or os.pread(self._fd, _PIECE_BYTES, self._position)
            self._position += 0 if self._unread else len(piece)
            self._unread, self.is_over = b"", not piece
        if self._decoder is None and piece:
            self._decoder = self._form.new_decoder()
        if self._decoder is None:
            return b""
        try:
            data = self._decoder.decompress(piece, _PIECE_BYTES)
        except self._form.errors:
            self.is_over = True
            return b""
        if self._decoder.eof:
            self._unread = self._decoder.unused_data.lstrip(b"\0")
            self._decoder = None
        return data
