"""The position of one sink in one tracked file."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.lib.charset import Charset
from sidecar.model.checkpoint import MIN_MARK_BYTES, Checkpoint, thin_out
from sidecar.model.fingerprint import OVERLAP_BYTES, OverlapDigest, checksum
from sidecar.model.lines import Chunk
from sidecar.model.span import ParkedRange, PendingSpan
from sidecar.tail.tracked_file import TrackedFile, Truncated

_MARK_DISTANCES = (64 << 10, 16 << 10, 4 << 10, 0)
"""Distances from the end of a chunk. The last line end before each of them is recorded with its checksum."""


class Cursor:
    """The position of one sink in a tracked file.

    `offset`: end of the bytes that were read. `settled`: position up to which all bytes are settled, or parked
    to be read again later. `overlap`: the last bytes before `offset`; None if only their digest is known.
    """

    # More than fifteen attributes, because a chunk moves all of them together: what was read, searched and settled.

    __slots__ = (
        "_first_time",
        "_settled_overlap",
        "_waiting",
        "charset",
        "crc",
        "due",
        "file",
        "is_searching",
        "limit",
        "offset",
        "overlap",
        "parked",
        "parked_from",
        "searched_crc",
        "searched_tail",
        "searched_to",
        "settled",
        "spans",
    )  # fmt: skip

    def __init__(self, file: TrackedFile, checkpoint: Checkpoint, *, limit: int | None = None) -> None:
        self.file = file
        self.limit = limit
        """Offset at which reading ends, if only a part of the file is read."""

        self.settled = checkpoint
        self.offset = checkpoint.offset
        self.overlap: bytes | None = b"" if checkpoint.offset == 0 else None
        self.crc = 0 if checkpoint.offset == 0 else checkpoint.crc
        """Checksum of everything before `offset`; None if it is unknown."""

        self.charset: Charset | None = None
        """Encoding of the file, once it was detected."""
        self.searched_to = 0
        """Offset that the search for the end of an over-long line or hole has reached.

        `searched_tail`: the last bytes before it.
        """

        self.searched_tail = b""
        self.searched_crc = self.crc
        """Checksum of everything before `searched_to`."""

        self.due: float | None = None
        """When to read again, by the monotonic clock, while the reader waits for the last event to be complete, or
        for NUL bytes to be accepted. Else None."""

        self.is_searching = False
        """Whether a search for the end of a line or hole was interrupted, to read other files, and must continue."""

        self.spans: list[PendingSpan] = []
        self.parked: list[ParkedRange] = []
        """Ranges before `settled` that were not delivered and are read again later."""

        self.parked_from: Checkpoint | None = None
        """While records are parked, the checkpoint: the position before the first parked record. Else None."""

        self._settled_overlap = self.overlap
        self._first_time: tuple[int, float | None] = (-1, None)
        """Offset of the first chunk that was dropped to be read again, and the timestamp of its first record."""

        self._waiting = checkpoint.offset, checkpoint.waiting_since
        """Settled offset, and since when the line after it waits, if a checkpoint has recorded that."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The position before which every record is settled."""
        return self.parked_from or self.settled

    @property
    def parked_bytes(self) -> int:
        """Bytes of all parked records."""
        return sum([item.end - item.start for item in self.parked]) if self.parked else 0

    @property
    def first_unsettled_time(self) -> float | None:
        """Timestamp of the first unsettled record, in seconds since the epoch; None if it has none or is unread."""
        span = next(iter(self.spans), None)  # the shipper's thread may change the list
        if span is not None:
            return span.first_time
        offset, first_time = self._first_time
        return first_time if offset == self.settled.offset else None

    @property
    def waiting_since(self) -> float | None:
        """Since when the first unsettled line waits, in seconds since the epoch; None if no checkpoint has that."""
        offset, since = self._waiting
        return since if offset == self.settled.offset else None

    def set_waiting_since(self, since: float | None) -> None:
        """Set since when the first unsettled line waits, which is durable now."""
        self._waiting = self.settled.offset, since

    @property
    def unsettled_bytes(self) -> int:
        """Bytes that were seen and are not settled."""
        return self.file.count_unsettled(self.settled.offset) + self.parked_bytes

    def next_boundary(self) -> int | None:
        """Return the first offset after `offset` at which a chunk must end, or None."""
        boundary = self.file.next_boundary(self.offset)
        return boundary if self.limit is None else min(boundary or self.limit, self.limit)

    def resume(self, position: Checkpoint, parked: list[ParkedRange]) -> None:
        """Continue from this position. `parked`: ranges before it that must be read again."""
        self.parked, self.parked_from = parked, self.settled
        self._waiting = position.offset, self.settled.waiting_since
        self.settled, self.offset, self.crc = position, position.offset, position.crc
        self.overlap = self._settled_overlap = None

    def check(self, before: bytes) -> None:
        """Raise `Truncated` if `before` differs from the known bytes before `offset`."""
        known = self.overlap
        if known is None:
            if not self.settled.tail.matches(before):
                raise Truncated
        elif known and not before.endswith(known):
            raise Truncated

    def begin_search(self, read: bytes = b"") -> None:
        """Start the search for the end of the line or hole at `offset`. `read`: its bytes that were read already."""
        self.searched_to, self.searched_crc = self.offset + len(read), self._add_to(self.crc, read)
        self.searched_tail = ((self.overlap or b"") + read)[-OVERLAP_BYTES:]

    def skip(self, piece: bytes) -> None:
        """Move the search forward by these bytes."""
        self.searched_to, self.searched_crc = self.searched_to + len(piece), self._add_to(self.searched_crc, piece)
        self.searched_tail = (self.searched_tail + piece)[-OVERLAP_BYTES:]

    @staticmethod
    def _add_to(crc: int | None, data: bytes) -> int | None:
        return None if crc is None else checksum(data, crc)

    def crc_after(self, chunk: Chunk) -> int | None:
        """Return the checksum of everything before the end of a chunk that begins at `offset`."""
        is_plain = chunk.end == chunk.offset + len(chunk.data)
        return self._add_to(self.crc, chunk.data) if is_plain else self.searched_crc

    def advance(self, chunk: Chunk) -> PendingSpan:
        """Move the cursor to the end of a chunk that will be sent. Return the span of the chunk."""
        plain = chunk.end == chunk.offset + len(chunk.data)
        last = chunk.data[-OVERLAP_BYTES:]
        marks = self._find_marks(chunk) if plain else []
        self.crc = marks[-1][1] if marks and marks[-1][0] == chunk.end else self.crc_after(chunk)
        self.overlap = ((self.overlap or b"") + last)[-OVERLAP_BYTES:] if plain else self.searched_tail
        span = PendingSpan(chunk.offset, chunk.end, self.overlap, self.crc, marks)
        self.spans.append(span)
        self.offset = chunk.end
        return span

    def _find_marks(self, chunk: Chunk) -> list[tuple[int, int]]:
        """Return line ends near the end of a chunk, each with the checksum of everything before it."""
        marks = list[tuple[int, int]]()
        crc, charset, start = self.crc, self.charset, 0
        if crc is None or charset is None or chunk.end < MIN_MARK_BYTES:
            return marks
        for distance in _MARK_DISTANCES:
            stop = max(start, len(chunk.data) - distance)
            end = charset.find_last_line_end(chunk.data, start, chunk.offset, stop)
            if end and chunk.offset + end >= MIN_MARK_BYTES:
                crc, start = checksum(chunk.data, crc, start, end), end
                marks.append((chunk.offset + end, crc))
        return marks

    def settled_prefix(self) -> list[PendingSpan]:
        """Return the settled spans before the first span that is not settled."""
        found: list[PendingSpan] = []
        for span in self.spans:
            if not span.settled:
                break
            found.append(span)
        return found

    def checkpoint_after(self, spans: Sequence[PendingSpan]) -> Checkpoint:
        """Return the checkpoint at the end of these spans, which follow the settled position without a gap."""
        last, marks = spans[-1], [*self.settled.marks, *(mark for span in spans for mark in span.marks)]
        return Checkpoint(
            last.end, OverlapDigest.from_bytes(last.overlap), crc=last.crc, marks=thin_out(marks, last.end)
        )

    def settle(self, spans: Sequence[PendingSpan]) -> None:
        """Move the settled position to the end of these spans, whose checkpoint is durable."""
        del self.spans[: len(spans)]
        self._settled_overlap = spans[-1].overlap
        self.settled = self.checkpoint_after(spans)

    def rewind(self) -> None:
        """Drop the unsettled spans, and read again from the settled position."""
        if self.spans:
            self._first_time = self.spans[0].start, self.spans[0].first_time
        self.spans.clear()
        self.offset, self.overlap = self.settled.offset, self._settled_overlap
        self.crc = 0 if self.offset == 0 else self.settled.crc
        self.searched_to, self.searched_tail, self.is_searching = 0, b"", False
