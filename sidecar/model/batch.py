"""Defines a batch of documents for a sink, and the result of writing it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from sidecar.errors import DeliveryError
from sidecar.lib.deflate import Deflated, deflate
from sidecar.model.documents import (
    BulkFraming,
    CompressedDocuments,
    Documents,
    RenderedDocuments,
    default_timestamp,
)
from sidecar.model.file import Generation


class Batch(msgspec.Struct, frozen=True, dict=True):
    """Documents for a sink, from one or more files, in the order of their lines.

    The index of a record in the batch identifies it: 0 ≤ index < len(batch).
    """

    parts: Sequence[Documents]
    targets: Sequence[str] | None = None
    """Index or collection of each document in a replay; otherwise None, and the sink decides."""

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        return sum(len(part) for part in self.parts)

    @cached_property
    def ids(self) -> list[str]:
        """The `_id` of each document."""
        return [name for part in self.parts for name in part.ids()]

    @cached_property
    def documents(self) -> list[str]:
        """Each document as JSON text without line ends."""
        return list(self.iterate_documents())

    def iterate_documents(self) -> Iterator[str]:
        """Yield each document as JSON text without line ends. `documents` stays in memory as long as the batch."""
        return (text for part in self.parts for text in part.json_lines())

    def objects(self) -> list[dict[str, Any]]:
        """Return each document as a dictionary. If a key occurs more than once, its last value is used."""
        found: list[dict[str, Any]] = _OBJECTS.decode_lines("\n".join(self.documents))
        return found

    def encode(self, framing: BulkFraming) -> list[bytes]:
        """Return the documents of each part in this framing, as UTF-8.

        The parts of most batches are already encoded. Joining them would take their memory a second time.
        """
        return [part.encode(framing) for part in self.parts]

    @property
    def is_compressed(self) -> bool:
        """Whether some of the documents are compressed."""
        return any(isinstance(part, CompressedDocuments) for part in self.parts)

    def compress(self, framing: BulkFraming) -> list[Deflated]:
        """Return the documents of each part in this framing, compressed. Those of most batches already are."""
        return [
            part.body
            if isinstance(part, CompressedDocuments) and part.framing == framing
            else deflate(part.encode(framing))
            for part in self.parts
        ]

    @cached_property
    def event_times(self) -> list[str]:
        """The timestamp of each document as RFC 3339 text with a zone. The batch keeps this list."""
        return self.list_event_times()

    def list_event_times(self) -> list[str]:
        """Return the timestamp of each document as RFC 3339 text with a zone.

        For a line without a timestamp, this is the time at which the sidecar began to track the content of the file
        (`Generation.created_at`). So a document that is sent again on the next day goes to the same dated index.
        """
        return [time or default_timestamp(part) for part in self.parts for time in part.timestamps()]

    def select(self, indexes: Sequence[int]) -> Batch:
        """Return a batch of the documents with these indexes, in this order."""
        generations = [part.generation for part in self.parts for _ in range(len(part))]
        groups = [list(group) for _, group in groupby(indexes, key=generations.__getitem__)]
        chosen = [self._select_part(generations[group[0]], group) for group in groups]
        return Batch(chosen, None if self.targets is None else [self.targets[i] for i in indexes])

    def _select_part(self, generation: Generation, indexes: Sequence[int]) -> RenderedDocuments:
        names, texts, times = self.ids, self.documents, self.event_times
        return RenderedDocuments(
            generation,
            [0] * len(indexes),
            [texts[i] for i in indexes],
            [times[i] for i in indexes],
            [names[i] for i in indexes],
        )


_OBJECTS = msgspec.json.Decoder(dict[str, Any])


class Rejection(msgspec.Struct, frozen=True):
    """One record that the sink will never accept as it is."""

    index: int
    kind: str
    """Name of the error in the database."""

    reason: str
    """Message of the database, without parts that may be text of the application, because it is logged."""

    status: int | None = None
    """Status code, if the database sent one."""

    target: str = ""
    """Index or collection of the document."""

    answer: str = ""
    """The whole message of the database. It may quote the document, so only the dead letter keeps it."""

    is_conflict: bool = False
    """Whether the target has another document that excludes this one. So the target does store documents."""


RefusalScope = Literal["unclear", "target", "shard", "transient", "kept"]
"""What may have caused the error of a refused record; `kept` if the cause makes no difference.

`target`: the index or collection accepts no documents. `shard`: a part of it is unavailable, and each attempt waits
for that part. `transient`: a condition that should end without intervention.
`unclear`: the record itself or its target; the results of other records decide. `kept`: the record is written
again until it is stored, and never becomes a dead letter.
"""


class Refusal(msgspec.Struct, frozen=True):
    """A record that was not stored, if the sink cannot decide whether the record itself is the cause."""

    rejection: Rejection
    """The rejection to use if the record turns out to be the cause."""

    error: DeliveryError
    """The error to report if the target or the sink turns out to be the cause."""

    scope: RefusalScope


class WriteResult(msgspec.Struct, frozen=True):
    """The outcome of each record of a batch, by index. A record that is not mentioned is retried."""

    stored: Collection[int]
    """Records that were stored; `range(len(batch))` if all were."""

    rejected: Sequence[Rejection] = ()
    """Records that will never be accepted; they become dead letters."""

    error: DeliveryError | None = None
    """Why the records that are neither stored nor rejected were not written, if known. If some records were refused:
    one of their errors."""

    duplicates: int = 0
    """Number of stored records that already existed."""

    failure_store: Collection[int] = ()
    """Records among `stored` that went to the failure store of Elasticsearch."""

    resume_token: str | None = None
    """Token that is committed with the checkpoint, and passed to the `resume` method of the sink after a restart."""

    diverted: int = 0
    """Number of stored records that went to the fallback target, because there were too many targets."""

    dropped: Collection[int] = ()
    """Records among `stored` that an ingest pipeline of the database has dropped."""

    refused: Sequence[Refusal] = ()
    """Records that were not stored, for a reason that may affect other records as well."""

    stored_targets: Collection[str] = ()
    """Targets that have stored at least one record; empty if the sink has only one target or cannot report them."""

    def join(self, other: WriteResult, shift: int) -> WriteResult:
        """Return one result for the records of both results. The records of `other` begin at index `shift`."""

        def joined(these: Collection[int], those: Collection[int]) -> list[int]:
            return [*these, *(index + shift for index in those)]

        refused = (replace(each, rejection=_shift(each.rejection, shift)) for each in other.refused)
        return WriteResult(
            stored=joined(self.stored, other.stored),
            rejected=[*self.rejected, *(_shift(each, shift) for each in other.rejected)],
            error=self.error or other.error,
            duplicates=self.duplicates + other.duplicates,
            failure_store=joined(self.failure_store, other.failure_store),
            resume_token=other.resume_token or self.resume_token,
            diverted=self.diverted + other.diverted,
            dropped=joined(self.dropped, other.dropped),
            refused=[*self.refused, *refused],
            stored_targets={*self.stored_targets, *other.stored_targets},
        )

    def embed(self, indexes: Sequence[int], known: Sequence[int]) -> WriteResult:
        """Return the result of a larger batch, whose record `indexes[i]` is record i of this result.

        `known`: indexes of the other records of the larger batch, which were stored before.
        """
        return replace(
            self,
            stored=[*(indexes[i] for i in self.stored), *known],
            rejected=[replace(each, index=indexes[each.index]) for each in self.rejected],
            duplicates=self.duplicates + len(known),
            failure_store=[indexes[i] for i in self.failure_store],
            dropped=[indexes[i] for i in self.dropped],
            refused=[
                replace(each, rejection=replace(each.rejection, index=indexes[each.rejection.index]))
                for each in self.refused
            ],
        )


def _shift(rejection: Rejection, by: int) -> Rejection:
    return replace(rejection, index=rejection.index + by)
