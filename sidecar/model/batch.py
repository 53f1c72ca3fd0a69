"""A batch of documents for a sink, and what the sink answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import msgspec

from sidecar.errors import DeliveryError
from sidecar.model.documents import BulkFraming, Documents, RenderedDocuments, default_timestamp
from sidecar.model.file import Generation


class Batch(msgspec.Struct, frozen=True, dict=True):
    """What a sink is asked to write: documents of one or several generations, in the order of their lines.

    A record is known by its index, 0 ≤ index < len(batch). `targets` is set when documents go where they
    were meant to go once before (a replay); otherwise the sink decides.
    """

    parts: Sequence[Documents]
    targets: Sequence[str] | None = None

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
        return [text for part in self.parts for text in part.json_lines()]

    def objects(self) -> list[dict[str, Any]]:
        """Each document as a dictionary. Of a key that was written twice the last value counts."""
        found: list[dict[str, Any]] = _OBJECTS.decode_lines("\n".join(self.documents))
        return found

    def rendered(self, envelope: BulkFraming) -> bytes:
        """All documents in their envelopes, in order, as UTF-8."""
        return b"".join([part.encode(envelope) for part in self.parts])

    @cached_property
    def event_times(self) -> list[str]:
        """The event time of each document as RFC 3339 text with zone.

        A line without a time of its own takes the moment at which its generation began, so that a document
        that is sent again next day goes to the same dated index.
        """
        return [time or default_timestamp(part) for part in self.parts for time in part.timestamps()]

    def only(self, indexes: Sequence[int]) -> Batch:
        """The documents with these indexes, renumbered from 0 in the order given."""
        generations = [part.generation for part in self.parts for _ in range(len(part))]
        groups = [list(group) for _, group in groupby(indexes, key=generations.__getitem__)]
        chosen = [self._chosen(generations[group[0]], group) for group in groups]
        return Batch(chosen, None if self.targets is None else [self.targets[i] for i in indexes])

    def _chosen(self, generation: Generation, indexes: Sequence[int]) -> RenderedDocuments:
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
    """One record that the destination will never take as it is.

    `kind` is the destination's own name for the error, `reason` its words, `status` its number if it has
    one, `target` the index or collection the document was meant for.
    """

    index: int
    kind: str
    reason: str
    status: int | None = None
    target: str = ""


class WriteResult(msgspec.Struct, frozen=True):
    """What became of each record of a batch, by index. Fail closed: what is not mentioned is retried.

    `stored`: accepted, or found to be there already (`already` says how many were); `range(len(batch))` for all
    of them is judged at a stroke. `rejected`: will never
    be taken; goes to the dead letters. `fault`: why the others could not be taken, if the destination said.
    `diverted`: how many of those that are stored went to the fallback, because there were too many targets.
    `receipt`: a note of the sink's own that is committed with the checkpoint and handed back to `resume`.
    """

    stored: Collection[int]
    rejected: Sequence[Rejection] = ()
    error: DeliveryError | None = None
    duplicates: int = 0
    failure_store: int = 0
    resume_token: str | None = None
    diverted: int = 0
