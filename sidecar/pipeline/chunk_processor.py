"""Turns a chunk into documents, and counts its lines by outcome."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.deliver.batcher import BatchPart
from sidecar.deliver.context import SinkContext
from sidecar.lib.clock import parse_iso
from sidecar.model.documents import WITHOUT_FRAMING, BulkFraming, CompressedDocuments, Documents, EncodedDocuments
from sidecar.model.lines import Chunk, LineBatch
from sidecar.model.records import RecordBatch
from sidecar.model.span import PendingSpan
from sidecar.pipeline.accounting import count_skipped, count_undecodable
from sidecar.pipeline.parse_quality import ParseQuality
from sidecar.pipeline.stages import Stages
from sidecar.pipeline.tap import TappedChunk, Taps
from sidecar.telemetry import events
from sidecar.telemetry.counters import add


class ChunkProcessor:
    """Runs chunks through the stages. Only the shipper's thread may use it."""

    def __init__(self, context: SinkContext, framing: BulkFraming | None, taps: Taps) -> None:
        self._context, self._framing, self._taps = context, framing, taps
        self._quality = ParseQuality()
        self._failed_transforms = set[str]()
        context.counters.unparsed_share = 0.0

    def process(self, span: PendingSpan, chunk: Chunk, stages: Stages, *, compress: bool = False) -> BatchPart:
        """Return the documents of a chunk. `compress`: compress them.

        `span`: the span of the chunk. It is settled here if the chunk has no documents.
        """
        context, counters = self._context, self._context.counters
        lines, records, documents = self._run_stages(chunk, stages) if self._taps.open else stages.documents(chunk)
        counters.bytes_read += chunk.end - chunk.offset
        counters.lines_read += lines.count
        counters.unparsed += len(records.errors)
        if self._quality.add(lines.count, len(records.errors)):
            share = self._quality.unparsed_share
            context.emit(events.LinesNotParsed(context.pipeline, chunk.generation.path, f"{share:.0%}"))
        counters.unparsed_share = self._quality.unparsed_share
        counters.parse_timeouts += records.timeouts
        counters.undecodable += lines.replacement_count
        span.first_time = parse_iso(next(filter(None, records.times), ""))
        part = BatchPart(documents, lines.ranges(), span, len(chunk.data))
        count_skipped(part.span, records)
        if records.failures:
            self._count_transform_failures(records.failures)
        if invalid := records.lines.invalid:
            part.documents = count_undecodable(part, invalid, context.pipeline, context.sink, context.clock.now())
        if not len(part.documents):
            part.span.settled = True
        elif compress:
            encoded = EncodedDocuments.from_documents(part.documents, self._framing or WITHOUT_FRAMING)
            part.documents, part.ranges = CompressedDocuments.from_encoded(encoded), part.ranges.compact()
        elif self._framing:
            part.documents = EncodedDocuments.from_documents(part.documents, self._framing)
        return part

    def _run_stages(self, chunk: Chunk, stages: Stages) -> tuple[LineBatch, RecordBatch, Documents]:
        """Run the stages, and offer the result to the open taps."""
        parsed, (lines, records, documents) = stages.trace(chunk)
        for tap in self._taps.open:
            tap.offer(TappedChunk(self._context.pipeline, parsed, records, documents))
        return lines, records, documents

    def _count_transform_failures(self, failures: Mapping[str, int]) -> None:
        for name, count in failures.items():
            if name not in self._failed_transforms:  # report each transform once
                self._failed_transforms.add(name)
                self._context.emit(events.TransformFailed(self._context.pipeline, name, count))
            add(self._context.counters.transform_errors, name, count)
