"""The batch that waits to be sent, and the rule when it is full and when it is due."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from sidecar.model.documents import Documents
from sidecar.model.lines import RecordRanges
from sidecar.model.span import PendingSpan

EXPANSION = 2
"""Documents may be this many times as long as their lines. If they are longer, they count instead of the lines."""

MAX_CHUNK_DOCUMENTS = 1 << 20
"""Bytes that the documents of one chunk may have in addition to the text of its lines."""


class BatchLimits(msgspec.Struct, frozen=True):
    """When a batch is full or due, and how many may be in flight at once."""

    records: int
    bytes: int
    """Bytes of log, or half of the bytes of the documents where that is more."""

    linger_s: float
    """How long the first record of a batch waits for others."""

    concurrency: int
    """Batches in flight at once."""

    def chunk_records(self, overhead: int, records: int) -> int:
        """Return how many records the next chunk may have, for a batch that has `records` of them already.

        `overhead`: bytes by which a document is longer than its line.
        """
        # Memory is bounded before anything is parsed, however short the lines are and however many fields are added.
        documents = EXPANSION * min(self.bytes, MAX_CHUNK_DOCUMENTS // EXPANSION)
        return max(1, min(self.records - records, documents // overhead))


class BatchPart(msgspec.Struct):
    """The documents of one chunk, and the span that is settled when they are."""

    documents: Documents
    ranges: RecordRanges
    """Where the records of the chunk are in the file."""

    span: PendingSpan
    log_bytes: int
    """The size of the chunk."""

    @property
    def weight(self) -> int:
        """Return the bytes that count against the limit of a batch."""
        return max(self.log_bytes, self.documents.size // EXPANSION)


class Batcher:
    """Collects parts until the batch is full or old enough to be sent.

    `learned_limit` returns how many records the sink takes in one request, None while that is unknown.
    """

    def __init__(self, limits: BatchLimits, learned_limit: Callable[[], int | None] = lambda: None) -> None:
        self._limits, self._learned_limit = limits, learned_limit
        self._parts: list[BatchPart] = []
        self._opened_at = 0.0
        self._records = 0
        self._bytes = 0
        self._overhead = 0
        """Bytes that each document of the last part had in addition to its line."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits to be sent."""
        return not self._parts

    @property
    def is_full(self) -> bool:
        """Return whether nothing may be added."""
        return self._bytes >= self._limits.bytes or self._records >= self._max_records()

    def _max_records(self) -> int:
        return min(self._limits.records, self._learned_limit() or self._limits.records)

    def max_chunk_records(self, overhead: int) -> int:
        """Return how many records the next chunk may have, if each document is `overhead` bytes longer than its line.

        The overhead of the documents that were added last counts if it is larger.
        """
        limits = replace(self._limits, records=self._max_records())
        return limits.chunk_records(max(self._overhead, overhead), self._records)

    def add(self, part: BatchPart, now: float) -> None:
        """Add documents; the first ones open the batch."""
        if not self._parts:
            self._opened_at = now
        count = len(part.documents)
        self._overhead = (part.documents.size - part.log_bytes) // count
        self._parts.append(part)
        self._records += count
        self._bytes += part.weight

    def is_due(self, now: float, *, quiet_since: float, is_last: bool) -> bool:
        """Return whether to send the batch now: it is full, old enough, the last one, or the first one after silence.

        `quiet_since`: when a batch was last sent, if none is in flight and nothing can be read; infinity otherwise.
        """
        if not self._parts:
            return False
        linger_s = self._limits.linger_s
        is_old = now - self._opened_at >= linger_s
        return is_last or is_old or now - quiet_since >= linger_s or self.is_full

    def due_at(self) -> float:
        """Return when the batch is old enough to be sent, infinity if it is empty."""
        return self._opened_at + self._limits.linger_s if self._parts else float("inf")

    def take(self) -> list[BatchPart]:
        """Return the parts of the batch, and begin the next one."""
        parts = self._parts
        self.clear()
        return parts

    def clear(self) -> None:
        """Drop the batch."""
        self._parts, self._records, self._bytes = [], 0, 0
