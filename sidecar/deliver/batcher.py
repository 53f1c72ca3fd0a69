"""Collects documents in a batch, and decides when the batch is full and when to send it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from sidecar.model.documents import Documents
from sidecar.model.lines import RecordRanges
from sidecar.model.span import PendingSpan

EXPANSION = 2
"""Expected size of a document, as a multiple of the size of its line. If documents are larger, the limit of a batch
counts their size instead of that of the lines."""

MAX_CHUNK_OVERHEAD_BYTES = 1 << 20
"""Maximum bytes that the documents of one chunk may have in addition to the text of its lines."""


class BatchLimits(msgspec.Struct, frozen=True):
    """Limits of the batches for one sink."""

    records: int
    bytes: int
    """Maximum weight of a batch: the bytes of its lines, or those of its documents / `EXPANSION` if that is more."""

    linger_s: float
    """How long the first record of a batch waits for others."""

    concurrency: int
    """Number of batches that may be in flight at once, whatever their size."""

    max_concurrency: int | None = None
    """Maximum number of batches in flight to a sink that answers slowly; None: `concurrency`."""

    in_flight_bytes: int = 0
    """Maximum bytes of memory for the documents in flight, if there are more batches than `concurrency`."""

    def chunk_records(self, overhead: int, records: int) -> int:
        """Return how many records the next chunk may have.

        `overhead`: bytes by which a document is longer than its line. `records`: number of records in the batch.
        """
        # This limits memory before lines are parsed, even for many short lines with many added fields.
        documents = EXPANSION * min(self.bytes, MAX_CHUNK_OVERHEAD_BYTES // EXPANSION)
        return max(1, min(self.records - records, documents // overhead))


class BatchPart(msgspec.Struct):
    """The documents of one chunk, and the span (range of the file) that the chunk occupies.

    The span is settled when all of the documents are settled.
    """

    documents: Documents
    ranges: RecordRanges
    """Offset ranges of the records in the file."""

    span: PendingSpan
    log_bytes: int
    """Bytes of the chunk."""

    @property
    def weight(self) -> int:
        """Bytes that count against the limit of a batch."""
        return max(self.log_bytes, self.documents.size // EXPANSION)

    @property
    def held_bytes(self) -> int:
        """Bytes of memory that the documents take until they are settled."""
        return self.documents.held_bytes


class Batcher:
    """Collects parts until the batch is full or old enough to be sent.

    `learned_limit` returns how many records the sink accepts in one request, or None while that is unknown.
    """

    def __init__(self, limits: BatchLimits, learned_limit: Callable[[], int | None] = lambda: None) -> None:
        self._limits, self._learned_limit = limits, learned_limit
        self._parts: list[BatchPart] = []
        self._opened_at = 0.0
        self._records = 0
        self._bytes = 0
        self.held_bytes = 0
        """Bytes of memory of the documents in the batch."""

        self._overhead = 0
        """Average bytes by which a document of the last part is longer than its line."""

    @property
    def is_empty(self) -> bool:
        """Whether no document waits to be sent."""
        return not self._parts

    @property
    def is_full(self) -> bool:
        """Whether no more documents may be added."""
        return self._bytes >= self._limits.bytes or self._records >= self._max_records()

    def _max_records(self) -> int:
        return min(self._limits.records, self._learned_limit() or self._limits.records)

    def max_chunk_records(self, overhead: int) -> int:
        """Return how many records the next chunk may have.

        `overhead`: bytes by which each document is longer than its line. The average of the last part is used instead
        if it is larger.
        """
        limits = replace(self._limits, records=self._max_records())
        return limits.chunk_records(max(self._overhead, overhead), self._records)

    def add(self, part: BatchPart, now: float) -> None:
        """Add documents to the batch. The batch opens, and begins to age, with its first part."""
        if not self._parts:
            self._opened_at = now
        count = len(part.documents)
        self._overhead = (part.documents.size - part.log_bytes) // count
        self._parts.append(part)
        self._records += count
        self._bytes += part.weight
        self.held_bytes += part.held_bytes

    def is_due(self, now: float, *, quiet_since: float, is_last: bool) -> bool:
        """Return whether to send the batch now: it is full, old enough, the last batch, or the first after a pause.

        `quiet_since`: time of the last send if no batch is in flight and no file can be read now; else infinity.
        """
        if not self._parts:
            return False
        linger_s = self._limits.linger_s
        is_old = now - self._opened_at >= linger_s
        return is_last or is_old or now - quiet_since >= linger_s or self.is_full

    def due_at(self) -> float:
        """Return when the batch is old enough to be sent; infinity if it is empty."""
        return self._opened_at + self._limits.linger_s if self._parts else float("inf")

    def take(self) -> list[BatchPart]:
        """Return the parts of the batch, and start an empty batch."""
        parts = self._parts
        self.clear()
        return parts

    def clear(self) -> None:
        """Drop all documents of the batch."""
        self._parts, self._records, self._bytes, self.held_bytes = [], 0, 0, 0
