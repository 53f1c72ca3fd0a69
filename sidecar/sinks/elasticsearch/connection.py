"""The connection to Elasticsearch: nodes, credentials, TLS, and the form of a bulk request and of its answer."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

import certifi
import elastic_transport
import msgspec
from elastic_transport.client_utils import url_to_node_config
from isal import isal_zlib

from sidecar import __version__
from sidecar.sinks.common.credentials import read_secret
from sidecar.sinks.elasticsearch.bulk_response import FILTER_PATH, decode_response
from sidecar.sinks.elasticsearch.node import BoundedHttpNode
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

USER_AGENT = f"log-sidecar/{__version__}"

# Elasticsearch 8 and 9 both answer in the form of version 8 if they are asked for it.
_JSON = "application/vnd.elasticsearch+json"
_NDJSON = "application/vnd.elasticsearch+x-ndjson"
_VERSION = "compatible-with=8"
_HEADERS = {"accept": f"{_JSON}; {_VERSION}", "content-type": f"{_NDJSON}; {_VERSION}"}
# The transport would compress with zlib, at a level that takes 25 times as long and saves little more.
_COMPRESSED_HEADERS = {**_HEADERS, "content-encoding": "gzip", "accept-encoding": "gzip"}
_COMPRESSION_LEVEL, _GZIP = 1, 31
_SERVER_SHARE_OF_TIMEOUT = 0.9


class BulkRequest(NamedTuple):
    """One request to `_bulk`, ready to be sent."""

    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: bytes


class _BulkResponseSerializer(elastic_transport.Serializer):
    def loads(self, data: bytes) -> object:
        try:
            return decode_response(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise elastic_transport.SerializationError("not an answer to a bulk request", errors=(error,)) from None


class _EncodedBodySerializer(elastic_transport.Serializer):
    """Sends bytes as they are."""

    def dumps(self, data: bytes) -> bytes:
        return data


SERIALIZERS: Mapping[str, elastic_transport.Serializer] = {
    "application/json": _BulkResponseSerializer(),
    _JSON: _BulkResponseSerializer(),
    _NDJSON: _EncodedBodySerializer(),
}
"""Media type → how answers are decoded, and requests encoded."""


def create_transport(settings: ElasticsearchSettings, connections: int) -> elastic_transport.Transport:
    """Return a transport that is not yet connected. Raise `Misconfigured` or `ssl.SSLError` for a bad file."""
    return elastic_transport.Transport(
        create_node_configs(settings, connections),
        node_class=BoundedHttpNode,
        serializers=SERIALIZERS,
        max_retries=0,  # the sidecar retries itself, with its own back-off
    )


def create_node_configs(settings: ElasticsearchSettings, connections: int) -> list[elastic_transport.NodeConfig]:
    """Return one configuration per host, with credentials and TLS. The files are read here, not while connecting."""
    headers = elastic_transport.HttpHeaders({"user-agent": USER_AGENT, **_create_authorization(settings)})
    context = _create_tls_context(settings) if settings.secure else None
    return [
        url_to_node_config(host).replace(
            headers=headers,
            connections_per_node=connections,
            request_timeout=settings.timeout,
            ssl_context=context,
        )
        for host in settings.hosts
    ]


def create_bulk_request(settings: ElasticsearchSettings, index: str, body: bytes) -> BulkRequest:
    """Return a request with these documents. With an empty `index` each document names its own."""
    path = f"/{quote(index, safe='')}/_bulk" if index else "/_bulk"
    query = {"filter_path": FILTER_PATH, "timeout": _server_timeout(settings.timeout)}
    if settings.pipeline:
        query["pipeline"] = settings.pipeline
    target = f"{path}?{urlencode(query, safe=',*', quote_via=quote)}"
    if settings.compress:
        return BulkRequest(target, _COMPRESSED_HEADERS, isal_zlib.compress(body, _COMPRESSION_LEVEL, _GZIP))
    return BulkRequest(target, _HEADERS, body)


def _server_timeout(timeout_s: float) -> str:
    """Return how long the server may wait. It gives up a little before the sidecar does, so that it can say why."""
    return f"{max(1, int(timeout_s * _SERVER_SHARE_OF_TIMEOUT * 1000))}ms"


def _create_authorization(settings: ElasticsearchSettings) -> dict[str, str]:
    key = read_secret(settings.api_key, settings.api_key_file)
    if key:
        return {"authorization": f"ApiKey {_encode_base64(key) if ':' in key else key}"}
    if not settings.username:
        return {}
    password = read_secret(settings.password, settings.password_file)
    return {"authorization": f"Basic {_encode_base64(f'{settings.username}:{password}')}"}


def _encode_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()  # UTF-8, as servers expect (RFC 7617)


def _create_tls_context(settings: ElasticsearchSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        context.load_verify_locations(certifi.where())
    if not settings.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.client_certificate_file is not None:
        context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
    return context
