"""Reads a compressed file by offset in its decompressed bytes."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress

from sidecar.model.file import FileId
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.compression import CompressionFormat, Decoder
from sidecar.tail.file_stat import FileStat, strip_nul
from sidecar.tail.identity import file_id, find_new_id
from sidecar.tail.safe_open import close_quietly
from sidecar.tail.scan_allowance import Postponed, ScanAllowance

_PIECE_BYTES = 64 * 1024
_MEASURE_STEP_BYTES = 16 << 20
_MAX_CACHED_READS = 64
_MIN_CHARGED_BYTES = 4096
"""Minimum bytes that one step of decompression counts against the `ScanAllowance`, even if it yields fewer. An
archive may contain any number of empty members."""

_MAX_LARGE_READS, _MAX_LARGE_MEASUREMENTS = 3, 1
"""Maximum numbers of streams with a large window at a time: for reading, and for measuring the size."""


class _NoWindow(Exception):
    """Raised if the maximum number of streams with a large window is reached."""


class _Windows:
    """Limits how many streams with a large window exist in the process, because each needs much memory."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._holders: dict[_Stream, None] = {}
        """The streams that have a window, the least recently used first."""

    def reserve(self, stream: _Stream, *, may_interrupt: bool) -> None:
        """Reserve a window for the stream. Raise `_NoWindow` if all are in use.

        To free a window, drop other streams that are at the end of their files, or any stream if `may_interrupt`.
        """
        with self._lock:
            self._holders.pop(stream, None)
            for other in list(self._holders):
                if len(self._holders) >= self._limit and (may_interrupt or other.is_at_end) and other.drop():
                    del self._holders[other]
            if len(self._holders) >= self._limit and not may_interrupt:
                raise _NoWindow
            self._holders[stream] = None

    def release(self, stream: _Stream) -> None:
        with self._lock:
            self._holders.pop(stream, None)


_READ_WINDOWS, _MEASURE_WINDOWS = _Windows(_MAX_LARGE_READS), _Windows(_MAX_LARGE_MEASUREMENTS)


class CompressedFile:
    """A compressed file, which is decompressed in constant memory.

    Each thread has a separate stream. With a shared one, two sinks at different offsets would make each other
    decompress from the start. An incomplete file is read as far as it can be decompressed. Its size is measured in
    steps, as if it were growing, because a small file may expand to any number of bytes.
    """

    is_compressed = True

    def __init__(self, fd: int, form: CompressionFormat) -> None:
        self.fd = fd
        self.identity = file_id(fd)
        self._form = form
        self._stamp = (-1, 0)
        """Size and time of the compressed file at the last call."""

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
                self._cached_reads[offset, length] = data  # a postponed comparison will read the same bytes again
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
        """Return size and times. The size counts the bytes that were decompressed so far."""
        status = self._notice_growth()
        with suppress(Postponed):
            self._measure(self._size + _MEASURE_STEP_BYTES)
        size = self._content_size
        return FileStat(size, status.st_mtime, status.st_nlink, size, status.st_size, damage=self._explain_damage())

    def modified_at(self) -> float:
        """Return the time of the last change of the compressed file."""
        return os.fstat(self.fd).st_mtime

    def has_bytes(self, size: int) -> bool:
        """Return whether there are at least `size` decompressed bytes. Decompress no more than that."""
        status, max_expansion = self._notice_growth(), self._form.max_expansion
        if max_expansion is not None and size > status.st_size * max_expansion:
            return False
        if self._size < size:
            self._measure(size, is_needed=True)
        return self._size >= size

    def has_content_after(self, offset: int) -> bool:
        """Return whether a byte other than NUL follows after `offset`. Decompress no more than necessary.

        Raise `OSError` if this is unknown, because the data before such a byte is damaged.
        """
        self._notice_growth()
        if self._content_size <= offset:
            self._measure(float("inf"), offset + 1, is_needed=True)
        if self._content_size <= offset and (damage := self._explain_damage()):
            raise OSError(errno.EBADMSG, damage)
        return self._content_size > offset

    def _explain_damage(self) -> str:
        if not self._measuring.is_damaged:
            return ""
        return f"its {self._form.name} data is damaged after {self._size} bytes of content; the rest is not read"

    def _measure(self, size: float, content: float = float("inf"), *, is_needed: bool = False) -> None:
        """Measure the file: decompress until `size` bytes are known, or `content` bytes before trailing NUL bytes.

        `is_needed`: raise `Postponed` if no window is free now.
        """
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
        stamp = status.st_size, status.st_mtime_ns
        if stamp != self._stamp:
            if status.st_size < self._stamp[0] or self._measuring.is_damaged:  # the damaged bytes may be valid now
                self._drop_streams()
                self._start_again()
            self._stamp = stamp
            self._measuring.resume()
        return status

    def find_new_identity(self) -> FileId | None:
        """Take and return the identity that the file has now, if the file system has changed it; else None."""
        identity = find_new_id(self.fd, self.identity)
        self.identity = identity or self.identity
        return identity

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Limit how many bytes the current scan may decompress; None: no limit."""
        self._allowance = allowance
        if allowance is None:
            self._cached_reads.clear()

    def find_data(self, offset: int) -> int:
        """Return `offset`, because a compressed file has no information about holes."""
        return offset

    def close(self) -> None:
        """Close the file and free all memory."""
        self._drop_streams()
        close_quietly(self.fd)

    def _drop_streams(self) -> None:
        for stream in self._streams:
            if stream.drop():
                stream.windows.release(stream)


class _Stream:
    """Decompresses a file forward. `base`: offset of the first decompressed byte that is still in memory."""

    def __init__(self, fd: int, form: CompressionFormat, windows: _Windows) -> None:
        self.base = self.content_end = 0
        self.windows = windows
        self.is_at_end = False
        """Whether the current end of the file was reached."""

        self.is_damaged = False
        """Whether the stream has ended at bytes that are not valid."""

        self.is_dropped = False
        """Whether the memory was freed, so that the stream cannot be used any more."""

        self._fd, self._form = fd, form
        self._decoder: Decoder | None = None
        self._has_member = False
        """Whether a member of the file was decompressed to its end."""

        self._position = 0
        self._unread = self._buffer = b""
        self._lock = threading.Lock()

    @property
    def end(self) -> int:
        return self.base + len(self._buffer)

    def read(self, length: int, offset: int, allowance: ScanAllowance | None = None) -> bytes:
        with self._lock:
            while not self.is_at_end and self.end < offset + length:
                self._forget_before(offset)
                self._buffer += self._decompress(allowance, may_interrupt=True)
            return self._buffer[offset - self.base : offset - self.base + length]

    def measure(
        self, size: float, content: float, allowance: ScanAllowance | None = None, *, may_interrupt: bool = False
    ) -> None:
        with self._lock:
            while not self.is_at_end and self.end < size and self.content_end < content:
                piece = self._decompress(allowance, may_interrupt=may_interrupt)
                self.base, self._buffer = self.end, piece
                if rest := strip_nul(piece):
                    self.content_end = self.base + len(rest)

    def resume(self) -> None:
        """Allow reads after the end that was reached, because the file may have grown."""
        self.is_at_end = False

    def drop(self) -> bool:
        """Free the memory. Return False if this is not possible, because a thread is decompressing."""
        if not self._lock.acquire(blocking=False):
            return False
        self._decoder, self._unread, self.is_dropped = None, b"", True
        self._lock.release()
        return True

    def _forget_before(self, offset: int) -> None:
        passed = min(max(0, offset - self.base), len(self._buffer))
        self._buffer = self._buffer[passed:]
        self.base += passed

    def _decompress(self, allowance: ScanAllowance | None, *, may_interrupt: bool) -> bytes:
        if allowance is not None:
            allowance.check()
        if self._form.has_large_window:
            self.windows.reserve(self, may_interrupt=may_interrupt)
        data = self._decompress_piece()
        if allowance is not None:
            allowance.charge(max(len(data), _MIN_CHARGED_BYTES))
        if self._form.has_large_window and self._decoder is None:
            self.windows.release(self)
        return data

    def _decompress_piece(self) -> bytes:
        piece = b""
        if self._decoder is None or self._decoder.needs_input:
            piece = self._unread or os.pread(self._fd, _PIECE_BYTES, self._position)
            self._position += 0 if self._unread else len(piece)
            self._unread, self.is_at_end = b"", not piece
        if self._decoder is None and piece:
            if self._has_member and not piece.startswith(self._form.magic[:1]):
                self.is_at_end = True  # what follows the last member is ignored, as gzip(1) does
                return b""
            self._decoder = self._form.new_decoder()
        if self._decoder is None:
            return b""
        try:
            data = self._decoder.decompress(piece, _PIECE_BYTES)
        except self._form.errors:
            self.is_at_end = self.is_damaged = True
            return b""
        if self._decoder.eof:
            self._has_member = True
            self._unread = self._decoder.unused_data.lstrip(b"\0")
            self._decoder = None
        return data
