"""Records: the fields of a chunk of lines, in columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from sidecar.model.lines import LineBatch, RecordRanges, SkippedRange, renumber_annotations

OBJECT = "error"
"""The name at the root under which some documents have an object of ours (`error.message`), and which is therefore no
text in any: in one index of Elasticsearch a field is a value or an object."""


class RecordBatch(msgspec.Struct, frozen=True):
    """Lines as fields: for each the members of a JSON object as text, without the braces.

    `times[i]` is the event time as RFC 3339 text with zone, or "" where the line has none. `names` are the
    names of all fields at the root where the parser knows them, or of those that may have to move, else None.
    `in_place`: the application wrote its time under `@timestamp` itself, so it already stands in the members.
    `errors`: index → why the line could not be parsed. `ends_in_log`: the last member of every record is an object
    `log`, not empty and without a name of ours, so that our own fields of `log` can be put at its end.
    `notes`: index → what a transform has to say of a record, as (path, JSON text) pairs. `filtered` are the records
    that are left out because the user said so, by the name of the rule. `faults`: how many records a transform could
    not do its work on, by its name. `timeouts`: how often a pattern took longer than it may.
    """

    lines: LineBatch
    starts: Sequence[int]
    bodies: Sequence[str]
    times: Sequence[str]
    root_names: frozenset[str] | None = None
    has_own_timestamp: bool = False
    errors: dict[int, str] = {}
    ends_with_log_object: bool = False
    annotations: dict[int, dict[str, str]] = {}
    filtered: Sequence[SkippedRange] = ()
    failures: dict[str, int] = {}
    timeouts: int = 0

    def drop(self, dropped: Collection[int], rule: str) -> RecordBatch:
        """The records but for those with these indexes, renumbered from 0; `rule` is why they are left out."""
        if not dropped:
            return self
        kept = [index for index in range(len(self.starts)) if index not in dropped]
        starts = [self.starts[index] for index in sorted(dropped)]
        ends = RecordRanges(self.starts, [*self.lines.skipped, *self.filtered], self.lines.chunk.end).ends_of(starts)
        gone = [SkippedRange(start, end, rule) for start, end in zip(starts, ends, strict=True)]
        places = {index: place for place, index in enumerate(kept)}
        return msgspec.structs.replace(
            self,
            lines=self.lines.select(kept),
            starts=[self.starts[i] for i in kept],
            bodies=[self.bodies[i] for i in kept],
            times=[self.times[i] for i in kept],
            errors=renumber_annotations(self.errors, places),
            annotations=renumber_annotations(self.annotations, places),
            filtered=[*self.filtered, *gone],
        )

    def annotate_failures(self, complaints: Mapping[int, str], transform: str) -> RecordBatch:
        """The same records, of which some say why a transform could not do its work on them."""
        if not complaints:
            return self
        notes = dict(self.annotations)
        for index, text in complaints.items():
            said = notes.get(index, {})
            before = msgspec.json.decode(said["error.message"], type=str) + "; " if "error.message" in said else ""
            notes[index] = {**said, "error.message": msgspec.json.encode(before + text).decode()}
        faults = {**self.failures, transform: self.failures.get(transform, 0) + len(complaints)}
        return msgspec.structs.replace(self, annotations=notes, failures=faults)


class Transform(NamedTuple):
    """One transform of a pipeline by its name: it takes records and hands on what becomes of them."""

    name: str
    run: Callable[[RecordBatch], RecordBatch]
