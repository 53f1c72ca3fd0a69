"""Builds the body of a bulk request: an action line and a document in turn.

If all documents have the same index, pipeline and routing, the action lines differ only in the id. Then the encoded
documents already contain them, and building the body costs almost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat

from sidecar.lib.deflate import deflate, join_as_gzip
from sidecar.lib.jsontext.nested import json_string
from sidecar.model.batch import Batch
from sidecar.model.documents import BulkFraming
from sidecar.sinks.common.target_name import FieldValue, decode_members
from sidecar.sinks.elasticsearch.data_stream import add_stream_fields
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

_CREATE_WITHOUT_ID = BulkFraming("", '{"create":{}}\n', has_ids=False)
_CREATE = BulkFraming('{"create":{"_id":"', '"}}\n')


class BulkBody:
    """Encodes batches. Sends only the action `create`, which never overwrites a document."""

    def __init__(self, settings: ElasticsearchSettings) -> None:
        self._has_ids = settings.document_id == "position"
        pipeline = settings.pipeline_template()
        self._pipeline = pipeline if pipeline.fixed is None else None
        self._routing = FieldValue(settings.routing[1:-1]) if settings.routing else None
        self._has_many_streams = settings.has_many_streams
        self._framing = _CREATE if self._has_ids else _CREATE_WITHOUT_ID
        self._is_uniform = not (self._pipeline or self._routing or self._has_many_streams)

    @property
    def framing(self) -> BulkFraming | None:
        """The framing of most documents; None if each document has a different action line."""
        return self._framing if self._is_uniform else None

    def encode(self, batch: Batch, names: str | Sequence[str]) -> list[bytes]:
        """Return the body for these documents, a piece for each part of the batch.

        `names`: one index for all documents, which is then in the URL, or the index of each document.
        """
        if self._is_uniform and isinstance(names, str):
            return batch.encode(self._framing)
        return list(self._encode_parts(batch, names))

    def compress(self, batch: Batch, names: str | Sequence[str]) -> list[bytes]:
        """Return the pieces of the same body as gzip."""
        if self._is_uniform and isinstance(names, str):
            return join_as_gzip(batch.compress(self._framing))
        return join_as_gzip(map(deflate, self._encode_parts(batch, names)))

    def _encode_parts(self, batch: Batch, names: str | Sequence[str]) -> Iterator[bytes]:
        items = self._iterate_items(batch, names)
        return ("".join(islice(items, len(part))).encode() for part in batch.parts)

    def _iterate_items(self, batch: Batch, names: str | Sequence[str]) -> Iterator[str]:
        """Yield the action line and the document of each item."""
        indexes: Iterable[str] = repeat("") if isinstance(names, str) else names
        ids = (key for part in batch.parts for key in part.ids()) if self._has_ids else repeat("")
        rows = zip(
            self._documents(batch, names), indexes, ids, self._pipelines(batch), self._routings(batch), strict=False
        )
        return (f"{action_line(index, key, pipeline, route)}\n{text}\n" for text, index, key, pipeline, route in rows)

    def _pipelines(self, batch: Batch) -> Iterable[str]:
        if self._pipeline is None:
            return repeat("")
        names = self._pipeline.render_batch(batch)
        return repeat(names) if isinstance(names, str) else names

    def _routings(self, batch: Batch) -> Iterable[str]:
        if self._routing is None:
            return repeat("")
        return (self._routing.read(decode_members(document)) for document in batch.iterate_documents())

    def _documents(self, batch: Batch, names: str | Sequence[str]) -> Iterable[str]:
        if not self._has_many_streams:
            return batch.iterate_documents()
        streams: Iterable[str] = repeat(names) if isinstance(names, str) else names
        pairs = zip(batch.iterate_documents(), streams, strict=False)
        return (add_stream_fields(text, stream) for text, stream in pairs)


def action_line(index: str, name: str, pipeline: str = "", routing: str = "") -> str:
    """Return an action line. `name`: the id of the document.

    If `index` is empty, the server uses the index in the URL. If `name` is empty, it generates an id.
    """
    fields = {"_index": index, "_id": name, "pipeline": pipeline, "routing": routing}
    members = ",".join([f'"{field}":{json_string(value)}' for field, value in fields.items() if value])
    return f'{{"create":{{{members}}}}}'
