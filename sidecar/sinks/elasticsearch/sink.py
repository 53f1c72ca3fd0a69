"""The sink for Elasticsearch and OpenSearch: bulk requests of prepared bytes, with a result for each document.

Documents are created under ids that are their positions, so a document that is sent again already exists (409).
`_bulk` is the only endpoint that is used: a user with write permission is enough, and a proxy may block everything
else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

import elastic_transport

from sidecar.errors import DeliveryError, RequestTooLarge, Retryable
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.sinks.common.credentials import ReloadingClient
from sidecar.sinks.common.errors import translate_errors
from sidecar.sinks.common.target_limit import RoutedSink, TargetLimiter
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.elasticsearch.bulk_response import collect_results
from sidecar.sinks.elasticsearch.connection import create_bulk_request, create_transport
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, check_response
from sidecar.sinks.elasticsearch.node import ResponseTooLarge
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

__all__ = ["ElasticsearchSettings", "ElasticsearchSink"]

# Has a field that is reserved for the server, so that every mapping rejects it.
_REFUSED = '{"@timestamp":"1970-01-01T00:00:00Z","_field_names":"log-sidecar-probe"}'
_CREATE = BulkFraming('{"create":{"_id":"', '"}}\n')


class ElasticsearchSink(RoutedSink):
    """Writes batches to an index of Elasticsearch or OpenSearch, or to one for each day or value of a field."""

    settings: ClassVar = ElasticsearchSettings
    concurrency: ClassVar[int] = 2

    def __init__(self, settings: ElasticsearchSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._at = settings.destination()
        self._index = TargetTemplate(settings.index, lower=True)
        self._limiter = TargetLimiter(self._index, settings.max_targets, self._clock)
        files = (settings.password_file, settings.api_key_file, settings.bearer_token_file,
                 settings.ca_file, settings.client_certificate_file, settings.client_key_file)  # fmt: skip
        self._transport = ReloadingClient(files, self._connect, lambda transport: transport.close())

    def open(self) -> None:
        """Read the files. No request is sent, since the user may have no other permission than to write."""
        with self._borrow_transport():
            pass

    @property
    def envelope(self) -> BulkFraming | None:
        """The action line: only the id differs between documents of a batch for one index."""
        return _CREATE if self._has_ids else None

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        names = routed.names
        try:
            answer = self._send(names if isinstance(names, str) else "", self._body(batch, names))
        except RequestTooLarge as fault:
            if len(batch) == 1 and isinstance(fault.__cause__, ResponseTooLarge):
                raise Retryable(fault.message, location=fault.location, hint=fault.hint) from fault
            raise
        result = collect_results(
            answer, len(batch), names, self._at,
            sent_names=(self._settings.pipeline, self._settings.username),
            may_reject_unknown=self._settings.unknown_refusals == "dead_letter",
        )  # fmt: skip
        return routed.count(result)

    def probe(self) -> ProbeResult:
        """Send a document that every index rejects to each host, and expect that rejection.

        It tests what a write needs: address, TLS, credentials, privilege, pipeline, blocks. It leaves a document only
        in the failure store of a data stream that has one. An index that does not exist is created, as by a write.
        """
        # Imported here: a process that ships documents never needs it.
        from sidecar.sinks.elasticsearch import control_plane  # noqa: PLC0415

        self.open()  # reports a file that cannot be read
        servers, errors = list[str](), list[DeliveryError]()
        for settings in control_plane.split_hosts(self._settings):
            try:
                self._probe_host(settings)
                servers.append(control_plane.name_server(settings))
            except DeliveryError as error:
                errors.append(error)
        if not servers:
            raise errors[0]
        return ProbeResult(", ".join(sorted(filter(None, set(servers)))), list(map(str, errors)))

    def _probe_host(self, settings: ElasticsearchSettings) -> None:
        from sidecar.sinks.elasticsearch.control_plane import send_once  # noqa: PLC0415 - see `probe`

        name = self._index.render(datetime.fromtimestamp(self._clock.now(), UTC))
        body = f"{_action('', 'log-sidecar-probe' if self._has_ids else '')}\n{_REFUSED}\n".encode()
        answer = send_once(settings, create_bulk_request(settings, name, body))
        result = collect_results(answer, 1, name, settings.destination())
        if result.error is not None:
            raise result.error

    def has_changed_files(self) -> bool:
        return self._transport.has_changed_files()

    def close(self) -> None:
        self._transport.close()

    @property
    def _has_ids(self) -> bool:
        return self._settings.document_id == "position"

    def _body(self, batch: Batch, names: str | Sequence[str]) -> bytes:
        if isinstance(names, str):
            if self._has_ids:
                return batch.encode(_CREATE)
            names = [""] * len(batch)
        ids = batch.ids if self._has_ids else [""] * len(batch)
        rows = zip(names, ids, batch.documents, strict=True)
        return "".join([f"{_action(name, key)}\n{text}\n" for name, key, text in rows]).encode()

    def _send(self, index: str, body: bytes) -> object:
        """Return the decoded response. Raise `DeliveryError` if the whole request failed."""
        request = create_bulk_request(self._settings, index, body)
        with self._borrow_transport() as transport:
            meta, answer = transport.perform_request(
                "POST", request.target, headers=request.headers, body=request.body
            )
        check_response(meta, answer, self._at)
        return answer

    @contextmanager
    def _borrow_transport(self) -> Iterator[elastic_transport.Transport]:
        with translate_errors(TRANSPORT_ERRORS, self._at), self._transport.lend() as transport:
            yield transport

    def _connect(self) -> elastic_transport.Transport:
        return create_transport(self._settings, connections=self._settings.worker_range(self.concurrency)[1])


def _action(index: str, name: str) -> str:
    """Return the action line. An empty index is in the URL, and an empty id is made by the server."""
    where = f'"_index":"{index}"' if index else ""
    what = f'"_id":"{name}"' if name else ""
    return f'{{"create":{{{where}{"," if where and what else ""}{what}}}}}'
