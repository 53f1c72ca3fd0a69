"""Counts the bytes of each span by outcome, and creates dead letters for rejected documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.deliver.batcher import BatchPart
from sidecar.deliver.retry import DeliveryResult
from sidecar.model.batch import Batch, Rejection
from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.documents import Documents, RenderedDocuments
from sidecar.model.records import RecordBatch
from sidecar.model.span import ParkedRange, PendingSpan, join_ranges

DROPPED_BY_INGEST = "filtered:ingest_pipeline"
"""Outcome of records that an ingest pipeline of Elasticsearch has dropped."""

IN_FAILURE_STORE = "stored:failure_store"
"""Outcome of records that Elasticsearch has put into the failure store of a data stream."""


def count_skipped(span: PendingSpan, records: RecordBatch) -> None:
    """Count the bytes of a span that were skipped or filtered, by reason."""
    for gap in records.lines.skipped:
        span.amounts.add(f"skipped:{gap.reason}", gap.end - gap.start, int(gap.reason == "empty"))
    for gap in records.filtered:
        span.amounts.add(f"filtered:{gap.reason}", gap.end - gap.start, 1)


def settle(
    parts: Sequence[BatchPart], batch: Batch, outcome: DeliveryResult, pipeline: str, sink: str, now: float
) -> None:
    """Settle the span of each part of a delivered batch, and count its records by outcome.

    Records that are neither rejected nor postponed count as stored.
    """
    end = 0
    for part in parts:
        size = len(part.documents)
        first, end = end, end + size
        refused = (
            [outcome.rejected[i] for i in range(first, first + size) if i in outcome.rejected]
            if outcome.rejected
            else []
        )
        if part.ranges.is_interleaved and _park_all(part, first, outcome.postponed):
            continue
        _make_dead_letters(part, first, refused, batch, pipeline, sink, now, outcome.attempts)
        parked = _park(part, first, outcome.postponed) if outcome.postponed else 0
        _count_special(part, first, outcome)
        span, amounts = part.span, part.span.amounts
        counted = sum(amounts.bytes_.values()) + sum(item.end - item.start for item in span.parked)
        special = sum(amounts.lines.get(what, 0) for what in (IN_FAILURE_STORE, DROPPED_BY_INGEST))
        amounts.add("stored", span.end - span.start - counted, size - len(refused) - parked - special)
        span.settled = True


def _park_all(part: BatchPart, first: int, postponed: Mapping[int, str]) -> bool:
    """Park the whole part if one of its records is postponed. Return whether it was parked.

    Records whose lines alternate can be read again only together. Stored ones keep their ids. All are counted when
    the part is read again.
    """
    size = len(part.documents)
    target = next((postponed[index] for index in range(first, first + size) if index in postponed), None)
    if target is None:
        return False
    span = part.span
    span.amounts, span.dead_letters = ByteCounts(), []
    span.parked = [ParkedRange(span.start, span.end, size, target)]
    span.settled = True
    return True


def _park(part: BatchPart, first: int, postponed: Mapping[int, str]) -> int:
    """Park the postponed records of a part. Return their number."""
    records = [(part.documents.starts[i - first], postponed[i])
               for i in range(first, first + len(part.documents)) if i in postponed]  # fmt: skip
    ends = part.ranges.ends_of([start for start, _ in records])
    ranges = [ParkedRange(start, end, 1, target) for (start, target), end in zip(records, ends, strict=True)]
    part.span.parked = join_ranges(ranges)
    return len(records)


def _count_special(part: BatchPart, first: int, outcome: DeliveryResult) -> None:
    """Count, as separate outcomes, the records that the database accepted but did not store in their index."""
    for what, indexes in ((IN_FAILURE_STORE, outcome.failure_store), (DROPPED_BY_INGEST, outcome.dropped)):
        starts = [part.documents.starts[i - first] for i in indexes if first <= i < first + len(part.documents)]
        for start, end in zip(starts, part.ranges.ends_of(starts), strict=True):
            part.span.amounts.add(what, end - start, 1)


def _make_dead_letters(
    part: BatchPart, first: int, refused: Sequence[Rejection], batch: Batch, pipeline: str, sink: str, now: float,
    attempts: int,
) -> None:  # fmt: skip
    """Create dead letters for the rejected documents of a part. `first`: index in the batch of its first document."""
    if not refused:
        return
    generation, amounts, letters = part.documents.generation, part.span.amounts, part.span.dead_letters
    starts = [part.documents.starts[rejection.index - first] for rejection in refused]
    for rejection, start, end in zip(refused, starts, part.ranges.ends_of(starts), strict=True):
        amounts.add("dead_letter", end - start, 1)
        letters.append(
            DeadLetter(
                pipeline, sink, generation.id, generation.display_path, start, end,
                batch.ids[rejection.index], rejection.target, batch.documents[rejection.index],
                batch.event_times[rejection.index], rejection.status, rejection.kind,
                rejection.answer or rejection.reason, now, attempts,
            )
        )  # fmt: skip


def count_undecodable(part: BatchPart, refused: frozenset[int], pipeline: str, sink: str, now: float) -> Documents:
    """Create dead letters for lines with invalid text. `refused`: their indexes. Return the other documents."""
    documents = part.documents
    reason = "the line is not valid in its encoding, and encoding_errors is strict"
    rejections = [Rejection(index, "invalid_text", reason) for index in sorted(refused)]
    _make_dead_letters(part, 0, rejections, Batch([documents]), pipeline, sink, now, 1)
    rest = [i for i in range(len(documents)) if i not in refused]
    texts, times = documents.json_lines(), documents.timestamps()
    return RenderedDocuments(
        documents.generation, [documents.starts[i] for i in rest], [texts[i] for i in rest], [times[i] for i in rest]
    )
