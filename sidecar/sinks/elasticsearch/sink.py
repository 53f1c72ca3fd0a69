"""Elasticsearch, by bulk requests of prepared bytes whose every item is judged.

`create` under an id that is the document's position, so that what is sent again is found to be there (409).
Only `_bulk` is ever asked for: a user who may only write is enough, and so is a proxy that lets nothing else through.
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote

import certifi
import elastic_transport
import msgspec
from isal import isal_zlib

from sidecar import __version__
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming
from sidecar.sinks.common.credentials import ReloadingClient, read_secret
from sidecar.sinks.common.errors import Table, connection_error, tls_error, translate_errors
from sidecar.sinks.common.target_limit import TargetLimiter
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.contract import AdmitTargets
from sidecar.sinks.elasticsearch.bulk_response import (
    BUSY,
    WANTED,
    BulkResponse,
    ErrorCause,
    collect_results,
    decode_response,
    describe_cause,
)
from sidecar.sinks.elasticsearch.client import elasticsearch
from sidecar.sinks.elasticsearch.node import AnswerTooLarge, AnswerUnreadable, BoundedHttpNode
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

__all__ = ["FAULTS", "ElasticsearchSettings", "ElasticsearchSink"]

_HEADERS = {"accept": "application/json", "content-type": "application/x-ndjson"}
# The client would compress with zlib, at a level that takes 25 times as long and saves little more.
_COMPRESSED = {**_HEADERS, "content-encoding": "gzip", "accept-encoding": "gzip"}
_LEVEL, _GZIP = 1, 31
# Holds a field that is the server's own, which no mapping takes and no pipeline knows.
_REFUSED = '{"@timestamp":"1970-01-01T00:00:00Z","_field_names":"log-sidecar-probe"}'

_DIGITS = re.compile(r"[0-9]{1,300}")
_LONGEST_DATE = 64
_CREATE = BulkFraming('{"create":{"_id":"', '"}}\n')


class _Answers(elasticsearch.JsonSerializer):
    """Decodes answers; nothing else than bulk requests is ever sent."""

    def loads(self, data: bytes) -> object:
        try:
            return decode_response(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise elastic_transport.SerializationError("not an answer to a bulk request", errors=(error,)) from None


class _Prepared(elasticsearch.serializer.NdjsonSerializer):
    """Sends the bytes as they are."""

    def dumps(self, data: bytes) -> bytes:
        return data


_SERIALIZERS = {
    "application/json": _Answers(),
    "application/vnd.elasticsearch+json": _Answers(),
    "application/vnd.elasticsearch+x-ndjson": _Prepared(),
}


class ElasticsearchSink:
    """Writes batches into an index, or into one for each day."""

    settings: ClassVar = ElasticsearchSettings
    concurrency: ClassVar[int] = 2

    def __init__(self, settings: ElasticsearchSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._at = settings.destination()
        self._index = TargetTemplate(settings.index, lower=True)
        self._limiter = TargetLimiter(self._index, settings.max_targets, self._clock)
        files = (settings.password_file, settings.api_key_file, settings.ca_file,
                 settings.client_certificate_file, settings.client_key_file)  # fmt: skip
        self._client = ReloadingClient(files, self._connected, lambda client: client.close())

    def open(self) -> None:
        """Read the files and make the client. No request is made: a user who may only write could be refused any."""
        with self._borrowed():
            pass

    @property
    def envelope(self) -> BulkFraming | None:
        """The action line, which is the same for all documents but for their ids, and in batches of one index."""
        return _CREATE if self._has_ids else None

    def write(self, batch: Batch) -> WriteResult:
        routed = self._limiter.route(batch)
        names = routed.names
        try:
            answer = self._bulk(names if isinstance(names, str) else "", self._body(batch, names))
        except RequestTooLarge as fault:
            if len(batch) == 1 and isinstance(fault.__cause__, AnswerTooLarge):
                raise Retryable(fault.message, location=fault.location, hint=fault.hint) from fault
            raise
        return routed.count(collect_results(answer, len(batch), names, self._at))

    def probe(self) -> None:
        """Send a document that no index takes, and expect to be told just that.

        It goes the way of every write (address, TLS, credentials, privilege, pipeline, blocks) and leaves no
        document, unless in the failure store of a data stream that has one. An index that does not exist yet is
        made, as the first write would.
        """
        name = self._index.at(datetime.fromtimestamp(self._clock.now(), UTC))
        body = f"{_action('', 'log-sidecar-probe' if self._has_ids else '')}\n{_REFUSED}\n".encode()
        verdict = collect_results(self._bulk(name, body), 1, name, self._at)
        if verdict.error is not None:
            raise verdict.error

    def targets(self, batch: Batch) -> list[str]:
        """The index that each document goes to."""
        names = self._limiter.route(batch).names
        return [names] * len(batch) if isinstance(names, str) else list(names)

    def keep_targets(self, admit: AdmitTargets) -> None:
        self._limiter.keep(admit)

    def close(self) -> None:
        self._client.close()

    @property
    def _has_ids(self) -> bool:
        return self._settings.document_id == "position"

    def _body(self, batch: Batch, names: str | Sequence[str]) -> bytes:
        if isinstance(names, str):
            if self._has_ids:
                return batch.rendered(_CREATE)
            names = [""] * len(batch)
        ids = batch.ids if self._has_ids else [""] * len(batch)
        rows = zip(names, ids, batch.documents, strict=True)
        return "".join([f"{_action(name, key)}\n{text}\n" for name, key, text in rows]).encode()

    def _bulk(self, index: str, body: bytes) -> object:
        """The decoded answer. Raises `DeliveryError` when the request failed as a whole."""
        path = f"/{quote(index, safe='')}/_bulk" if index else "/_bulk"
        params = {"filter_path": WANTED}
        if self._settings.pipeline:
            params["pipeline"] = self._settings.pipeline
        headers = _HEADERS
        if self._settings.compress:
            headers, body = _COMPRESSED, isal_zlib.compress(body, _LEVEL, _GZIP)
        with self._borrowed() as client:
            return client.perform_request("POST", path, params=params, headers=headers, body=body).body

    def _borrowed(self) -> AbstractContextManager[elasticsearch.Elasticsearch]:
        return _translated_client(self._client, self._at)

    def _connected(self) -> elasticsearch.Elasticsearch:
        given = self._settings
        options = {**_credentials(given), **(_tls(given) if given.secure else {})}
        return elasticsearch.Elasticsearch(
            list(given.hosts),
            headers={"user-agent": f"log-sidecar/{__version__}"},
            serializers=_SERIALIZERS,
            node_class=BoundedHttpNode,
            connections_per_node=self.concurrency,
            request_timeout=given.timeout,
            max_retries=0,
            **options,
        )


@contextmanager
def _translated_client(
    client: ReloadingClient[elasticsearch.Elasticsearch], at: str
) -> Iterator[elasticsearch.Elasticsearch]:
    with translate_errors(FAULTS, at), client.lent() as lent:
        yield lent


def _credentials(given: ElasticsearchSettings) -> dict[str, Any]:
    key = read_secret(given.api_key, given.api_key_file)
    if key:
        name, colon, rest = key.partition(":")
        return {"api_key": (name, rest) if colon else key}
    if not given.username:
        return {}
    # The client would take ASCII only; this is UTF-8, as servers expect (RFC 7617).
    pair = f"{given.username}:{read_secret(given.password, given.password_file)}"
    return {"basic_auth": base64.b64encode(pair.encode()).decode()}


def _tls(given: ElasticsearchSettings) -> dict[str, Any]:
    """Return the settings of TLS. The files are read here: a bad one is no error of the server."""
    context = ssl.create_default_context(cafile=given.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if given.ca_file is None:
        context.load_verify_locations(certifi.where())
    if not given.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if given.client_certificate_file is not None:
        context.load_cert_chain(given.client_certificate_file, given.client_key_file)
    return {"ssl_context": context}


def _action(index: str, name: str) -> str:
    """The line before a document; what is empty is left to the URL or to the server. Nothing here needs escaping."""
    where = f'"_index":"{index}"' if index else ""
    what = f'"_id":"{name}"' if name else ""
    return f'{{"create":{{{where}{"," if where and what else ""}{what}}}}}'


def _error_of_status(error: elasticsearch.ApiError, at: str) -> DeliveryError:
    """A request that was refused as a whole, by its status (RFC 9110) and by what the server says of it."""
    status, reason = error.status_code, _reason(error.body)
    what = f"answered {status}{reason}"
    if status == 413:
        return RequestTooLarge(
            f"the request is too large ({what})", location=at, hint="raise http.max_content_length"
        )
    if status in BUSY or status == 408 or status > 504:
        return Retryable(
            what, location=at, hint="wait for it", retry_after=_retry_after(error.meta.headers.get("retry-after"))
        )
    if status == 401:
        return Misconfigured(
            f"does not accept the credentials ({what})", location=at, hint="check username and password, or api_key"
        )
    if status == 403:
        return Misconfigured(
            f"forbids to write ({what})", location=at, hint="give this user create_doc and auto_configure"
        )
    return Misconfigured(
        f"refuses the request ({what})", location=at, hint="check the URL and the settings of the sink"
    )


def _reason(body: object) -> str:
    """What Elasticsearch says; the answer of anything else, such as a proxy's page, is not repeated."""
    cause = body.cause() if isinstance(body, BulkResponse) else ErrorCause()
    return describe_cause(f": {cause.type}: {cause.reason or ''}") if cause.type else ""


def _retry_after(header: str | None) -> float | None:
    """`Retry-After` as seconds or as a date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    if _DIGITS.fullmatch(header.strip()):
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header[:_LONGEST_DATE]) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _not_connected(error: elastic_transport.TransportError, at: str) -> DeliveryError:
    return connection_error(error, at)


def _insecure(error: elastic_transport.TlsError, at: str) -> DeliveryError:
    return connection_error(error, at, tls_error)


def _timed_out(_: elastic_transport.ConnectionTimeout, at: str) -> DeliveryError:
    return Retryable("did not answer in time", location=at, hint="give the cluster more room, or raise timeout")


def _unreadable(_: elastic_transport.TransportError, at: str) -> DeliveryError:
    return Retryable("its answer cannot be read", location=at, hint="check the proxies in front of Elasticsearch")


def _endless_response(_: AnswerTooLarge, at: str) -> DeliveryError:
    """Ask for smaller batches: the answer to fewer documents is shorter."""
    return RequestTooLarge(
        "its answer is larger than 8 MiB", location=at, hint="check the proxies in front of Elasticsearch"
    )


def _not_elasticsearch(_: elasticsearch.UnsupportedProductError, at: str) -> DeliveryError:
    return Misconfigured("is not Elasticsearch", location=at, hint="check the address")


def _bad_files(error: ssl.SSLError, at: str) -> DeliveryError:
    return Misconfigured(
        f"the certificate files cannot be used ({error.reason})", location=at, hint="check that they are PEM"
    )


FAULTS: Table = {
    elastic_transport.ApiError: _error_of_status,
    elasticsearch.ApiError: _error_of_status,
    elasticsearch.BadRequestError: _error_of_status,
    elasticsearch.AuthenticationException: _error_of_status,
    elasticsearch.AuthorizationException: _error_of_status,
    elasticsearch.NotFoundError: _error_of_status,
    elasticsearch.ConflictError: _error_of_status,
    elasticsearch.UnsupportedProductError: _not_elasticsearch,
    elastic_transport.TransportError: _not_connected,
    elastic_transport.ConnectionError: _not_connected,
    elastic_transport.TlsError: _insecure,
    elastic_transport.SniffingError: _not_connected,
    elastic_transport.ConnectionTimeout: _timed_out,
    elastic_transport.SerializationError: _unreadable,
    AnswerUnreadable: _unreadable,
    AnswerTooLarge: _endless_response,
    ssl.SSLError: _bad_files,
}
"""What each exception of the client means; a test fails for a class that is missing here."""
