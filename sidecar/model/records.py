"""Defines records: the fields of the lines of a chunk, in columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from sidecar.model.lines import LineBatch, RecordRanges, SkippedRange, renumber_annotations

ERROR_FIELD = "error"
"""Root field `error`. The sidecar writes `error.message`, so a scalar `error` of an application must be moved:
Elasticsearch allows a field to be an object or a value, not both."""


class RecordBatch(msgspec.Struct, frozen=True):
    """The fields of the lines of a chunk. All columns have one item for each record."""

    lines: LineBatch
    starts: Sequence[int]
    """Offset of each record in the file."""

    bodies: Sequence[str]
    """JSON text of each record without the braces."""

    times: Sequence[str]
    """Timestamp of each record as RFC 3339 text with a zone; "" if it has none."""

    root_names: frozenset[str] | None = None
    """The root field names of the records, at least those that may conflict with fields of the sidecar; None if they
    are unknown."""

    has_own_timestamp: bool = False
    """Whether the bodies contain `@timestamp`, because the application wrote it."""

    errors: dict[int, str] = {}
    """Index of a line that could not be parsed → the reason."""

    ends_with_log_object: bool = False
    """Whether every body ends with an object `log` to which the sidecar can append its fields of `log`. The object
    must not be empty and must have no reserved names."""

    annotations: dict[int, dict[str, str]] = {}
    """Index of a record → fields that parsers and transforms add to it, as path → JSON text."""

    filtered: Sequence[SkippedRange] = ()
    """Ranges of the records that a filter of the user has dropped, with the name of the filter."""

    failures: dict[str, int] = {}
    """Name of a transform → number of records on which it failed."""

    target_times: Sequence[str] | None = None
    """Timestamps that give the dates in names of indexes and collections; None if these are the same as `times`."""

    timeouts: int = 0
    """Number of times that a pattern exceeded its time limit."""

    def drop(self, dropped: Collection[int], rule: str) -> RecordBatch:
        """Return the batch without the records with these indexes. `rule`: why they are dropped."""
        if not dropped:
            return self
        kept = [index for index in range(len(self.starts)) if index not in dropped]
        starts = [self.starts[index] for index in sorted(dropped)]
        ends = RecordRanges(self.starts, [*self.lines.skipped, *self.filtered], self.lines.chunk.end).ends_of(starts)
        ranges = [SkippedRange(start, end, rule) for start, end in zip(starts, ends, strict=True)]
        positions = {index: position for position, index in enumerate(kept)}
        return msgspec.structs.replace(
            self,
            lines=self.lines.select(kept),
            starts=[self.starts[i] for i in kept],
            bodies=[self.bodies[i] for i in kept],
            times=[self.times[i] for i in kept],
            target_times=[self.target_times[i] for i in kept] if self.target_times else None,
            errors=renumber_annotations(self.errors, positions),
            annotations=renumber_annotations(self.annotations, positions),
            filtered=[*self.filtered, *ranges],
        )

    def annotate_failures(self, reasons: Mapping[int, str], transform: str) -> RecordBatch:
        """Add `error.message` to the records on which a transform failed. `reasons`: index of a record → reason."""
        if not reasons:
            return self
        annotations = dict(self.annotations)
        for index, text in reasons.items():
            annotation = annotations.get(index, {})
            earlier = (
                msgspec.json.decode(annotation["error.message"], type=str) + "; "
                if "error.message" in annotation
                else ""
            )
            annotations[index] = {**annotation, "error.message": msgspec.json.encode(earlier + text).decode()}
        failures = {**self.failures, transform: self.failures.get(transform, 0) + len(reasons)}
        return msgspec.structs.replace(self, annotations=annotations, failures=failures)


class Transform(NamedTuple):
    """A transform of a pipeline, and its name."""

    name: str
    run: Callable[[RecordBatch], RecordBatch]
