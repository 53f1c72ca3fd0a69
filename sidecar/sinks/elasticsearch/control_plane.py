"""The control plane: what `sidecar check --connect` asks of Elasticsearch, through the official client.

Imported only when it is used. A process that ships documents speaks through the transport alone: to import the client
takes 3 MiB in every Pod.
"""

from __future__ import annotations

from contextlib import closing

import elasticsearch

from sidecar.sinks.common.errors import ErrorTable, translate_errors
from sidecar.sinks.elasticsearch.connection import SERIALIZERS, USER_AGENT, BulkRequest, create_node_configs
from sidecar.sinks.elasticsearch.errors import TRANSPORT_ERRORS, error_of_status, not_elasticsearch
from sidecar.sinks.elasticsearch.node import BoundedHttpNode
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings

CLIENT_ERRORS: ErrorTable = {
    **TRANSPORT_ERRORS,
    elasticsearch.ApiError: error_of_status,
    elasticsearch.BadRequestError: error_of_status,
    elasticsearch.AuthenticationException: error_of_status,
    elasticsearch.AuthorizationException: error_of_status,
    elasticsearch.NotFoundError: error_of_status,
    elasticsearch.ConflictError: error_of_status,
    elasticsearch.UnsupportedProductError: lambda _, at: not_elasticsearch(at),
}
"""What each exception of the client means; a test fails for a class that is missing here."""


def send_once(settings: ElasticsearchSettings, request: BulkRequest) -> object:
    """Send one request over a new connection and return the decoded answer. Raise `DeliveryError`."""
    with translate_errors(CLIENT_ERRORS, settings.destination()), closing(_create_client(settings)) as client:
        return client.perform_request("POST", request.target, headers=request.headers, body=request.body).body


def _create_client(settings: ElasticsearchSettings) -> elasticsearch.Elasticsearch:
    return elasticsearch.Elasticsearch(
        create_node_configs(settings, connections=1),
        headers={"user-agent": USER_AGENT},  # the client would put its own in place of the nodes'
        serializers=SERIALIZERS,
        node_class=BoundedHttpNode,
        max_retries=0,
    )
