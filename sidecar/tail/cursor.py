"""Where one sink is in one tracked file."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.lib.charset import Charset
from sidecar.model.checkpoint import Checkpoint
from sidecar.model.fingerprint import OVERLAP_BYTES, OverlapDigest, checksum
from sidecar.model.lines import Chunk
from sidecar.model.span import ParkedRange, PendingSpan
from sidecar.tail.tracked_file import TrackedFile, Truncated


class Cursor:
    """Where one sink is in one life: `offset` is what was read, `settled` the checkpoint of what is settled."""

    __slots__ = (
        "_settled_before", "before", "charset", "crc", "due", "life", "limit", "offset", "parked", "parked_from",
        "scanned", "scanned_crc",
        "scanned_tail", "searching", "settled", "spans",
    )  # fmt: skip

    def __init__(self, life: TrackedFile, checkpoint: Checkpoint, *, limit: int | None = None) -> None:
        self.life = life
        self.limit = limit
        """Where reading ends, if only a part of the file is read."""

        self.settled = checkpoint
        self.offset = checkpoint.offset
        self.before: bytes | None = b"" if checkpoint.offset == 0 else None
        self.crc = 0 if checkpoint.offset == 0 else checkpoint.crc
        """Checksum of everything before `offset`; None if a part of it is not known."""

        self.charset: Charset | None = None
        """What the file is in, as soon as it was looked at."""
        self.scanned = 0
        """Up to here an over-long line or a hole was searched for its end; `scanned_tail` is before it."""
        self.scanned_tail = b""
        self.scanned_crc = self.crc
        """Checksum of everything before `scanned`."""
        self.due: float | None = None
        """When an event is complete if nothing is added to it, by the monotonic clock."""
        self.searching = False
        """Whether there is more to search: it stopped to let other files have their turn."""

        self.spans: list[PendingSpan] = []
        self.parked: list[ParkedRange] = []
        """Records before `settled` that have to be read and delivered again."""

        self.parked_from: Checkpoint | None = None
        """The checkpoint while records are parked: it stays before the first of them."""

        self._settled_before = self.before

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the position before which every record is settled."""
        return self.parked_from or self.settled

    @property
    def parked_bytes(self) -> int:
        """Return the bytes of all parked records."""
        return sum([item.end - item.start for item in self.parked]) if self.parked else 0

    @property
    def unsettled_bytes(self) -> int:
        """Return how many bytes are known to be there and are not settled."""
        return self.life.unsettled(self.settled.offset) + self.parked_bytes

    def next_cut(self) -> int | None:
        """Return the first offset after `offset` at which a chunk has to end, None if there is none."""
        cut = self.life.next_cut(self.offset)
        return cut if self.limit is None else min(cut or self.limit, self.limit)

    def resume(self, position: Checkpoint, parked: list[ParkedRange]) -> None:
        """Read from this position on, with these records before it parked."""
        self.parked, self.parked_from = parked, self.settled
        self.settled, self.offset, self.crc = position, position.offset, position.crc
        self.before = self._settled_before = None

    def check(self, before: bytes) -> None:
        """Raise `Truncated` unless `before` are the bytes before `offset`."""
        known = self.before
        if known is None:
            if not self.settled.tail.matches(before):
                raise Truncated
        elif known and not before.endswith(known):
            raise Truncated

    def begin_search(self, read: bytes = b"") -> None:
        """Search for the end of what begins at `offset`, after these bytes of it."""
        self.scanned, self.scanned_crc = self.offset + len(read), self._add_to(self.crc, read)
        self.scanned_tail = ((self.before or b"") + read)[-OVERLAP_BYTES:]

    def pass_over(self, piece: bytes) -> None:
        """Continue the search after this piece."""
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
        """Return the span of a chunk that is being sent; the next chunk begins after it."""
        plain = chunk.end == chunk.offset + len(chunk.data)
        last = chunk.data[-OVERLAP_BYTES:]
        self.crc = self.crc_after(chunk)
        self.before = ((self.before or b"") + last)[-OVERLAP_BYTES:] if plain else self.scanned_tail
        span = PendingSpan(chunk.offset, chunk.end, self.before, self.crc)
        self.spans.append(span)
        self.offset = chunk.end
        return span

    def settled_prefix(self) -> list[PendingSpan]:
        """The spans from the checkpoint on that are settled without a gap."""
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
        """Take the checkpoint after these spans as durable."""
        del self.spans[: len(spans)]
        self._settled_before = spans[-1].before
        self.settled = self.checkpoint_after(spans)

    def rewind(self) -> None:
        """Forget what is on its way and read again from the checkpoint."""
        self.spans.clear()
        self.offset, self.before = self.settled.offset, self._settled_before
        self.crc = 0 if self.offset == 0 else self.settled.crc
        self.scanned, self.scanned_tail, self.searching = 0, b"", False
