"""The batch that waits to be sent, and the limits that say when it is full."""

from __future__ import annotations

import msgspec

from sidecar.model.documents import Documents
from sidecar.model.lines import RecordRanges
from sidecar.model.span import PendingSpan

EXPANSION = 2
"""Documents of usual lines are up to this many times as long as the lines; of others they count instead."""

MAX_CHUNK_DOCUMENTS = 1 << 20
"""Bytes that the documents of one chunk have at most, apart from the text of its lines."""


class BatchLimits(msgspec.Struct, frozen=True):
    """When a batch is full, and how many may be under way at once.

    `bytes` are those of the log, and half of those of the documents where that is more.
    """

    records: int
    bytes: int
    linger_s: float
    concurrency: int

    def chunk_records(self, overhead: int, records: int) -> int:
        """Return how many records a chunk may have if each document has this overhead and the batch these records.

        So memory is bounded before anything is parsed, whatever the length of lines and of what is added to them.
        """
        documents = EXPANSION * min(self.bytes, MAX_CHUNK_DOCUMENTS // EXPANSION)
        return max(1, min(self.records - records, documents // overhead))


class BatchPart(msgspec.Struct):
    """The documents of one chunk of `size` bytes, where its records are, and the span that they settle."""

    documents: Documents
    layout: RecordRanges
    span: PendingSpan
    size: int

    @property
    def weight(self) -> int:
        """What counts against the limit of a batch in bytes."""
        return max(self.size, self.documents.size // EXPANSION)


class Batcher(msgspec.Struct):
    """What waits to be sent."""

    opened_at: float = 0.0
    parts: list[BatchPart] = []
    records: int = 0
    bytes: int = 0

    def add(self, part: BatchPart, now: float) -> None:
        """Take one more part; the first one opens the batch."""
        if not self.parts:
            self.opened_at = now
        self.parts.append(part)
        self.records += len(part.documents)
        self.bytes += part.weight
