"""Finds the documents that an earlier request may have stored, before they are sent again.

An id is unique only within one index. If a data stream or an alias rolls over between two attempts, the second one
would store a document again. So after a request whose outcome is unknown, its ids are looked up in the stream. The
same is done for documents that an earlier process may have sent without recording it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from urllib.parse import quote

import elastic_transport
import msgspec

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.lib.clock import Clock
from sidecar.model.batch import Batch
from sidecar.model.documents import Documents
from sidecar.sinks.common.errors import causes_of, translate_errors
from sidecar.sinks.common.target_limit import BatchTargets
from sidecar.sinks.elasticsearch.bulk_response import BulkResponse
from sidecar.sinks.elasticsearch.connection import create_transport
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, check_response
from sidecar.sinks.elasticsearch.node import ProxyError, SigningError
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings
from sidecar.sinks.elasticsearch.timed_socket import ResponseTooLarge

MAX_INCOMPLETE_ANSWERS = 10
"""Number of look-ups that fail while a part of the stream is unavailable. After them, the other parts are enough."""

EARLIER_DOCUMENTS_S = 60.0
"""Seconds from the first look-up for a file. What is read from the file later was not sent by an earlier process. The
time starts again when a request fails or a document is found."""

_IDS_PER_REQUEST = 10_000
_UNAVAILABLE, _TIMED_OUT, _SERVER_ERROR = 503, 408, 500
_HEADERS = {"accept": "application/json", "content-type": "application/json"}
_QUERY = "allow_no_indices=true&ignore_unavailable=true"
_FILTER = "filter_path=hits.hits._id,_shards.failed"
_NOT_SENT = (elastic_transport.TlsError, ProxyError, SigningError, ConnectionRefusedError, socket.gaierror)
"""Exceptions after which the server has not received the request."""

Find = Callable[[str, Collection[str]], Collection[str]]
"""Returns the ids that are stored, of those given, in the index or stream of this name. Raises `DeliveryError`."""


class SentIds:
    """Remembers which documents an earlier request may have stored. Several threads may use it at once.

    An earlier process may have sent documents of the files that exist when this object is created. `window`: maximum
    bytes of log that are in flight at once. If no document in this many bytes of a file is stored, the earlier
    process has sent no later document of the file. What is read from a file after `EARLIER_DOCUMENTS_S` was written
    after the start.
    """

    def __init__(self, find: Find, window: int, clock: Clock) -> None:
        self._find, self._window, self._clock = find, window, clock
        self._started_at = clock.now()
        self._unknown: set[str] = set()
        self._earlier: dict[int, _EarlierFile] = {}
        """Generation id → file that an earlier process has read."""

        self._lock = threading.Lock()

    def add_failure(self, ids: Collection[str]) -> None:
        """Remember a request that failed. `ids`: its documents that may be stored nevertheless."""
        with self._lock:
            self._unknown.update(ids)
            for file in self._earlier.values():  # their documents are read later because of the failure
                file.until = max(file.until, self._clock.monotonic() + EARLIER_DOCUMENTS_S)

    def discard(self, ids: Collection[str]) -> None:
        """Forget ids whose outcome is known: they are not stored, or their result was returned."""
        with self._lock:
            self._unknown.difference_update(ids)

    def find_stored(self, batch: Batch, routed: BatchTargets) -> list[int]:
        """Return the indexes of the documents that are stored. Look up only those that may have been sent before."""
        doubtful = list(self._list_doubtful(batch))
        if not doubtful:
            return []
        ids = batch.ids
        by_target: dict[str, list[int]] = {}
        for index in doubtful:
            by_target.setdefault(routed.name_of(index), []).append(index)
        stored = list[int]()
        for target, indexes in by_target.items():
            found = self._search(target, [ids[index] for index in indexes])
            stored += [index for index in indexes if ids[index] in found]
        self.discard({ids[index] for index in set(doubtful).difference(stored)})
        self._extend_windows(batch, set(stored))
        return sorted(stored)

    def list_doubtful(self, batch: Batch) -> set[str]:
        """Return the ids of the documents that may have been sent before."""
        indexes = list(self._list_doubtful(batch))
        return {batch.ids[index] for index in indexes} if indexes else set()

    def _search(self, target: str, ids: Collection[str]) -> set[str]:
        try:
            return set(self._find(target, ids))
        except DeliveryError:
            self.add_failure(())
            raise

    def _list_doubtful(self, batch: Batch) -> Iterator[int]:
        first = 0
        for part in batch.parts:
            indexes = range(first, first + len(part))
            if self._may_be_sent(part):
                yield from indexes
            elif self._unknown:
                yield from (index for index in indexes if batch.ids[index] in self._unknown)
            first += len(part)

    def _may_be_sent(self, part: Documents) -> bool:
        """Return whether an earlier process may have sent the documents of this part."""
        generation = part.generation
        if generation.created_at >= self._started_at:
            return False
        now = self._clock.monotonic()
        with self._lock:
            file = self._earlier.get(generation.id)
            if file is None:
                file = _EarlierFile(part.starts[0] + self._window, now + EARLIER_DOCUMENTS_S)
                self._earlier[generation.id] = file
            return part.starts[0] < file.offset and now < file.until

    def _extend_windows(self, batch: Batch, stored: set[int]) -> None:
        first = 0
        for part in batch.parts:
            found = [start for index, start in enumerate(part.starts, first) if index in stored]
            first += len(part)
            file = self._earlier.get(part.generation.id)
            if found and file is not None:
                with self._lock:
                    file.offset = max(file.offset, max(found) + self._window)
                    file.until = self._clock.monotonic() + EARLIER_DOCUMENTS_S


class _EarlierFile(msgspec.Struct):
    """A file that an earlier process has read."""

    offset: int
    """Documents from here on were not sent by the earlier process."""

    until: float
    """What is read after this time of the monotonic clock was not sent by the earlier process."""


def may_have_arrived(error: DeliveryError) -> bool:
    """Return whether the server may have executed a request that failed with this error of the transport."""
    causes = list(causes_of(error))
    if isinstance(error, RequestTooLarge):
        return any(isinstance(cause, ResponseTooLarge) for cause in causes)
    return isinstance(error, Retryable) and not any(isinstance(cause, _NOT_SENT) for cause in causes)


def list_unknown(status: int, answer: object, count: int) -> Sequence[int]:
    """Return the indexes of the documents that may be stored although the server, or a gateway, reports an error.

    `status`: that of the response to a bulk request with `count` documents.
    """
    if status == _TIMED_OUT or status >= _SERVER_ERROR or isinstance(answer, str):
        return range(count)
    items = answer.items if isinstance(answer, BulkResponse) else []
    return [index for index, item in enumerate(items) if item.create.status >= _SERVER_ERROR]


class _Hit(msgspec.Struct, gc=False):
    id: str = msgspec.field(name="_id")


class _Hits(msgspec.Struct, gc=False):
    hits: list[_Hit] = []


class _SearchResponse(BulkResponse, gc=False):
    """The response to a search, or the error of a refused request."""

    hits: _Hits = msgspec.field(default_factory=_Hits)


_RESPONSES = msgspec.json.Decoder(_SearchResponse)


class IdSearch:
    """Searches for ids in an index, an alias or a data stream with all its indexes.

    A search shows only what was refreshed, so the index is refreshed first. Each call opens a separate connection,
    because calls are rare.
    """

    def __init__(self, settings: ElasticsearchSettings) -> None:
        self._settings = settings
        self._incomplete_answers = 0

    def find(self, target: str, ids: Collection[str]) -> list[str]:
        """Return the ids that are stored. Raise `DeliveryError`."""
        at, names = self._settings.destination(), list(ids)
        with translate_errors(TRANSPORT_ERRORS, at), closing(self._connect()) as transport:
            self._request(transport, f"/{quote(target, safe='')}/_refresh?{_QUERY}&filter_path=_shards.failed", b"")
            chunks = (names[first : first + _IDS_PER_REQUEST] for first in range(0, len(names), _IDS_PER_REQUEST))
            return [name for chunk in chunks for name in self._search(transport, target, chunk)]

    def _search(self, transport: elastic_transport.Transport, target: str, ids: list[str]) -> list[str]:
        # Frozen indexes are left out: a search there reads from a slow object store, and they are weeks old.
        body = {
            "size": len(ids), "_source": False,
            "query": {"bool": {
                "filter": [{"ids": {"values": ids}}], "must_not": [{"terms": {"_tier": ["data_frozen"]}}],
            }},
        }  # fmt: skip
        may_be_partial = self._incomplete_answers >= MAX_INCOMPLETE_ANSWERS
        query = f"{_QUERY}&{_FILTER}&allow_partial_search_results={str(may_be_partial).lower()}"
        path = f"/{quote(target, safe='')}/_search?{query}"
        found = self._request(transport, path, msgspec.json.encode(body))
        self._incomplete_answers = 0
        return [hit.id for hit in found.hits.hits]

    def _request(self, transport: elastic_transport.Transport, path: str, body: bytes) -> _SearchResponse:
        meta, answer = transport.perform_request("POST", path, headers=_HEADERS, body=body or None)
        try:
            check_response(meta, answer, self._settings.destination())
        except Misconfigured as error:
            raise Misconfigured(
                f"cannot look up which documents are stored: {error.message}", location=error.location,
                hint="grant this user read and maintenance on the data stream, or set look_up_sent: false",
            ) from error  # fmt: skip
        except Retryable:
            self._incomplete_answers += meta.status == _UNAVAILABLE
            raise
        assert isinstance(answer, _SearchResponse)
        return answer

    def _connect(self) -> elastic_transport.Transport:
        return create_transport(self._settings, 1, _RESPONSES.decode)
