"""The control plane: what `sidecar check --connect` asks of each host of the cluster.

Elasticsearch is asked through the official client, which is imported only here: it takes 3 MiB. The client refuses
OpenSearch, and Elasticsearch if a gateway removes its product header; then the transport of the data plane asks. Both
use the same nodes, so that a check takes the way of the documents: proxy, headers and TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from urllib.parse import urlsplit

import elastic_transport
import elasticsearch
import msgspec

from sidecar.errors import DeliveryError
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
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, check_response, foreign_server_error
from sidecar.sinks.elasticsearch.node import BoundedHttpNode
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings


def split_hosts(settings: ElasticsearchSettings) -> list[ElasticsearchSettings]:
    """Return settings for each host alone, so that each of them is tried, and named in its errors."""
    return [settings.model_copy(update={"hosts": (host,)}) for host in settings.hosts]


def name_server(settings: ElasticsearchSettings) -> str:
    """Return product and version of the host; only the product, or nothing, if it tells this user no more."""
    with (
        suppress(elasticsearch.ApiError, elastic_transport.TransportError),
        closing(_create_client(settings)) as client,
    ):
        return name_product(client.info().body)
    request = BulkRequest("/", {"accept": "application/json"}, b"")
    with suppress(DeliveryError):
        meta, answer = _send(settings, "GET", request, msgspec.json.decode)
        return name_product(answer) or meta.headers.get("x-elastic-product") or ""
    return ""


def _create_client(settings: ElasticsearchSettings) -> elasticsearch.Elasticsearch:
    return elasticsearch.Elasticsearch(
        create_node_configs(settings, connections=1),
        headers={"user-agent": USER_AGENT},  # the client would put its own in place of the nodes'
        node_class=BoundedHttpNode,
        max_retries=0,
    )


def send_once(settings: ElasticsearchSettings, request: BulkRequest) -> object:
    """Send one request over a new connection and return the decoded answer. Raise `DeliveryError`.

    If something answers that is not HTTP, the error says what it is.
    """
    try:
        meta, answer = _send(settings, "POST", request, decode_response)
        check_response(meta, answer, settings.destination())
    except DeliveryError as error:
        is_http = not isinstance(error.__cause__, elastic_transport.TransportError)
        name = "" if is_http else _name_foreign_server(settings)
        if name:
            raise foreign_server_error(name, settings.destination()) from error
        raise
    return answer


def _send(
    settings: ElasticsearchSettings, method: str, request: BulkRequest, decode: Callable[[bytes], object]
) -> elastic_transport.TransportApiResponse:
    at = settings.destination()
    with translate_errors(TRANSPORT_ERRORS, at), closing(create_transport(settings, 1, decode)) as transport:
        return transport.perform_request(method, request.target, headers=request.headers, body=request.body or None)


def _name_foreign_server(settings: ElasticsearchSettings) -> str:
    """Return what answers at the address if that is not a server for this sink."""
    place = urlsplit(settings.hosts[0])
    if choose_proxy(settings, settings.hosts[0]) is not None:
        return ""
    context = create_tls_context(settings) if settings.secure else None
    name = identify_server(place.hostname or "", place.port or 0, context)
    return "" if name.startswith(("Elasticsearch", "OpenSearch")) else name
