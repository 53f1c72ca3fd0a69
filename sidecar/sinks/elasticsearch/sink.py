"""The sink for Elasticsearch and OpenSearch: sends bulk requests, and returns the result of each document.

The id of a document is its position in the file. So if a stored document is sent again, the server answers that it
exists (409). Only the endpoint `_bulk` is used: a user needs only write permission, and a proxy may block all other
endpoints.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import ClassVar, Literal

import elastic_transport
from msgspec.structs import replace

from sidecar.errors import DeliveryError, Misconfigured, RequestBlocked, RequestTooLarge, Retryable
from sidecar.lib.clock import Clock, SystemClock
from sidecar.lib.deflate import deflate, join_as_gzip
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.sinks.archive_contract import Archive
from sidecar.sinks.common.credentials import ReloadingClient
from sidecar.sinks.common.errors import translate_errors
from sidecar.sinks.common.target_limit import RoutedSink, TargetLimiter
from sidecar.sinks.contract import ProbeResult
from sidecar.sinks.elasticsearch.bulk_body import BulkBody, action_line
from sidecar.sinks.elasticsearch.bulk_response import (
    BRIEF_FILTER_PATH,
    Created,
    collect_results,
    list_mapping_races,
)
from sidecar.sinks.elasticsearch.connection import (
    create_bulk_query,
    create_bulk_request,
    create_transport,
    put_aside,
)
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, check_response
from sidecar.sinks.elasticsearch.sent_ids import IdSearch, SentIds, list_unknown, may_have_arrived
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings
from sidecar.sinks.elasticsearch.timed_socket import ResponseTooLarge
from sidecar.sinks.setup_contract import ServerObject, SetupConnection

__all__ = ["ElasticsearchSettings", "ElasticsearchSink"]

# The document for `probe`. It has a field that is reserved for the server, so every mapping rejects it.
_REFUSED = '{"@timestamp":"1970-01-01T00:00:00Z","_field_names":"log-sidecar-probe"}'
_UNSUPPORTED_MEDIA_TYPE = 415
_MAPPING_PAUSES_S = (0.05, 0.2, 0.8)
"""Pauses before a document is sent again that lost a race for the mapping of its index."""


class ElasticsearchSink(RoutedSink):
    """Writes batches to an index of Elasticsearch or OpenSearch, or to one for each day or value of a field."""

    settings: ClassVar = ElasticsearchSettings
    concurrency: ClassVar[int] = 2

    def __init__(self, settings: ElasticsearchSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._at = settings.destination()
        self._index = settings.target_template()
        self._body, self._query = BulkBody(settings), create_bulk_query(settings)
        self._brief_query = create_bulk_query(settings, BRIEF_FILTER_PATH)
        self._picks_pipeline = settings.pipeline_template().fixed is None
        self._limiter = TargetLimiter(self._index, settings.max_targets, self._clock)
        self._is_gzip_refused = False
        self._is_closed = threading.Event()
        self._transport = ReloadingClient(settings.files(), self._connect, lambda transport: transport.close())
        in_flight = (settings.worker_range(self.concurrency)[1] + 1) * settings.batch_bytes
        search = IdSearch(settings)
        self._has_ids = settings.document_id == "position"
        is_remembered = settings.looks_up_sent or not self._has_ids
        self._sent = SentIds(search.find, in_flight, self._clock) if is_remembered else None

    def open(self) -> None:
        """Read the files. Send no request, because the user may have only the permission to write."""
        self._is_closed.clear()
        with self._borrow_transport():
            pass

    @property
    def envelope(self) -> BulkFraming | None:
        """The action line, if action lines differ only in the id."""
        return self._body.framing

    @property
    def compress(self) -> bool | Literal["auto"]:
        """Whether to compress documents when they are built.

        `auto` if action lines differ in more than the id, because the documents are then encoded again.
        """
        if not self._settings.compress or self._is_gzip_refused:
            return False
        return self._settings.compress if self._settings.has_uniform_actions else "auto"

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        if self._sent is not None and not self._has_ids:
            return routed.count(self._write_without_ids(batch, routed.names, self._sent))
        if self._sent is None or not (known := self._sent.find_stored(batch, routed)):
            return routed.count(self._write(batch, routed.names))
        rest = sorted(set(range(len(batch))).difference(known))
        result = self._write(batch.select(rest), routed.select(rest)) if rest else WriteResult([])
        self._sent.discard([batch.ids[index] for index in known])
        return routed.count(result.embed(rest, known))

    def _write_without_ids(self, batch: Batch, names: str | Sequence[str], sent: SentIds) -> WriteResult:
        """Write documents whose ids the server makes; in a time series, of the dimensions and the time.

        If the server has this id, the document is stored if it may have been sent before. If not, the id is that of
        another document.
        """
        doubtful = sent.list_doubtful(batch)
        result = self._write(batch, names, doubtful)
        if doubtful:
            sent.discard({batch.ids[index] for index in (*result.stored, *(each.index for each in result.rejected))})
        return result

    def _write(self, batch: Batch, names: str | Sequence[str], doubtful: Collection[str] = ()) -> WriteResult:
        """Write the documents, and those again that were refused because another request has changed the mapping.

        If several requests add a field at once, one may map `1` and another `1.5`. The server refuses the second
        mapping, although it accepts both values with the first one. It takes a moment until all of it knows that one.
        """
        result = self._write_once(batch, names, doubtful)
        for pause_s in _MAPPING_PAUSES_S:
            raced = list_mapping_races(result)
            if not raced or self._is_closed.wait(pause_s):
                break
            result = self._write_again(batch, names, result, raced)
        return result

    def _write_again(
        self, batch: Batch, names: str | Sequence[str], result: WriteResult, indexes: Sequence[int]
    ) -> WriteResult:
        """Write the documents with these indexes again. Return the result of all documents."""
        chosen = names if isinstance(names, str) else [names[index] for index in indexes]
        try:
            again = self._write_once(batch.select(indexes), chosen)
        except DeliveryError as error:
            again = WriteResult((), error=error)
        others = [each for each in result.rejected if each.index not in set(indexes)]
        return replace(result, rejected=others).join(again.embed(indexes, ()), 0)

    def _write_once(self, batch: Batch, names: str | Sequence[str], doubtful: Collection[str] = ()) -> WriteResult:
        try:
            answer = self._send(batch, names, self._query)
        except RequestTooLarge as error:
            if len(batch) > 1 or not isinstance(error.__cause__, ResponseTooLarge):
                raise
            answer = self._send_for_brief_answer(batch, names)
        return collect_results(
            answer, len(batch), names, self._at,
            sent_names=(self._settings.pipeline, self._settings.username),
            may_reject_unknown=self._settings.may_reject_unknown,
            picks_pipeline=self._picks_pipeline, may_be_sent=lambda index: batch.ids[index] in doubtful,
        )  # fmt: skip

    def probe(self) -> ProbeResult:
        """Send each host a document that every index rejects, and expect that rejection.

        This tests everything that a write needs: address, TLS, credentials, privileges, pipeline, blocks. The
        document is stored only if the data stream has a failure store. An index that does not exist is created.
        """
        # Imported only here, because a process that ships documents does not need this module.
        from sidecar.sinks.elasticsearch import control_plane  # noqa: PLC0415

        self.open()  # raises if a file cannot be read
        servers, errors = list[str](), list[DeliveryError]()
        for settings in control_plane.split_hosts(self._settings):
            try:
                self._probe_host(settings)
                servers.append(control_plane.name_server(settings))
            except DeliveryError as error:
                errors.append(error)
        if not servers:
            raise errors[0]
        warnings = list(map(str, errors))
        name = self._index.fixed
        is_decided = self._settings.looks_up_sent or self._settings.look_up_sent is not None or not self._has_ids
        if name and not is_decided and control_plane.may_roll_over(self._settings, name):
            warnings.append(
                f"{name} rolls over, and after a rollover a document that is sent again is stored twice; set "
                "data_stream instead of index, or look_up_sent: true"
            )
        return ProbeResult(", ".join(sorted(filter(None, set(servers)))), warnings)

    def _probe_host(self, settings: ElasticsearchSettings) -> None:
        from sidecar.sinks.elasticsearch.control_plane import send_once  # noqa: PLC0415 - see `probe`

        name = self._index.render(datetime.fromtimestamp(self._clock.now(), UTC))
        key = "log-sidecar-probe" if settings.document_id == "position" else ""
        body = f"{action_line('', key)}\n{_REFUSED}\n".encode()
        is_gzip = settings.compress is True
        pieces = join_as_gzip([deflate(body)]) if is_gzip else [body]
        query = create_bulk_query(settings)
        answer = send_once(settings, create_bulk_request(query, name, pieces, is_gzip=is_gzip))
        result = collect_results(answer, 1, name, settings.destination())
        if result.error is not None:
            raise result.error
        if settings.looks_up_sent:
            IdSearch(settings).find(name, [key])

    def plan_setup(self) -> Sequence[ServerObject]:
        from sidecar.sinks.elasticsearch.setup_plan import plan_objects  # noqa: PLC0415 - see `probe`

        return plan_objects(self._settings, is_opensearch=self._settings.type == "opensearch")

    def connect_setup(self) -> AbstractContextManager[SetupConnection]:
        from sidecar.sinks.elasticsearch.setup import connect  # noqa: PLC0415 - see `probe`

        return connect(self._settings)

    def open_archive(self) -> AbstractContextManager[Archive]:
        from sidecar.sinks.elasticsearch.archive import open_archive  # noqa: PLC0415 - see `probe`

        return open_archive(self._settings)

    def has_changed_files(self) -> bool:
        return self._transport.has_changed_files()

    def close(self) -> None:
        self._is_closed.set()
        self._transport.close()

    def _send_for_brief_answer(self, batch: Batch, names: str | Sequence[str]) -> object:
        """Send a document again whose refusal was too large, because the server quotes the document in it."""
        try:
            return self._send(batch, names, self._brief_query)
        except RequestTooLarge as error:
            raise Retryable(error.message, location=error.location, hint=error.hint) from error

    def _send(self, batch: Batch, names: str | Sequence[str], query: str) -> object:
        """Send a bulk request. Return the decoded response. Raise `DeliveryError` if the whole request failed."""
        is_auto = self._settings.compress == "auto"
        is_gzip = batch.is_compressed and not self._is_gzip_refused if is_auto else bool(self._settings.compress)
        meta, answer = self._request(batch, names, query, is_gzip=is_gzip)
        if is_gzip and is_auto and meta.status == _UNSUPPORTED_MEDIA_TYPE:
            self._is_gzip_refused = True
            meta, answer = self._request(batch, names, query, is_gzip=False)
        if self._sent and (meta.status >= 300 or not isinstance(answer, Created)):
            self._sent.add_failure([batch.ids[i] for i in list_unknown(meta.status, answer, len(batch))])
        try:
            check_response(meta, answer, self._at, may_reject_unknown=self._settings.may_reject_unknown)
        except Misconfigured as error:
            with self._borrow_transport() as transport:
                if isinstance(error, RequestBlocked) or not put_aside(transport, meta.node):
                    raise
            raise Retryable(error.message, location=error.location, hint=error.hint) from error
        return answer

    def _request(
        self, batch: Batch, names: str | Sequence[str], query: str, *, is_gzip: bool
    ) -> elastic_transport.TransportApiResponse:
        body = self._body.compress(batch, names) if is_gzip else self._body.encode(batch, names)
        index = names if isinstance(names, str) else ""
        request = create_bulk_request(query, index, body, is_gzip=is_gzip)
        try:
            with self._borrow_transport() as transport:
                return transport.perform_request("POST", request.target, headers=request.headers, body=request.body)
        except DeliveryError as error:
            if self._sent:
                self._sent.add_failure(batch.ids if may_have_arrived(error) else ())
            raise

    @contextmanager
    def _borrow_transport(self) -> Iterator[elastic_transport.Transport]:
        with translate_errors(TRANSPORT_ERRORS, self._at), self._transport.lend() as transport:
            yield transport

    def _connect(self) -> elastic_transport.Transport:
        return create_transport(self._settings, connections=self._settings.worker_range(self.concurrency)[1])
