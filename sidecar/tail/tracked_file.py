"""One generation while it is being read: the open file, and where each sink is in it."""

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
    """What has to be recorded before bytes are sent."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


class Truncated(Exception):
    """The bytes before a position are no longer what they were: the file began a new life."""


class FileMoved(OSError):
    """The file was closed for a while and is not under its name now; the next look tells where it is, if anywhere."""


_GONE = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
"""Failures to open that say that the name leads elsewhere. After any other it may lead to the file again."""


_MOST_MOMENTS = 64


_MOST_CUTS, _KEPT_CUTS = 20_000, 10_000
"""Cuts of one file that are remembered; beyond it the oldest are forgotten that every sink has passed."""


class FileLocation(msgspec.Struct, frozen=True):
    """Where a file is: the resolved directory above the pattern, and the path it was last seen under."""

    root: str
    name: str


class FilePhase(Enum):
    """Where a file is between its first scan and its end."""

    ACTIVE = auto()
    """It grows under the name that it began with."""

    ROTATED = auto()
    """It has left its name, or is a copy. It may still be written."""

    QUIET = auto()
    """It was rotated and has not grown for a while: its last line is complete, and a sink may finish it."""

    DELIVERED = auto()
    """Every sink has all of it. It is followed in case it grows again."""

    ENDED = auto()
    """Nothing more of it can be read."""


class TrackedFile:
    """A file in one generation. Shared by the shippers of a pipeline and the tracker.

    `size` is how much there is to read; `seen` is the largest real size that was ever known: more than `size` when
    the rest was truncated away, less when a part of the file is an implausible hole that was not read yet.
    `disk_size` and `modified` are what stat(2) returned at the last comparison. `moves` counts the changes of place.
    `recorded` is the largest `seen` that is durable.
    """

    # More than twenty methods and fifteen attributes: the tracker and the shippers share what they know of a file
    # here, under one lock. There may be thousands of these, so they have no dictionaries.
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
        """Whether an unterminated last line is a line: the file is quiet, or the sidecar ends."""

        self.over = False
        """Whether a sink that has all of it may finish it."""

        self.sighted = True
        """Whether a path of the pipeline leads to the file."""

        self.moved = False
        """Whether the file is a copy that was made before the file of this generation was truncated."""

        self.ended = ""
        """Why nothing more can be read: "truncated" or "deleted"."""

        self.shrunk: tuple[int, float] | None = None
        """While the file is shorter than `size` and may become whole again: its size, and since when."""

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
        """The largest offset that a chunk was read up to, and the bytes before it."""

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
        """What the fingerprint covers."""
        return self._head

    @property
    def is_open(self) -> bool:
        """Whether it has a descriptor now."""
        return self._source is not None

    def pread(self, length: int, offset: int) -> bytes:
        """At most `length` bytes from `offset`. Raises `OSError` as pread(2) does, and `FileMoved`."""
        with self._file:
            data = self._opened().pread(length, offset)
        self._descriptors.used(self)
        return data

    def data_after(self, offset: int) -> int:
        """Where the next byte may be that is not in a hole of the file, `offset` or later."""
        with self._file:
            return self._opened().data_after(offset)

    def status(self) -> FileStat:
        """What fstat(2) says of the file. Raises `FileMoved`."""
        with self._file:
            found = self._opened().status()
        self._descriptors.used(self)
        return found

    def may_have_changed(self) -> bool:
        """Whether the open file is worth a closer look. Much cheaper than one, for files that are as they were."""
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
        """Call `keep` with the open file; no other thread can close it. Raise `FileMoved` and what `keep` raises."""
        with self._file:
            keep(self._opened())
        self._descriptors.used(self)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep other threads from reading the file until the block ends."""
        with self._file:
            yield

    def take_source(self) -> Source:
        """The open file, for the caller to hand on or to close. Nothing can be read until `relocate`."""
        with self._file:
            source = self._opened()
            self._source, self._away = None, True
            self.moves += 1
        self._descriptors.closed(self)
        return source

    def relocate(self, source: Source, place: FileLocation) -> None:
        """Continue in that file: it holds the same bytes at the same positions, as far as it goes."""
        with self._file:
            self.close()
            self._source, self.place, self.file_id, self.packed = source, place, source.identity, source.packed
            source.limit(None)
            self._away = False
            self.moves += 1
        self._descriptors.used(self)

    def park(self) -> bool:
        """Close the file for a while, unless a thread is reading it or it might be needed and not be found again."""
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
        """The offset up to which every sink has settled the file."""
        return min((point.offset for point in self.settled.values()), default=0)

    def unsettled(self, offset: int) -> int:
        """Return how many bytes after `offset` are known to be there. An implausible hole counts once it was read."""
        return max(0, min(self.size, self.seen) - offset)

    def end(self, reason: str) -> None:
        """Nothing more can be read, for this reason."""
        with self._file:
            self.ended, self.phase, self._away = reason, FilePhase.ENDED, True
            self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        with self._file:
            if self._source is not None:
                self._source.close()
                self._source = None
        self._descriptors.closed(self)

    def remembered(self) -> KnownFile:
        """What the state knows of it, as of now."""
        return KnownFile(
            self.generation, self.file_id, Fingerprint.from_head(self._head), self.name, self.seen, self.ended,
            self.moved, dict(self.settled), self._cuts, self.intent,
        )  # fmt: skip

    def grew(self, at: float) -> None:
        """The file has grown to `size` at this moment of the monotonic clock."""
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
        """When the byte at `offset` was first seen, or somewhat earlier; None if it was not seen."""
        return next((at for size, at in self._grown if size > offset), None)

    def next_cut(self, offset: int) -> int | None:
        """The first offset after `offset` at which an unterminated line was shipped once."""
        place = bisect.bisect_right(self._cuts, offset)
        return self._cuts[place] if place < len(self._cuts) else None

    def is_cut(self, offset: int) -> bool:
        """Whether an unterminated line was shipped up to `offset`."""
        return offset in self._cuts

    def cut(self, start: int, end: int) -> bool:
        """Write down that what begins at `start` is shipped up to `end`, although it may continue. Durable when this
        returns. Returns whether it may be: not if a sink has had more of it in one batch.
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
        """Return whether a chunk may be sent: not if it was cut in two meanwhile."""
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
        """Raises `Truncated` if `data` is not what the file was known to begin with."""
        known = self._head[offset : offset + len(data)]
        if data[: len(known)] != known:
            raise Truncated

    def is_unchanged(self) -> bool:
        """Return whether the bytes that are known are still there: the beginning, those before each checkpoint, and
        those that were read last.
        """
        if self.pread(len(self._head), 0) != self._head:
            return False
        taken, tail = self._taken, self._taken_tail
        if taken <= self.size and self.pread(len(tail), taken - len(tail)) != tail:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= self.size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def may_be_part(self, size: int) -> bool:
        """Return whether the file, which has only `size` bytes now, may be a part of what it was."""
        head = self._head[:size]
        if not head or self.pread(len(head), 0) != head:
            return False
        points = {(p.offset, p.tail) for p in self.settled.values() if not p.done and p.offset <= size}
        return all(tail.matches(self.pread(tail.length, offset - tail.length)) for offset, tail in points)

    def cover(self, chunk: Chunk, crc: int | None = None) -> None:
        """Record what is about to be sent, as far as no checkpoint says it. Durable when this returns.

        The fingerprint grows over the chunk. `crc` is the checksum of everything before the end of the chunk: until
        there is a checkpoint, it is recorded each time when twice as much is sent.
        """
        head = self._head
        if len(head) < FINGERPRINT_BYTES and chunk.end > len(head):
            before = self.pread(min(chunk.offset, FINGERPRINT_BYTES), 0) if chunk.offset > len(head) else head
            # A chunk without data is a hole. Bytes after it are about to be sent, so it is not filled any more.
            data = chunk.data or bytes(min(FINGERPRINT_BYTES, chunk.end - chunk.offset))
            head = (before[: chunk.offset] + data)[:FINGERPRINT_BYTES]
        intent = None if crc is None or not self._needs_intent(chunk.end) else Intent(chunk.end, crc)
        if intent is None and len(head) <= len(self._head):
            return
        with self._turn:
            if not head.startswith(self._head):
                head = self._head  # another sink has covered more meanwhile
            self._ledger.extend(self.generation.id, Fingerprint.from_head(head), intent)
            self._head, self.intent = head, intent or self.intent

    def _needs_intent(self, end: int) -> bool:
        recorded = self.intent.offset if self.intent else 0
        has_checkpoint = any(point.offset for point in self.settled.values())
        return end > recorded and (end >= 2 * recorded or recorded < FINGERPRINT_BYTES) and not has_checkpoint
