"""The position of one sink in one tracked file."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.lib.charset import Charset
from sidecar.model.checkpoint import Checkpoint
from sidecar.model.fingerprint import OVERLAP_BYTES, OverlapDigest, checksum
from sidecar.model.lines import Chunk
from sidecar.model.span import ParkedRange, PendingSpan
from sidecar.tail.tracked_file import TrackedFile, Truncated


class Cursor:
    """Position of one sink in a tracked file. `offset`: end of the read bytes. `settled`: the settled position."""

    __slots__ = (
        "_settled_before", "before", "charset", "crc", "due", "life", "limit", "offset", "parked", "parked_from",
        "scanned", "scanned_crc",
        "scanned_tail", "searching", "settled", "spans",
    )  # fmt: skip

    def __init__(self, life: TrackedFile, checkpoint: Checkpoint, *, limit: int | None = None) -> None:
        self.life = life
        self.limit = limit
        """Offset at which reading ends, if only a part of the file is read."""

        self.settled = checkpoint
        self.offset = checkpoint.offset
        self.before: bytes | None = b"" if checkpoint.offset == 0 else None
        self.crc = 0 if checkpoint.offset == 0 else checkpoint.crc
        """Checksum of everything before `offset`; None if it is unknown."""

        self.charset: Charset | None = None
        """Encoding of the file, once it was detected."""
        self.scanned = 0
        """Offset up to which the end of an over-long line or hole was searched. `scanned_tail`: the bytes before."""
        self.scanned_tail = b""
        self.scanned_crc = self.crc
        """Checksum of everything before `scanned`."""
        self.due: float | None = None
        """Time at which the last event is complete if no line is added, by the monotonic clock."""
        self.searching = False
        """Whether a search was interrupted to read other files, and must continue."""

        self.spans: list[PendingSpan] = []
        self.parked: list[ParkedRange] = []
        """Records before `settled` that have to be read and delivered again."""

        self.parked_from: Checkpoint | None = None
        """The checkpoint while records are parked: the position before the first parked record."""

        self._settled_before = self.before

    @property
    def checkpoint(self) -> Checkpoint:
        """The position before which every record is settled."""
        return self.parked_from or self.settled

    @property
    def parked_bytes(self) -> int:
        """Bytes of all parked records."""
        return sum([item.end - item.start for item in self.parked]) if self.parked else 0

    @property
    def unsettled_bytes(self) -> int:
        """Bytes that were seen and are not settled."""
        return self.life.unsettled(self.settled.offset) + self.parked_bytes

    def next_cut(self) -> int | None:
        """Return the first offset after `offset` at which a chunk must end, or None."""
        cut = self.life.next_cut(self.offset)
        return cut if self.limit is None else min(cut or self.limit, self.limit)

    def resume(self, position: Checkpoint, parked: list[ParkedRange]) -> None:
        """Continue from this position; the ranges `parked` before it must be read again."""
        self.parked, self.parked_from = parked, self.settled
        self.settled, self.offset, self.crc = position, position.offset, position.crc
        self.before = self._settled_before = None

    def check(self, before: bytes) -> None:
        """Raise `Truncated` if `before` differs from the known bytes before `offset`."""
        known = self.before
        if known is None:
            if not self.settled.tail.matches(before):
                raise Truncated
        elif known and not before.endswith(known):
            raise Truncated

    def begin_search(self, read: bytes = b"") -> None:
        """Start the search for the end of a line or hole at `offset`. `read`: its bytes that were read already."""
        self.scanned, self.scanned_crc = self.offset + len(read), self._add_to(self.crc, read)
        self.scanned_tail = ((self.before or b"") + read)[-OVERLAP_BYTES:]

    def pass_over(self, piece: bytes) -> None:
        """Move the search after this piece."""
        self.scanned, self.scanned_crc = self.scanned + len(piece), self._add_to(self.scanned_crc, piece)
        self.scanned_tail = (self.scanned_tail + piece)[-OVERLAP_BYTES:]

    @staticmethod
    def _add_to(crc: int | None, data: bytes) -> int | None:
        return None if crc is None else checksum(data, crc)

    def crc_after(self, chunk: Chunk) -> int | None:
        """Return the checksum of everything before the end of a chunk that begins at `offset`."""
        is_plain = chunk.end == chunk.offset + len(chunk.data)
        return self._add_to(self.crc, chunk.data) if is_plain else self.scanned_crc

    def took(self, chunk: Chunk) -> PendingSpan:
        """Move the cursor after a chunk that is to be sent. Return the span of the chunk."""
        plain = chunk.end == chunk.offset + len(chunk.data)
        last = chunk.data[-OVERLAP_BYTES:]
        self.crc = self.crc_after(chunk)
        self.before = ((self.before or b"") + last)[-OVERLAP_BYTES:] if plain else self.scanned_tail
        span = PendingSpan(chunk.offset, chunk.end, self.before, self.crc)
        self.spans.append(span)
        self.offset = chunk.end
        return span

    def settled_prefix(self) -> list[PendingSpan]:
        """Return the settled spans from the settled position on, up to the first span that is not settled."""
        found: list[PendingSpan] = []
        for span in self.spans:
            if not span.settled:
                break
            found.append(span)
        return found

    @staticmethod
    def checkpoint_after(spans: Sequence[PendingSpan]) -> Checkpoint:
        """Return the checkpoint after these spans."""
        return Checkpoint(spans[-1].end, OverlapDigest.from_bytes(spans[-1].before), crc=spans[-1].crc)

    def passed(self, spans: Sequence[PendingSpan]) -> None:
        """Move the settled position after these spans, whose checkpoint is durable."""
        del self.spans[: len(spans)]
        self._settled_before = spans[-1].before
        self.settled = self.checkpoint_after(spans)

    def rewind(self) -> None:
        """Drop the unsettled spans, and read again from the settled position."""
        self.spans.clear()
        self.offset, self.before = self.settled.offset, self._settled_before
        self.crc = 0 if self.offset == 0 else self.settled.crc
        self.scanned, self.scanned_tail, self.searching = 0, b"", False
