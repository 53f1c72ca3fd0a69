"""Creates the transport to the cluster (nodes, credentials, TLS), and builds bulk requests.

Requests ask for plain JSON. Elasticsearch also supports media types with a version, but OpenSearch and some gateways
refuse them. The fields that the sidecar reads are the same in all versions.
"""

from __future__ import annotations

import base64
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import certifi
import elastic_transport
import msgspec
from elastic_transport.client_utils import url_to_node_config

from sidecar import __version__
from sidecar.errors import ConfigurationError, Misconfigured
from sidecar.sinks.common.credentials import read_secret
from sidecar.sinks.elasticsearch.bulk_response import FILTER_PATH, decode_response
from sidecar.sinks.elasticsearch.node import BoundedHttpNode, Signer
from sidecar.sinks.elasticsearch.proxy import Proxy, find_proxy
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

USER_AGENT = f"log-sidecar/{__version__}"

_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_HEADERS = {"accept": _JSON, "content-type": _NDJSON}
_GZIP_HEADERS = {**_HEADERS, "content-encoding": "gzip", "accept-encoding": "gzip"}
_SERVER_SHARE_OF_TIMEOUT = 0.9
_ASIDE_S = 60.0


class BulkRequest(NamedTuple):
    """One request to `_bulk`, ready to be sent."""

    target: str
    """Path and query of the URL."""
    headers: Mapping[str, str]
    body: Sequence[bytes] | None
    """The pieces of the body."""


class HostSelector(elastic_transport.RoundRobinSelector):
    """Selects the hosts in turn, and skips those that refuse every request while others may accept them."""

    def __init__(self, node_configs: list[elastic_transport.NodeConfig]) -> None:
        super().__init__(node_configs)
        self._hosts = node_configs
        self._aside_until: dict[elastic_transport.NodeConfig, float] = {}

    def put_aside(self, host: elastic_transport.NodeConfig) -> bool:
        """Skip a host for a minute. Return whether another one is left."""
        self._aside_until[host] = time.monotonic() + _ASIDE_S
        return any(not self._is_aside(each) for each in self._hosts)

    def select(self, nodes: Sequence[elastic_transport.BaseNode]) -> elastic_transport.BaseNode:
        usable = [node for node in nodes if not self._is_aside(node.config)]
        return super().select(usable or nodes)

    def _is_aside(self, host: elastic_transport.NodeConfig) -> bool:
        return self._aside_until.get(host, 0.0) > time.monotonic()


def put_aside(transport: elastic_transport.Transport, host: elastic_transport.NodeConfig) -> bool:
    """Send no requests to this host for a minute. Return whether another one is left."""
    selector = transport.node_pool.node_selector
    return isinstance(selector, HostSelector) and selector.put_aside(host)


class _EncodedBodySerializer(elastic_transport.Serializer):
    """Sends a body, or its pieces, unchanged."""

    def dumps(self, data: Any) -> Any:
        return data


class _JsonSerializer(_EncodedBodySerializer):
    """Decodes responses."""

    def __init__(self, decode: Callable[[bytes], object]) -> None:
        self._decode = decode

    def loads(self, data: bytes) -> object:
        try:
            return self._decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise elastic_transport.SerializationError("not an answer to this request", errors=(error,)) from None


def create_transport(
    settings: ElasticsearchSettings, connections: int, decode: Callable[[bytes], object] = decode_response
) -> elastic_transport.Transport:
    """Return a transport that is not yet connected. `decode`: decodes the body of a response.

    Raise `Misconfigured` or `ssl.SSLError` if a file cannot be used.
    """
    return elastic_transport.Transport(
        create_node_configs(settings, connections),
        node_class=BoundedHttpNode,
        node_selector_class=HostSelector,
        serializers={_JSON: _JsonSerializer(decode), _NDJSON: _EncodedBodySerializer()},
        max_retries=0,  # the sidecar retries, with its back-off
    )


def create_node_configs(settings: ElasticsearchSettings, connections: int) -> list[elastic_transport.NodeConfig]:
    """Return one configuration per host, with credentials and TLS. Files are read now, not when connecting."""
    headers = elastic_transport.HttpHeaders({"user-agent": USER_AGENT, **_create_authorization(settings)})
    headers.update({name: value.get_secret_value() for name, value in settings.headers.items()})
    context = create_tls_context(settings) if settings.secure else None
    signer = _create_signer(settings)
    return [
        url_to_node_config(host).replace(
            headers=headers,
            connections_per_node=connections,
            request_timeout=settings.timeout,
            ssl_context=context,
            _extras={"proxy": choose_proxy(settings, host), "signer": signer},
        )
        for host in settings.hosts
    ]


def _create_signer(settings: ElasticsearchSettings) -> Signer | None:
    if not settings.aws_region:
        return None
    from sidecar.sinks.elasticsearch.aws import create_signer  # noqa: PLC0415 - takes 14 MiB, and is an extra

    return create_signer(settings.aws_region, settings.aws_service)


def choose_proxy(settings: ElasticsearchSettings, host: str) -> Proxy | None:
    """Return the proxy for a host, or None. Raise `Misconfigured` if the proxy of the environment is not valid."""
    try:
        return find_proxy(host, settings.proxy.get_secret_value() if settings.proxy else "", os.environ)
    except ConfigurationError as error:
        raise Misconfigured(error.message, location=error.location, hint=error.hint) from error


def create_bulk_query(settings: ElasticsearchSettings, filter_path: str = FILTER_PATH) -> str:
    """Return the query of the URL of bulk requests."""
    query = {"filter_path": filter_path, "timeout": _server_timeout(settings.timeout)}
    if pipeline := settings.pipeline_template().fixed:
        query["pipeline"] = pipeline
    flags = {"require_alias": settings.require_alias, "require_data_stream": settings.require_data_stream}
    query |= {name: "true" for name, is_set in flags.items() if is_set}
    return urlencode({**query, **settings.parameters}, quote_via=quote)


def create_bulk_request(query: str, index: str, body: Sequence[bytes], *, is_gzip: bool = False) -> BulkRequest:
    """Return a request with these documents. If `index` is empty, each action line in `body` has an index."""
    path = f"/{quote(index, safe='')}/_bulk" if index else "/_bulk"
    return BulkRequest(f"{path}?{query}", _GZIP_HEADERS if is_gzip else _HEADERS, body)


def _server_timeout(timeout_s: float) -> str:
    """Return the time limit for the server: a little less than that of the sidecar, to get the server's error."""
    return f"{max(1, int(timeout_s * _SERVER_SHARE_OF_TIMEOUT * 1000))}ms"


def _create_authorization(settings: ElasticsearchSettings) -> dict[str, str]:
    key = read_secret(settings.api_key, settings.api_key_file)
    if key:
        return {"authorization": f"ApiKey {_encode_base64(key) if ':' in key else key}"}
    token = read_secret(settings.bearer_token, settings.bearer_token_file)
    if token:
        return {"authorization": f"Bearer {token}"}
    if not settings.username:
        return {}
    password = read_secret(settings.password, settings.password_file)
    return {"authorization": f"Basic {_encode_base64(f'{settings.username}:{password}')}"}


def _encode_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()  # UTF-8, as servers expect (RFC 7617)


def create_tls_context(settings: ElasticsearchSettings) -> ssl.SSLContext:
    """Return the TLS settings of all connections. Raise `OSError` or `ssl.SSLError` if a file cannot be used."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ca_file is None:
        context.load_verify_locations(certifi.where())
    if not settings.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.client_certificate_file is not None:
        context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
    return context
