"""Reads and deletes the documents of an index or data stream, for a replay of dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.sinks.archive_contract import StoredDocument
from sidecar.sinks.elasticsearch.control_plane import ControlPlane, connect_control_plane
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

_PAGE = 500
_KEPT_FOR = "5m"
_NOT_FOUND = 404
_UNAVAILABLE = (429, 502, 503, 504)


@contextmanager
def open_archive(settings: ElasticsearchSettings) -> Iterator[ElasticsearchArchive]:
    """Yield an object that reads and deletes the documents of the sink. Raise `DeliveryError`."""
    with connect_control_plane(settings) as client:
        yield ElasticsearchArchive(settings, client)


class ElasticsearchArchive:
    """Implements `Archive`. Documents are read as they were at the start: a scroll does not see later changes."""

    def __init__(self, settings: ElasticsearchSettings, client: ControlPlane) -> None:
        self._settings, self._client = settings, client

    def read(self) -> Iterator[StoredDocument]:
        query = urlencode({"scroll": _KEPT_FOR, "ignore_unavailable": "true", "allow_no_indices": "true"})
        path = f"/{quote(self._settings.target_template().glob(), safe='*')}/_search?{query}"
        page = self._request("POST", path, {"size": _PAGE, "sort": ["_doc"]})
        while hits := page["hits"]["hits"]:
            for hit in hits:
                yield StoredDocument((hit["_index"], hit["_id"], hit.get("_routing", "")), hit.get("_source", {}))
            page = self._request("POST", "/_search/scroll", {"scroll": _KEPT_FOR, "scroll_id": page["_scroll_id"]})
        self._client.request("DELETE", "/_search/scroll", {"scroll_id": page["_scroll_id"]})

    def delete(self, keys: Iterable[tuple[str, str, str]]) -> None:
        for index, name, routing in keys:
            query = f"?{urlencode({'routing': routing})}" if routing else ""
            self._request("DELETE", f"/{quote(index, safe='')}/_doc/{quote(name, safe='')}{query}")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        status, answer = self._client.request(method, path, body)
        if status < 400 or (method == "DELETE" and status == _NOT_FOUND):
            return answer
        raise self._error(status)

    def _error(self, status: int) -> DeliveryError:
        at = self._settings.destination()
        if status in _UNAVAILABLE:
            return Retryable(f"cannot read or delete documents (answered {status})", location=at, hint="wait for it")
        return Misconfigured(
            f"cannot read or delete documents (answered {status})", location=at,
            hint="let this user read the index and delete documents",
        )  # fmt: skip
