"""Documents: what is sent for each record, as text that is ready for a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.lib import native
from sidecar.lib.clock import iso
from sidecar.model.file import Generation


class BulkFraming(msgspec.Struct, frozen=True):
    """What stands round each document in a request: `before` id `between` document newline. `between` ends a line."""

    before: str
    between: str


AROUND_EACH = 100
"""Bytes, about, of a document in addition to its fields: its time, its offset and its id."""


class Documents(Protocol):
    """Finished documents of one generation, with the positions that they came from."""

    @property
    def generation(self) -> Generation: ...

    @property
    def starts(self) -> Sequence[int]: ...

    def __len__(self) -> int: ...

    @property
    def size(self) -> int:
        """About how many bytes they take in a request."""
        ...

    def ids(self) -> list[str]:
        """The `_id` of each document: generation and offset."""
        ...

    def json_lines(self) -> list[str]:
        """Each document as JSON text without line ends."""
        ...

    def encode(self, envelope: BulkFraming) -> bytes:
        """All documents in their envelopes, in order, as UTF-8."""
        ...

    def timestamps(self) -> list[str]:
        """The event time of each document as RFC 3339 text, or "" where the line had none."""
        ...


class SplicedDocuments(msgspec.Struct, frozen=True):
    """Documents whose members are the application's own text between constant parts of ours.

    document = `{"@timestamp":"` + time + `",` + members + `tail` + offset + `close`
    (with `in_place` the application's own members hold the time, and `{` alone begins it). `times` are those
    of the documents, `known_times` those of the events: "" where the line had none.
    """

    generation: Generation
    starts: Sequence[int]
    members: Sequence[str]
    times: Sequence[str]
    tail: str
    close: str
    known_times: Sequence[str]
    in_place: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return sum(map(len, self.members)) + len(self) * (len(self.tail) + len(self.close) + AROUND_EACH)

    def ids(self) -> list[str]:
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        tail, close = self.tail, self.close
        if self.in_place:
            return [f"{{{body}{tail}{at}{close}" for body, at in zip(self.members, self.starts, strict=True)]
        return [
            f'{{"@timestamp":"{time}",{body}{tail}{at}{close}'
            for time, body, at in zip(self.times, self.members, self.starts, strict=True)
        ]

    def encode(self, envelope: BulkFraming) -> bytes:
        head, close = f"{envelope.before}{self.generation.id_prefix}-", f"{self.close}\n"
        starts, members = list(self.starts), list(self.members)
        timed = (envelope.between + '{"@timestamp":"', list(self.times), '",')
        begun = (envelope.between + "{",) if self.in_place else timed
        return native.rendered(len(self), (head, starts, *begun, members, self.tail, starts, close))

    def timestamps(self) -> list[str]:
        return list(self.known_times)


class RenderedDocuments(msgspec.Struct, frozen=True):
    """Documents that were made one by one. `known_ids` is set for documents that come from the dead letters."""

    generation: Generation
    starts: Sequence[int]
    documents: Sequence[str]
    times: Sequence[str]
    known_ids: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return sum(map(len, self.documents)) + len(self) * AROUND_EACH

    def ids(self) -> list[str]:
        if self.known_ids is not None:
            return list(self.known_ids)
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        return list(self.documents)

    def encode(self, envelope: BulkFraming) -> bytes:
        pairs = zip(self.ids(), self.documents, strict=True)
        return "".join([f"{envelope.before}{name}{envelope.between}{text}\n" for name, text in pairs]).encode()

    def timestamps(self) -> list[str]:
        return list(self.times)


class EncodedDocuments(msgspec.Struct, frozen=True):
    """Documents as the bytes of a request, made while their lines are still in the processor's cache.

    A fraction of the memory of the texts that they were made of, which are not kept.
    """

    generation: Generation
    starts: Sequence[int]
    body: bytes
    envelope: BulkFraming
    known_times: Sequence[str]

    @classmethod
    def of(cls, documents: Documents, envelope: BulkFraming) -> EncodedDocuments:
        """The same documents in these envelopes."""
        body, times = documents.encode(envelope), documents.timestamps()
        return cls(documents.generation, documents.starts, body, envelope, times)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return len(self.body)

    def ids(self) -> list[str]:
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        lines_each = self.envelope.between.count("\n") + 1
        return self.body.decode().split("\n")[lines_each - 1 :: lines_each]

    def encode(self, envelope: BulkFraming) -> bytes:
        return self.body if envelope == self.envelope else self._as_texts().encode(envelope)

    def timestamps(self) -> list[str]:
        return list(self.known_times)

    def _as_texts(self) -> RenderedDocuments:
        return RenderedDocuments(self.generation, self.starts, self.json_lines(), self.known_times)


def default_timestamp(part: Documents) -> str:
    """The moment at which the generation of these documents began, as RFC 3339 text in UTC."""
    return iso(part.generation.created_at)
