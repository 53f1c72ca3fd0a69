"""Reads and writes what a sink needs in Elasticsearch or OpenSearch, for `sidecar setup`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from elastic_transport.client_utils import url_to_node_config

from sidecar.errors import DeliveryError, Misconfigured
from sidecar.sinks.elasticsearch.control_plane import ControlPlane, connect_control_plane
from sidecar.sinks.elasticsearch.errors import unknown_prefix, wrong_path_error
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings
from sidecar.sinks.elasticsearch.setup_plan import plan_objects
from sidecar.sinks.setup_contract import ServerObject

_ISM = "/_plugins/_ism/"
_NOT_FOUND = 404


@contextmanager
def connect(settings: ElasticsearchSettings) -> Iterator[ElasticsearchSetup]:
    """Yield a connection to the cluster. Raise `DeliveryError`."""
    with connect_control_plane(settings) as client:
        yield ElasticsearchSetup(settings, client)


class ElasticsearchSetup:
    """Implements `SetupConnection`."""

    def __init__(self, settings: ElasticsearchSettings, client: ControlPlane) -> None:
        self._settings, self._client = settings, client

    @property
    def server(self) -> str:
        return self._client.server

    def plan(self) -> Sequence[ServerObject]:
        return plan_objects(self._settings, is_opensearch=self._client.is_opensearch)

    def read(self, wanted: ServerObject) -> Mapping[str, Any] | None:
        if "aliases" in wanted.body:  # any index may have the alias, not only the first one
            (alias,) = wanted.body["aliases"]
            return wanted.body if self._get(f"/_alias/{alias}") is not None else None
        found = self._get(_path_of(wanted))
        return None if found is None else _definition(found)

    def write(self, wanted: ServerObject) -> None:
        path = _path_of(wanted)
        known = self._get(path) if path.startswith(_ISM) else None
        if known is not None:  # ISM replaces only the version of a policy that the request names
            path += f"?if_seq_no={known['_seq_no']}&if_primary_term={known['_primary_term']}"
        status, answer = self._client.request("PUT", path, wanted.body)
        if status >= 400:
            raise self._error(f"cannot create the {wanted.name}", status, answer)

    def _get(self, path: str) -> Any:
        """Return the answer to a GET; None if there is nothing at the path."""
        status, answer = self._client.request("GET", path)
        if status == _NOT_FOUND and isinstance(answer, dict) and (not answer or "error" in answer):
            return None
        if status >= 400:
            raise self._error(f"cannot read {path}", status, answer)
        return answer

    def _error(self, what: str, status: int, answer: Any) -> DeliveryError:
        at, node = self._settings.destination(), url_to_node_config(self._settings.hosts[0])
        if prefix := unknown_prefix(status, _type_of(answer), node):
            return wrong_path_error(prefix, f"{what}: {status}", at)
        hint = "let this user manage index templates, lifecycle policies and ingest pipelines"
        if status not in (401, 403):
            hint = "check the settings of the sink, and that the server has this feature"
        return Misconfigured(f"{what} ({status}{_reason(answer)})", location=at, hint=hint)


def _path_of(wanted: ServerObject) -> str:
    return wanted.request.partition(" ")[2]


def _definition(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the definition from the answer to a GET. Its place depends on the kind of object."""
    if "index_templates" in answer:
        template: Mapping[str, Any] = answer["index_templates"][0]["index_template"]
        return template
    if "policy" in answer:  # ISM
        return {"policy": answer["policy"]}
    (found,) = answer.values()
    return {"policy": found["policy"]} if "policy" in found else found


def _error_in(answer: Any) -> Any:
    return answer.get("error") if isinstance(answer, dict) else None


def _type_of(answer: Any) -> str:
    error = _error_in(answer)
    return str(error.get("type", "")) if isinstance(error, dict) else ""


def _reason(answer: Any) -> str:
    error = _error_in(answer)
    reason = error.get("reason") if isinstance(error, dict) else error
    return f": {reason}" if isinstance(reason, str) else ""
