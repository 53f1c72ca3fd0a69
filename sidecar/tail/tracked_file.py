"""A file that is tracked: one generation, its open file, and the position of each sink."""

from __future__ import annotations

import bisect
import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Protocol

import msgspec

from sidecar.model.checkpoint import Checkpoint, Intent, KnownFile
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES, Fingerprint, checksum
from sidecar.model.lines import Chunk
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.safe_open import NotRegular
from sidecar.tail.source import FileStat, Source, open_source

UNKNOWN_SIZE = -1
"""Value of `disk_size` of a file that is compared again in each scan."""


class FileJournal(Protocol):
    """Writes what must be in the state before bytes are sent."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


class Truncated(Exception):
    """The bytes before a position have changed, so the file was truncated or overwritten."""


class FileMoved(OSError):
    """The file cannot be opened again, because it has lost its name. The next scan finds it, if it still exists."""


_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
"""Values of `errno` after open(2) if the file has lost its name. Any other error may be temporary."""


_MAX_GROWTH_RECORDS = 64

_MAX_BOUNDARIES, _KEPT_BOUNDARIES = 20_000, 10_000
"""Maximum number of recorded boundaries of a file, and how many remain when the oldest are dropped. Only boundaries
before the checkpoints of all sinks are dropped."""


class FileLocation(msgspec.Struct, frozen=True):
    """The location of a file. `root`: the fixed directory of its pattern, without links. `name`: its last path."""

    root: str
    name: str


class FilePhase(Enum):
    """The phase of a tracked file."""

    ACTIVE = auto()
    """The file has its original name, under which it was first found, and may grow."""

    ROTATED = auto()
    """The file no longer has its original name, or is a copy. It may still be written."""

    QUIET = auto()
    """The file was rotated and has not grown for a while. Its last line is complete, and a sink may finish it."""

    DELIVERED = auto()
    """Every sink has settled the file. It stays tracked in case it grows again."""

    ENDED = auto()
    """No more of the file can be read."""


class TrackedFile:
    """A tracked file, with one generation. Shared by the tracker and the shippers of a pipeline.

    `size`: bytes that can be read. `seen`: the largest real size so far. It is more than `size` if the file was
    truncated, and less if the file is sparse and has a large hole that was not read yet. `recorded`: the value of
    `seen` in the state. `disk_size` and `modified`: values of stat(2) at the last comparison. `move_count`: how often
    the location has changed.
    """

    # More than twenty methods and fifteen attributes, because the tracker and the shippers share the state of a file
    # here, under one lock. There may be thousands of these objects, so they have slots.
    __slots__ = (
        "_boundaries",
        "_claimed_end",
        "_claimed_tail",
        "_descriptors",
        "_growth",
        "_head",
        "_is_detached",
        "_ledger",
        "_lock",
        "_source",
        "_source_lock",
        "compared_at",
        "disk_size",
        "ended",
        "file_id",
        "format",
        "generation",
        "grown_at",
        "intent",
        "is_compressed",
        "is_in_copy",
        "is_in_last_scan",
        "is_last_line_complete",
        "may_finish",
        "modified",
        "move_count",
        "phase",
        "place",
        "previous_size",
        "recorded",
        "scanned_size",
        "seen",
        "settled",
        "shrunk",
        "size",
    )  # fmt: skip

    def __init__(
        self, generation: Generation, source: Source, place: FileLocation, head: bytes, boundaries: Sequence[int],
        ledger: FileJournal, descriptors: OpenFileLimiter,
    ) -> None:  # fmt: skip
        self.generation = generation
        self.file_id = source.identity
        self.is_compressed = source.is_compressed
        self.place = place
        self.size = self.disk_size = 0
        self.seen = 0
        self.modified = 0.0
        self.grown_at = self.compared_at = 0.0
        self.phase = FilePhase.ACTIVE
        self.is_last_line_complete = False
        """Whether an unterminated last line counts as complete, because the file is quiet or the sidecar ends."""

        self.may_finish = False
        """Whether a sink that has settled all bytes may record the file as finished."""

        self.is_in_last_scan = True
        """Whether the last scan has found the file under a matching name."""

        self.is_in_copy = False
        """Whether the content is read from a copy, because the file itself was truncated or deleted."""

        self.ended = ""
        """Why no more can be read: "truncated" or "deleted"; "" while the file can be read."""

        self.shrunk: tuple[int, float] | None = None
        """The size to which the file has shrunk, and when, while it may regain its size; else None."""

        self.previous_size = self.scanned_size = 0
        """The size of the file in the scan before the last one, and in the last one that has found it; else 0."""

        self.move_count = 0
        self.recorded = 0
        self.settled: dict[str, Checkpoint] = {}
        self.intent: Intent | None = None
        self.format: str | None = None
        """The format that was detected for the file, as JSON, if its pipeline detects formats; else None."""

        self._source: Source | None = source
        source.limit(None)
        self._is_detached = False
        self._head = head
        self._boundaries = tuple(sorted(boundaries))
        self._claimed_end, self._claimed_tail = 0, b""
        """The largest end of a chunk that a shipper has claimed, and the bytes before it."""

        self._growth: list[tuple[int, float, float]] = []
        """Sizes of the file, when each was first seen, and when it was probably reached, by the monotonic clock."""

        self._ledger = ledger
        self._descriptors = descriptors
        self._lock = threading.Lock()
        self._source_lock = threading.RLock()
        descriptors.mark_used(self)

    def enter(self, phase: FilePhase, *, is_last_run: bool = False) -> None:
        """Change the phase. `is_last_run`: the sidecar ends, so an unterminated last line counts as complete."""
        self.phase, self.may_finish = phase, phase in (FilePhase.QUIET, FilePhase.DELIVERED)
        self.is_last_line_complete = is_last_run or self.may_finish

    @property
    def name(self) -> str:
        """The path that the file was last seen under."""
        return self.place.name

    @property
    def head(self) -> bytes:
        """The first bytes of the file, which the fingerprint covers."""
        return self._head

    @property
    def is_open(self) -> bool:
        """Whether the file is open now."""
        return self._source is not None

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most `length` bytes from `offset`. Raise `FileMoved`, or `OSError` as pread(2) does."""
        with self._source_lock:
            data = self._open_source().pread(length, offset)
        self._descriptors.mark_used(self)
        return data

    def find_data(self, offset: int) -> int:
        """Return the next offset from `offset` on that is not in a hole of the file."""
        with self._source_lock:
            return self._open_source().find_data(offset)

    def status(self) -> FileStat:
        """Return size and times of the file. Raise `FileMoved`."""
        with self._source_lock:
            found = self._open_source().status()
        self._descriptors.mark_used(self)
        return found

    def may_have_changed(self) -> bool:
        """Return whether the open file may have changed: a cheap check before a comparison."""
        with self._source_lock:
            if self._source is None or self.is_compressed:
                return self._source is not None
            status = os.fstat(self._source.fd)
            # Scans look after a file with an unknown size: it may be expensive to measure.
            is_resized = self.disk_size not in (UNKNOWN_SIZE, status.st_size)
            return is_resized or status.st_mtime != self.modified

    def find_new_identity(self) -> FileId | None:
        """Return the new identity of the open file, if the file system has changed it; else None."""
        with self._source_lock, suppress(OSError):
            return self._source.find_new_identity() if self._source else None
        return None

    def _open_source(self) -> Source:
        if self._source is None:
            if self._is_detached:
                raise FileMoved("the file has ended, or its content is being searched in other files")
            try:
                source = open_source(self.place.root, self.place.name)
            except OSError as error:
                if error.errno not in _GONE and not isinstance(error, NotRegular):
                    raise
                raise FileMoved("the file was renamed or deleted after it was closed") from None
            if not source.identity.matches(self.file_id):
                source.close()
                raise FileMoved("another file has this name now")
            self._source = source
        return self._source

    def call_with_source(self, function: Callable[[Source], None]) -> None:
        """Call a function with the open file. No other thread can close the file until the function returns.

        Raise `FileMoved`, or the error of the function.
        """
        with self._source_lock:
            function(self._open_source())
        self._descriptors.mark_used(self)

    @contextmanager
    def lock_reads(self) -> Iterator[None]:
        """Keep other threads from reading the file until the block ends."""
        with self._source_lock:
            yield

    def take_source(self) -> Source:
        """Return the open file, which the caller must close or pass on. Reading fails until `relocate` is called."""
        with self._source_lock:
            source = self._open_source()
            self._source, self._is_detached = None, True
            self.move_count += 1
        self._descriptors.mark_closed(self)
        return source

    def relocate(self, source: Source, place: FileLocation) -> None:
        """Read from another open file from now on. It must have the same bytes at the same offsets."""
        with self._source_lock:
            self.close()
            self._source, self.place, self.file_id, self.is_compressed = (
                source,
                place,
                source.identity,
                source.is_compressed,
            )
            source.limit(None)
            self._is_detached = False
            self.move_count += 1
        self._descriptors.mark_used(self)

    def close_if_idle(self) -> bool:
        """Close the file, unless a thread reads it or it may not be found again. Return whether it was closed."""
        may_close = self.is_in_last_scan or self.phase is FilePhase.DELIVERED
        if not may_close or not self._source_lock.acquire(blocking=False):
            return False
        try:
            self.close()
        finally:
            self._source_lock.release()
        return True

    @property
    def unread_from(self) -> int:
        """Offset up to which every sink has settled the file."""
        return min((point.offset for point in self.settled.values()), default=0)

    def count_unsettled(self, offset: int) -> int:
        """Return the number of bytes after `offset`. A large hole of a sparse file counts after it was read."""
        return max(0, min(self.size, self.seen) - offset)

    def end(self, reason: str) -> None:
        """Close the file for good. `reason`: why no more of it can be read."""
        with self._source_lock:
            self.ended, self.phase, self._is_detached = reason, FilePhase.ENDED, True
            self.close()

    def close(self) -> None:
        """Close the file. It is opened again when it is read."""
        with self._source_lock:
            if self._source is not None:
                self._source.close()
                self._source = None
        self._descriptors.mark_closed(self)

    def to_known_file(self) -> KnownFile:
        """Return a copy of what the state stores of this generation."""
        return KnownFile(
            self.generation, self.file_id, Fingerprint.from_head(self._head), self.name, self.seen, self.ended,
            self.is_in_copy, dict(self.settled), self._boundaries, self.intent, self.format,
        )  # fmt: skip

    def record_growth(self, at: float, written_at: float | None = None) -> None:
        """Record that the file has grown to `size` at this time, by the monotonic clock.

        `written_at`: when it was probably written, if that is earlier.
        """
        grown, settled = self._growth, self.unread_from
        if grown and grown[-1][0] > self.size:
            grown = []
        newest = self.size, at, at if written_at is None else min(written_at, at)
        grown = [*(moment for moment in grown if moment[0] > settled), newest]
        if len(grown) > _MAX_GROWTH_RECORDS:
            *older, newest = grown
            grown = [(later[0], *earlier[1:]) for earlier, later in zip(older[::2], older[1::2], strict=True)]
            grown.append(newest)
        self._growth = grown

    def find_first_seen(self, offset: int) -> float | None:
        """Return when the byte at `offset` was first seen, or a slightly earlier time; None if it was not seen."""
        return next((seen_at for size, seen_at, _ in self._growth if size > offset), None)

    def find_written_at(self, offset: int) -> float | None:
        """Return when the byte at `offset` was written, as far as this is known; None if it was not seen.

        For bytes that the file had when it was opened, this is the time of the file. For others it is when they were
        first seen.
        """
        return next((written_at for size, _, written_at in self._growth if size > offset), None)

    def next_boundary(self, offset: int) -> int | None:
        """Return the first recorded boundary after `offset`, at which an unterminated line was shipped; or None."""
        place = bisect.bisect_right(self._boundaries, offset)
        return self._boundaries[place] if place < len(self._boundaries) else None

    def is_boundary(self, offset: int) -> bool:
        """Return whether there is a recorded boundary at `offset`."""
        return offset in self._boundaries

    def add_boundary(self, start: int, end: int) -> bool:
        """Record a boundary: the line or event at `start` is shipped up to `end`, although it may continue.

        The boundary is durable when this returns. Return False if a sink has already read more of the file.
        """
        with self._lock:
            if end in self._boundaries:
                return True
            if self._claimed_end > end:
                return False
            self._ledger.add_boundary(self.generation.id, start, end)
            self._boundaries = tuple(sorted((*self._boundaries, end)))
            if len(self._boundaries) > _MAX_BOUNDARIES:
                oldest = min(self.unread_from, self._boundaries[-_KEPT_BOUNDARIES])
                self._boundaries = self._boundaries[bisect.bisect_left(self._boundaries, oldest) :]
                self._ledger.prune_boundaries(self.generation.id, self._boundaries[0])
            return True

    def claim(self, chunk: Chunk) -> bool:
        """Reserve a chunk for sending. Return False if a boundary was recorded inside it after it was read."""
        with self._lock:
            boundary = self.next_boundary(chunk.offset)
            if boundary is not None and boundary < chunk.end:
                return False
            if chunk.end > self._claimed_end:
                is_plain = chunk.end == chunk.offset + len(chunk.data)
                self._claimed_end, self._claimed_tail = chunk.end, chunk.data[-OVERLAP_BYTES:] if is_plain else b""
            self.seen = max(self.seen, chunk.end)
            return True

    def check_head(self, offset: int, data: bytes) -> None:
        """Raise `Truncated` if `data`, the bytes at `offset`, differs from the known first bytes of the file."""
        known = self._head[offset : offset + len(data)]
        if data[: len(known)] != known:
            raise Truncated

    def is_unchanged(self) -> bool:
        """Return whether the known bytes are unchanged.

        These are the first bytes, the bytes before each checkpoint, and the last bytes of the last chunk.
        """
        if self.pread(len(self._head), 0) != self._head:
            return False
        taken, tail = self._claimed_end, self._claimed_tail
        if taken <= self.size and self.pread(len(tail), taken - len(tail)) != tail:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= self.size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def has_checksummed_content(self) -> bool:
        """Return whether everything before the checkpoints is unchanged, by checksum. This reads all of it."""
        start = crc = 0
        for offset, expected in self.to_known_file().checksums():
            if offset <= self.size:
                start, crc = offset, checksum(self.pread(offset - start, start), crc)
                if crc != expected:
                    return False
        return True

    def is_prefix_unchanged(self, size: int) -> bool:
        """Return whether the known bytes before `size` are unchanged, for a file that has shrunk to this size."""
        head = self._head[:size]
        if not head or self.pread(len(head), 0) != head:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def record_sending(self, chunk: Chunk, crc_after: Callable[[Chunk], int | None] = lambda _: None) -> None:
        """Record in the state that a chunk is about to be sent. The record is durable when this returns.

        Extend the fingerprint by the chunk, up to its maximum length. Until there is a checkpoint, also record the
        result of `crc_after`, the checksum of everything before the end of the chunk, each time the number of bytes
        has doubled.
        """
        head = self._head
        if len(head) < FINGERPRINT_BYTES and chunk.end > len(head):
            before = self.pread(min(chunk.offset, FINGERPRINT_BYTES), 0) if chunk.offset > len(head) else head
            # A chunk without data is a hole. Bytes follow it, so it will not be filled any more.
            data = chunk.data or bytes(min(FINGERPRINT_BYTES, chunk.end - chunk.offset))
            head = (before[: chunk.offset] + data)[:FINGERPRINT_BYTES]
        crc = crc_after(chunk) if self._needs_intent(chunk.end) else None
        intent = None if crc is None else Intent(chunk.end, crc)
        if intent is None and len(head) <= len(self._head):
            return
        with self._lock:
            if not head.startswith(self._head):
                head = self._head  # another sink has extended the fingerprint in the meantime
            self._ledger.extend(self.generation.id, Fingerprint.from_head(head), intent)
            self._head, self.intent = head, intent or self.intent

    def _needs_intent(self, end: int) -> bool:
        recorded = self.intent.offset if self.intent else 0
        has_checkpoint = any(point.offset for point in self.settled.values())
        return end > recorded and (end >= 2 * recorded or recorded < FINGERPRINT_BYTES) and not has_checkpoint
