"""A file that is tracked: one generation, its open file, and the position of each sink."""

from __future__ import annotations

import bisect
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum, auto
from typing import Protocol

import msgspec

from sidecar.model.checkpoint import Checkpoint, Intent, KnownFile
from sidecar.model.file import Generation
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES, Fingerprint
from sidecar.model.lines import Chunk
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.safe_open import NotRegular
from sidecar.tail.source import FileStat, Source, open_source


class FileJournal(Protocol):
    """The part of the state that must be written before bytes are sent."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


class Truncated(Exception):
    """The bytes before a position have changed, so the file has other content now."""


class FileMoved(OSError):
    """The file was closed for a while, and has lost its name. The next scan finds it, if it still exists."""


_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
"""Errors of open(2) that show that the file has lost its name. Any other error may be temporary."""


_MOST_MOMENTS = 64


_MOST_CUTS, _KEPT_CUTS = 20_000, 10_000
"""Maximum number of recorded boundaries of a file, and how many remain when the oldest are dropped. Only boundaries
that every sink has passed are dropped."""


class FileLocation(msgspec.Struct, frozen=True):
    """The location of a file: the fixed directory of its pattern, without links, and its last path (`name`)."""

    root: str
    name: str


class FilePhase(Enum):
    """The phase of a tracked file."""

    ACTIVE = auto()
    """The file grows under its first name."""

    ROTATED = auto()
    """The file has lost its first name, or is a copy. It may still be written."""

    QUIET = auto()
    """The file was rotated and has not grown for a while. Its last line is complete, and a sink may finish it."""

    DELIVERED = auto()
    """Every sink has settled the file. It is followed in case it grows again."""

    ENDED = auto()
    """No more of the file can be read."""


class TrackedFile:
    """A tracked file, with one generation. Shared by the tracker and the shippers of a pipeline.

    `size`: bytes that can be read. `seen`: the largest real size that was seen: more than `size` if the file was
    truncated, less if it has an implausible hole that was not read yet. `disk_size` and `modified`: values of stat(2)
    at the last comparison. `moves`: how often the location has changed. `recorded`: the largest `seen` in the state.
    """

    # More than twenty methods and fifteen attributes: the tracker and the shippers share the state of a file here,
    # under one lock. There may be thousands of these objects, so they have no dictionaries.
    __slots__ = (
        "_away", "_cuts", "_descriptors", "_file", "_grown", "_head", "_ledger", "_source", "_taken", "_taken_tail",
        "_turn", "closing", "disk_size", "ended", "file_id", "generation", "grown_at", "intent", "modified",
        "moved", "moves", "over", "packed", "phase", "place", "recorded", "seen", "settled", "shrunk", "sighted",
        "size",
    )  # fmt: skip

    def __init__(
        self, generation: Generation, source: Source, place: FileLocation, head: bytes, cuts: Sequence[int],
        ledger: FileJournal, descriptors: OpenFileLimiter,
    ) -> None:  # fmt: skip
        self.generation = generation
        self.file_id = source.identity
        self.packed = source.packed
        self.place = place
        self.size = self.disk_size = 0
        self.seen = 0
        self.modified = 0.0
        self.grown_at = 0.0
        self.phase = FilePhase.ACTIVE
        self.closing = False
        """Whether an unterminated last line is complete, because the file is quiet or the sidecar ends."""

        self.over = False
        """Whether a sink that has settled the file may finish it."""

        self.sighted = True
        """Whether the last scan has found the file."""

        self.moved = False
        """Whether the file is a copy that was made before the file of this generation was truncated."""

        self.ended = ""
        """Why no more can be read: "truncated" or "deleted"; "" while the file can be read."""

        self.shrunk: tuple[int, float] | None = None
        """Size and time at which the file became shorter than `size`, while it may regain its size; else None."""

        self.moves = 0
        self.recorded = 0
        self.settled: dict[str, Checkpoint] = {}
        self.intent: Intent | None = None
        self._source: Source | None = source
        source.limit(None)
        self._away = False
        self._head = head
        self._cuts = tuple(sorted(cuts))
        self._taken, self._taken_tail = 0, b""
        """The largest offset of the end of a chunk that was read, and the bytes before it."""

        self._grown: list[tuple[int, float]] = []
        self._ledger = ledger
        self._descriptors = descriptors
        self._turn = threading.Lock()
        self._file = threading.RLock()
        descriptors.used(self)

    def enter(self, phase: FilePhase, *, is_last_run: bool = False) -> None:
        """Change the phase. `is_last_run`: the sidecar ends."""
        self.phase, self.over = phase, phase in (FilePhase.QUIET, FilePhase.DELIVERED)
        self.closing = is_last_run or self.over

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
        with self._file:
            data = self._opened().pread(length, offset)
        self._descriptors.used(self)
        return data

    def data_after(self, offset: int) -> int:
        """Return the next offset from `offset` on that is not in a hole of the file."""
        with self._file:
            return self._opened().data_after(offset)

    def status(self) -> FileStat:
        """Return size and times of the file. Raise `FileMoved`."""
        with self._file:
            found = self._opened().status()
        self._descriptors.used(self)
        return found

    def may_have_changed(self) -> bool:
        """Return whether the open file may have changed: a cheap check before a comparison."""
        with self._file:
            if self._source is None or self.packed:
                return self._source is not None
            status = self._source.status()
            return status.disk_size != self.disk_size or status.modified != self.modified

    def _opened(self) -> Source:
        if self._source is None:
            if self._away:
                raise FileMoved("the file is not where it was")
            try:
                source = open_source(self.place.root, self.place.name)
            except OSError as error:
                if error.errno not in _GONE and not isinstance(error, NotRegular):
                    raise
                raise FileMoved("the file is not under its name") from None
            if not source.identity.matches(self.file_id):
                source.close()
                raise FileMoved("another file has its name")
            self._source = source
        return self._source

    def keep(self, keep: Callable[[Source], None]) -> None:
        """Call `keep` with the open file, which no other thread can close until it returns.

        Raise `FileMoved`, or the error of `keep`.
        """
        with self._file:
            keep(self._opened())
        self._descriptors.used(self)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep other threads from reading the file until the block ends."""
        with self._file:
            yield

    def take_source(self) -> Source:
        """Return the open file, which the caller must close or pass on. Reading fails until `relocate` is called."""
        with self._file:
            source = self._opened()
            self._source, self._away = None, True
            self.moves += 1
        self._descriptors.closed(self)
        return source

    def relocate(self, source: Source, place: FileLocation) -> None:
        """Continue in another file, which has the same bytes at the same offsets."""
        with self._file:
            self.close()
            self._source, self.place, self.file_id, self.packed = source, place, source.identity, source.packed
            source.limit(None)
            self._away = False
            self.moves += 1
        self._descriptors.used(self)

    def park(self) -> bool:
        """Close the file for a while, unless a thread is reading it or it could not be reopened. Return whether it
        was closed.
        """
        may_close = self.sighted or self.phase is FilePhase.DELIVERED
        if not may_close or not self._file.acquire(blocking=False):
            return False
        try:
            self.close()
        finally:
            self._file.release()
        return True

    @property
    def unread_from(self) -> int:
        """Offset up to which every sink has settled the file."""
        return min((point.offset for point in self.settled.values()), default=0)

    def unsettled(self, offset: int) -> int:
        """Return the number of bytes after `offset` that were seen. An implausible hole counts after it was read."""
        return max(0, min(self.size, self.seen) - offset)

    def end(self, reason: str) -> None:
        """Close the file, because no more of it can be read, for this reason."""
        with self._file:
            self.ended, self.phase, self._away = reason, FilePhase.ENDED, True
            self.close()

    def close(self) -> None:
        """Close the file. It is opened again when it is read."""
        with self._file:
            if self._source is not None:
                self._source.close()
                self._source = None
        self._descriptors.closed(self)

    def remembered(self) -> KnownFile:
        """Return the generation in the form in which the state stores it."""
        return KnownFile(
            self.generation, self.file_id, Fingerprint.from_head(self._head), self.name, self.seen, self.ended,
            self.moved, dict(self.settled), self._cuts, self.intent,
        )  # fmt: skip

    def grew(self, at: float) -> None:
        """Record that the file has grown to `size` at this time, by the monotonic clock."""
        passed = min((point.offset for point in self.settled.values()), default=0)
        grown = self._grown
        if grown and grown[-1][0] > self.size:
            grown = []
        grown = [*(moment for moment in grown if moment[0] > passed), (self.size, at)]
        if len(grown) > _MOST_MOMENTS:
            *older, newest = grown
            grown = [(later[0], earlier[1]) for earlier, later in zip(older[::2], older[1::2], strict=True)]
            grown.append(newest)
        self._grown = grown

    def appeared(self, offset: int) -> float | None:
        """Return when the byte at `offset` was first seen, or a slightly earlier time; None if it was not seen."""
        return next((at for size, at in self._grown if size > offset), None)

    def next_cut(self, offset: int) -> int | None:
        """Return the first recorded boundary after `offset`, at which an unterminated line was shipped; or None."""
        place = bisect.bisect_right(self._cuts, offset)
        return self._cuts[place] if place < len(self._cuts) else None

    def is_cut(self, offset: int) -> bool:
        """Return whether there is a recorded boundary at `offset`."""
        return offset in self._cuts

    def cut(self, start: int, end: int) -> bool:
        """Record a boundary: the line or event at `start` is shipped up to `end`, although it may continue.

        The boundary is durable when this returns. Return False if a sink has already read more of the file.
        """
        with self._turn:
            if end in self._cuts:
                return True
            if self._taken > end:
                return False
            passed = min((point.offset for point in self.settled.values()), default=0)
            self._ledger.add_boundary(self.generation.id, start, end)
            self._cuts = tuple(sorted((*self._cuts, end)))
            if len(self._cuts) > _MOST_CUTS:
                self._cuts = self._cuts[bisect.bisect_left(self._cuts, min(passed, self._cuts[-_KEPT_CUTS])) :]
                self._ledger.prune_boundaries(self.generation.id, self._cuts[0])
            return True

    def take(self, chunk: Chunk) -> bool:
        """Claim a chunk for sending and return True. Return False if a boundary was recorded inside it after it was
        read.
        """
        with self._turn:
            cut = self.next_cut(chunk.offset)
            if cut is not None and cut < chunk.end:
                return False
            if chunk.end > self._taken:
                is_plain = chunk.end == chunk.offset + len(chunk.data)
                self._taken, self._taken_tail = chunk.end, chunk.data[-OVERLAP_BYTES:] if is_plain else b""
            self.seen = max(self.seen, chunk.end)
            return True

    def check_head(self, offset: int, data: bytes) -> None:
        """Raise `Truncated` if `data`, the bytes at `offset`, differs from the known first bytes of the file."""
        known = self._head[offset : offset + len(data)]
        if data[: len(known)] != known:
            raise Truncated

    def is_unchanged(self) -> bool:
        """Return whether the known bytes are unchanged: the first bytes, those before each checkpoint, and those that
        were read last.
        """
        if self.pread(len(self._head), 0) != self._head:
            return False
        taken, tail = self._taken, self._taken_tail
        if taken <= self.size and self.pread(len(tail), taken - len(tail)) != tail:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= self.size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def may_be_part(self, size: int) -> bool:
        """Return whether the file, which has shrunk to `size` bytes, has the same content up to its end."""
        head = self._head[:size]
        if not head or self.pread(len(head), 0) != head:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def cover(self, chunk: Chunk, crc: int | None = None) -> None:
        """Record a chunk that is about to be sent, unless a checkpoint covers it. Durable when this returns.

        The fingerprint is extended by the chunk. `crc`: checksum of everything before the end of the chunk. Until
        there is a checkpoint, it is recorded each time the number of bytes has doubled.
        """
        head = self._head
        if len(head) < FINGERPRINT_BYTES and chunk.end > len(head):
            before = self.pread(min(chunk.offset, FINGERPRINT_BYTES), 0) if chunk.offset > len(head) else head
            # A chunk without data is a hole. It is not filled any more, because bytes follow it.
            data = chunk.data or bytes(min(FINGERPRINT_BYTES, chunk.end - chunk.offset))
            head = (before[: chunk.offset] + data)[:FINGERPRINT_BYTES]
        intent = None if crc is None or not self._needs_intent(chunk.end) else Intent(chunk.end, crc)
        if intent is None and len(head) <= len(self._head):
            return
        with self._turn:
            if not head.startswith(self._head):
                head = self._head  # another sink has extended the fingerprint in the meantime
            self._ledger.extend(self.generation.id, Fingerprint.from_head(head), intent)
            self._head, self.intent = head, intent or self.intent

    def _needs_intent(self, end: int) -> bool:
        recorded = self.intent.offset if self.intent else 0
        has_checkpoint = any(point.offset for point in self.settled.values())
        return end > recorded and (end >= 2 * recorded or recorded < FINGERPRINT_BYTES) and not has_checkpoint
