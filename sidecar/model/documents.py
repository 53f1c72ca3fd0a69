"""Defines documents: the JSON text of each record, ready for a request."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.lib import native
from sidecar.lib.clock import iso
from sidecar.lib.deflate import Deflated, deflate, inflate
from sidecar.model.file import Generation


class BulkFraming(msgspec.Struct, frozen=True):
    """The text around a document in a bulk request: `prefix + id + separator + document + "\\n"`.

    Without `has_ids` it is `separator + document + "\\n"`.
    """

    prefix: str
    separator: str
    """Text between id and document. It ends with a line end if the document is on a separate line."""

    has_ids: bool = True


WITHOUT_FRAMING = BulkFraming("", "", has_ids=False)
"""One document on each line, and nothing else."""

_RECORD_BYTES, _COMPACT_RECORD_BYTES = 130, 16
"""Bytes of memory for the offset and the timestamp of one document, and for two offsets as numbers of 8 bytes."""

DOCUMENT_OVERHEAD_BYTES = 100
"""Approximate bytes of a document in addition to its fields: timestamp, offset and id."""


class Documents(Protocol):
    """Finished documents of one generation, with their offsets."""

    @property
    def generation(self) -> Generation: ...

    @property
    def starts(self) -> Sequence[int]: ...

    def __len__(self) -> int: ...

    @property
    def size(self) -> int:
        """Approximate bytes in a request."""
        ...

    @property
    def held_bytes(self) -> int:
        """Approximate bytes of memory that the documents take until they are settled."""
        ...

    def ids(self) -> list[str]:
        """Return the `_id` of each document, made of generation and offset."""
        ...

    def json_lines(self) -> list[str]:
        """Return each document as JSON text without line ends."""
        ...

    def encode(self, framing: BulkFraming) -> bytes:
        """Return all documents in this framing, in order, as UTF-8."""
        ...

    def timestamps(self) -> list[str]:
        """Return the timestamp of each document as RFC 3339 text, or "" if the line had none."""
        ...


class SplicedDocuments(msgspec.Struct, frozen=True):
    """Documents that consist of the text of each record between constant parts.

    A document is `{"@timestamp":"`, time, `",`, body, `tail`, offset, `close` and its ending, without blanks between
    them.
    """

    generation: Generation
    starts: Sequence[int]
    bodies: Sequence[str]
    times: Sequence[str]
    """`@timestamp` of each document."""

    tail: str
    close: str
    known_times: Sequence[str]
    """Timestamp that each line had; "" if it had none, although its document has one."""

    has_own_timestamp: bool = False
    """Whether the bodies contain `@timestamp`, so that only `{` is put before a body."""

    endings: Sequence[str] | None = None
    """Text after `close` in each document; None if nothing follows it."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        texts = sum(map(len, self.bodies)) + sum(map(len, self.endings or ()))
        return texts + len(self) * (len(self.tail) + len(self.close) + DOCUMENT_OVERHEAD_BYTES)

    @property
    def held_bytes(self) -> int:
        return self.size + len(self) * _RECORD_BYTES

    def ids(self) -> list[str]:
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        return self.encode(WITHOUT_FRAMING).decode().split("\n")[:-1]

    def encode(self, framing: BulkFraming) -> bytes:
        starts, bodies = list(self.starts), list(self.bodies)
        names = (f"{framing.prefix}{self.generation.id_prefix}-", starts) if framing.has_ids else ()
        timed = (framing.separator + '{"@timestamp":"', list(self.times), '",')
        opening = (framing.separator + "{",) if self.has_own_timestamp else timed
        endings = () if self.endings is None else (list(self.endings),)
        closing = (self.tail, starts, self.close, *endings, "\n")
        return native.join_columns(len(self), (*names, *opening, bodies, *closing))

    def timestamps(self) -> list[str]:
        return list(self.known_times)


class RenderedDocuments(msgspec.Struct, frozen=True):
    """Documents that were rendered one by one."""

    generation: Generation
    starts: Sequence[int]
    documents: Sequence[str]
    times: Sequence[str]
    known_ids: Sequence[str] | None = None
    """Ids of the documents if they come from the dead letters; None: made of generation and offset."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return sum(map(len, self.documents)) + len(self) * DOCUMENT_OVERHEAD_BYTES

    @property
    def held_bytes(self) -> int:
        return self.size + len(self) * _RECORD_BYTES

    def ids(self) -> list[str]:
        if self.known_ids is not None:
            return list(self.known_ids)
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        return list(self.documents)

    def encode(self, framing: BulkFraming) -> bytes:
        if not framing.has_ids:
            return "".join([f"{framing.separator}{text}\n" for text in self.documents]).encode()
        pairs = zip(self.ids(), self.documents, strict=True)
        return "".join([f"{framing.prefix}{name}{framing.separator}{text}\n" for name, text in pairs]).encode()

    def timestamps(self) -> list[str]:
        return list(self.times)


class EncodedDocuments(msgspec.Struct, frozen=True):
    """Documents that are already encoded as the bytes of a request.

    They are encoded while their lines are still in the CPU cache, and need a fraction of the memory of the texts.
    """

    generation: Generation
    starts: Sequence[int]
    body: bytes
    framing: BulkFraming
    known_times: Sequence[str]

    @classmethod
    def from_documents(cls, documents: Documents, framing: BulkFraming) -> EncodedDocuments:
        """Return these documents encoded in this framing."""
        body, times = documents.encode(framing), documents.timestamps()
        return cls(documents.generation, documents.starts, body, framing, times)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def held_bytes(self) -> int:
        return self.size + len(self) * _RECORD_BYTES

    def ids(self) -> list[str]:
        head = self.generation.id_prefix
        return [f"{head}-{start}" for start in self.starts]

    def json_lines(self) -> list[str]:
        lines_per_document = self.framing.separator.count("\n") + 1
        return self.body.decode().split("\n")[lines_per_document - 1 : -1 : lines_per_document]

    def encode(self, framing: BulkFraming) -> bytes:
        return self.body if framing == self.framing else self._as_texts().encode(framing)

    def timestamps(self) -> list[str]:
        return list(self.known_times)

    def _as_texts(self) -> RenderedDocuments:
        return RenderedDocuments(self.generation, self.starts, self.json_lines(), self.known_times)


class CompressedDocuments(msgspec.Struct, frozen=True):
    """Encoded documents in a fraction of their memory, for a sink that settles them late."""

    generation: Generation
    starts: Sequence[int]
    body: Deflated
    framing: BulkFraming
    known_times: Deflated
    """Timestamps of the events, one on each line."""

    @classmethod
    def from_encoded(cls, documents: EncodedDocuments) -> CompressedDocuments:
        """Return these documents compressed."""
        body, times = deflate(documents.body), deflate("\n".join(documents.known_times).encode())
        return cls(documents.generation, array("q", documents.starts), body, documents.framing, times)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return self.body.size

    @property
    def held_bytes(self) -> int:
        return len(self.body.blocks) + len(self.known_times.blocks) + len(self) * _COMPACT_RECORD_BYTES

    def ids(self) -> list[str]:
        return self._inflate().ids()

    def json_lines(self) -> list[str]:
        return self._inflate().json_lines()

    def encode(self, framing: BulkFraming) -> bytes:
        return self._inflate().encode(framing)

    def timestamps(self) -> list[str]:
        return inflate(self.known_times).decode().split("\n")

    def _inflate(self) -> EncodedDocuments:
        return EncodedDocuments(self.generation, self.starts, inflate(self.body), self.framing, self.timestamps())


def default_timestamp(part: Documents) -> str:
    """Return when the sidecar began to track the content of the file, as RFC 3339 text in UTC."""
    return iso(part.generation.created_at)
