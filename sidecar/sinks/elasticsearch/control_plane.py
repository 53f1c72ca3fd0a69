"""The requests of `sidecar check --connect` to each host of the cluster, and those of `sidecar setup`.

The official client is imported only here, because it takes 3 MiB. It refuses OpenSearch, and Elasticsearch if a
gateway removes the product header; then the transport for documents is used. Both use the same `NodeConfig`, so the
check uses the same proxy, headers and TLS settings as the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

import elastic_transport
import elasticsearch
import msgspec

from sidecar.errors import DeliveryError, Misconfigured
from sidecar.sinks.common.errors import translate_errors
from sidecar.sinks.common.foreign_server import identify_server, name_product
from sidecar.sinks.elasticsearch.bulk_response import decode_response
from sidecar.sinks.elasticsearch.connection import (
    USER_AGENT,
    BulkRequest,
    choose_proxy,
    create_node_configs,
    create_tls_context,
    create_transport,
)
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, check_response, wrong_server_error
from sidecar.sinks.elasticsearch.node import BoundedHttpNode
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings


def split_hosts(settings: ElasticsearchSettings) -> list[ElasticsearchSettings]:
    """Return settings for each single host, so that each host is tried and its errors contain its name."""
    return [settings.model_copy(update={"hosts": (host,)}) for host in settings.hosts]


def name_server(settings: ElasticsearchSettings) -> str:
    """Return product and version of the server. If this user may not read them, return only the product, or ""."""
    with (
        suppress(elasticsearch.ApiError, elastic_transport.TransportError),
        closing(_create_client(settings)) as client,
    ):
        return name_product(client.info().body)
    request = BulkRequest("/", {"accept": "application/json"}, None)
    with suppress(DeliveryError):
        meta, answer = _send(settings, "GET", request, msgspec.json.decode)
        return name_product(answer) or meta.headers.get("x-elastic-product") or ""
    return ""


def may_roll_over(settings: ElasticsearchSettings, name: str) -> bool:
    """Return whether the name is that of a data stream, or of an alias with several indexes.

    If this user may not see that, return False.
    """
    request = BulkRequest(f"/_resolve/index/{quote(name, safe='')}", {"accept": "application/json"}, None)
    with suppress(DeliveryError):
        _, answer = _send(settings, "GET", request, msgspec.json.Decoder(_Resolved).decode)
        if isinstance(answer, _Resolved):
            return bool(answer.data_streams) or any(len(alias.indices) > 1 for alias in answer.aliases)
    return False


class _Alias(msgspec.Struct):
    indices: list[str] = []


class _Resolved(msgspec.Struct):
    """The indexes, aliases and data streams of a name."""

    aliases: list[_Alias] = []
    data_streams: list[msgspec.Raw] = []


def _create_client(settings: ElasticsearchSettings) -> elasticsearch.Elasticsearch:
    return elasticsearch.Elasticsearch(
        create_node_configs(settings, connections=1),
        headers={"user-agent": USER_AGENT},  # otherwise the client would replace that of the nodes
        node_class=BoundedHttpNode,
        max_retries=0,
    )


class ControlPlane:
    """Sends requests of the management APIs: with the official client to Elasticsearch, with the transport to
    OpenSearch.
    """

    def __init__(self, settings: ElasticsearchSettings, client: elasticsearch.Elasticsearch) -> None:
        self._client, self._at = client, settings.destination()
        self.server = name_server(settings)
        """Product and version; "" if this user may not see them."""

        is_named_so = not self.server and settings.type == "opensearch"
        self.is_opensearch = is_named_so or self.server.startswith("OpenSearch")
        """Whether the server is OpenSearch. If the product is unknown, the `type` in the settings decides."""

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Return status and decoded body of the response. Raise `DeliveryError` if there is none."""
        headers = {"accept": "application/json", "content-type": "application/json", "user-agent": USER_AGENT}
        with translate_errors(TRANSPORT_ERRORS, self._at):
            if not self.is_opensearch:
                with suppress(elasticsearch.UnsupportedProductError):  # a gateway has removed the product header
                    return self._request_official(method, path, headers, body)
            answer = self._client.transport.perform_request(method, path, headers=headers, body=body)
            return answer.meta.status, answer.body

    def _request_official(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> tuple[int, Any]:
        try:
            answer = self._client.perform_request(method, path, headers=headers, body=body)
        except elasticsearch.ApiError as error:
            return error.meta.status, error.body
        return answer.meta.status, answer.body


@contextmanager
def connect_control_plane(settings: ElasticsearchSettings) -> Iterator[ControlPlane]:
    """Yield a connection to the cluster. Raise `DeliveryError` if it does not answer."""
    at = settings.destination()
    with translate_errors(TRANSPORT_ERRORS, at):
        client = _create_client(settings)
    with closing(client):
        plane = ControlPlane(settings, client)
        status, _ = plane.request("GET", "/")
        if status == 401:
            hint = "check username and password, api_key or bearer_token"
            raise Misconfigured("does not accept the credentials", location=at, hint=hint)
        yield plane


def send_once(settings: ElasticsearchSettings, request: BulkRequest) -> object:
    """Send one request over a new connection. Return the decoded response. Raise `DeliveryError`.

    If the server does not support HTTP, the error contains the kind of server, if it is known.
    """
    try:
        meta, answer = _send(settings, "POST", request, decode_response)
        check_response(meta, answer, settings.destination())
    except DeliveryError as error:
        is_http = not isinstance(error.__cause__, elastic_transport.TransportError)
        name = "" if is_http else _name_foreign_server(settings)
        if name:
            raise wrong_server_error(name, settings.destination()) from error
        raise
    return answer


def _send(
    settings: ElasticsearchSettings, method: str, request: BulkRequest, decode: Callable[[bytes], object]
) -> elastic_transport.TransportApiResponse:
    at = settings.destination()
    with translate_errors(TRANSPORT_ERRORS, at), closing(create_transport(settings, 1, decode)) as transport:
        return transport.perform_request(method, request.target, headers=request.headers, body=request.body)


def _name_foreign_server(settings: ElasticsearchSettings) -> str:
    """Return the kind of server at the address; "" if it is Elasticsearch or OpenSearch, or unknown."""
    address = urlsplit(settings.hosts[0])
    if choose_proxy(settings, settings.hosts[0]) is not None:
        return ""
    context = create_tls_context(settings) if settings.secure else None
    name = identify_server(address.hostname or "", address.port or 0, context)
    return "" if name.startswith(("Elasticsearch", "OpenSearch")) else name
