"""Lists what a sink needs in Elasticsearch or OpenSearch: lifecycle policy, ingest pipeline, index template, alias.

A data stream of Elasticsearch gets the lifecycle of data streams, which every licence and Serverless have. If the
settings choose when to roll over, and for plain indexes and aliases, it gets a policy of index lifecycle management
(ILM). OpenSearch has index state management (ISM) for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings
from sidecar.sinks.setup_contract import ServerObject

TEMPLATE_PRIORITY = 500
"""Priority of the index templates: higher than that of Elasticsearch's built-in templates (at most 200)."""

_NOT_IN_NAME = re.compile(r"[^a-z0-9_.]+")
_AGE_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_SIZE_UNITS = ((1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb"), (1, "b"))
_ROLLOVER_AGE_S, _ROLLOVER_BYTES = 30 * 86400.0, 50 << 30
_LATER = (
    "an index template applies to indexes that are created from now on, for a data stream after its next rollover"
)

_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_DATE = {"type": "date"}
_TEXT = {"type": "text"}


def _fields(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


MAPPINGS: Mapping[str, Any] = {
    # Text of the application that looks like a date once would make later values of the field invalid.
    "date_detection": False,
    "dynamic_templates": [
        {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}},
        # By default, a number with a fraction is mapped as `float`, which refuses numbers beyond 3.4e38.
        {"fractions": {"match_mapping_type": "double", "mapping": {"type": "double"}}},
    ],
    "properties": {
        "@timestamp": {**_DATE, "ignore_malformed": False},  # a data stream demands a valid time
        "message": _TEXT,
        "data_stream": _fields(type=_KEYWORD, dataset=_KEYWORD, namespace=_KEYWORD),
        "ecs": _fields(version=_KEYWORD),
        "error": _fields(message=_TEXT),
        "event": _fields(ingested=_DATE),
        "host": _fields(name=_KEYWORD),
        "log": _fields(level=_KEYWORD, offset={"type": "long"}, file=_fields(path=_KEYWORD)),
        "service": _fields(name=_KEYWORD),
        "tags": _KEYWORD,
    },
}
"""Mappings of the fields that the sidecar and its parsers set. All other strings become keywords."""

SETTINGS: Mapping[str, Any] = {"mapping": {"ignore_malformed": True}}
"""Settings of every index. A value that does not fit its field is not indexed, and the document is stored."""


def plan_objects(settings: ElasticsearchSettings, *, is_opensearch: bool) -> list[ServerObject]:
    """Return the objects in the order in which they are created."""
    return list(_Plan(settings, is_opensearch).objects())


class _Plan:
    def __init__(self, settings: ElasticsearchSettings, is_opensearch: bool) -> None:
        self._settings, self._setup = settings, settings.setup
        self._is_opensearch = is_opensearch
        self._is_stream = settings.data_stream is not None
        name = settings.target_template()
        self._alias = name.fixed if settings.require_alias else None
        self._pattern = f"{self._alias}-*" if self._alias else name.glob()
        self._name = f"log-sidecar-{_NOT_IN_NAME.sub('-', self._pattern).strip('-')}"
        self._rolls_over = self._is_stream or bool(self._alias)

    def objects(self) -> Iterator[ServerObject]:
        if self._has_policy:
            yield self._state_policy() if self._is_opensearch else self._lifecycle_policy()
        if self._setup.pipeline is not None:
            name = self._settings.pipeline
            yield ServerObject(f"ingest pipeline {name}", f"PUT /_ingest/pipeline/{name}", self._setup.pipeline)
        yield self._index_template()
        if self._alias:
            body = {"aliases": {self._alias: {"is_write_index": True}}}
            yield ServerObject(f"alias {self._alias}", f"PUT /{self._alias}-000001", body)

    @property
    def _has_policy(self) -> bool:
        """Whether an ILM or ISM policy manages the indexes. If not, the lifecycle of data streams may do so."""
        if not self._rolls_over:
            return self._setup.retention is not None
        has_threshold = self._setup.rollover_age is not None or self._setup.rollover_size is not None
        return self._is_opensearch or not self._is_stream or has_threshold

    def _index_template(self) -> ServerObject:
        index = dict(SETTINGS)
        template: dict[str, Any] = {"mappings": MAPPINGS, "settings": {"index": index}}
        if self._has_policy and not self._is_opensearch:
            index["lifecycle"] = {"name": self._name} | ({"rollover_alias": self._alias} if self._alias else {})
        elif self._is_opensearch and self._alias:
            index["plugins"] = {"index_state_management": {"rollover_alias": self._alias}}
        elif self._is_stream and not self._is_opensearch:
            kept = self._setup.retention
            template["lifecycle"] = {"enabled": True} | ({} if kept is None else {"data_retention": _age(kept)})
        body = {
            "index_patterns": [self._pattern], "priority": TEMPLATE_PRIORITY, "template": template,
            "_meta": {"managed_by": "log-sidecar"}, **({"data_stream": {}} if self._is_stream else {}),
        }  # fmt: skip
        return ServerObject(f"index template {self._name}", f"PUT /_index_template/{self._name}", body, _LATER)

    def _lifecycle_policy(self) -> ServerObject:
        age, size = self._rollover()
        actions = {"rollover": {"max_age": age, "max_primary_shard_size": size}} if self._rolls_over else {}
        phases: dict[str, Any] = {"hot": {"min_age": "0ms", "actions": actions}}
        if self._setup.retention is not None:
            delete = {"delete": {"delete_searchable_snapshot": True}}
            phases["delete"] = {"min_age": _age(self._setup.retention), "actions": delete}
        body = {"policy": {"phases": phases, "_meta": {"managed_by": "log-sidecar"}}}
        return ServerObject(f"ILM policy {self._name}", f"PUT /_ilm/policy/{self._name}", body)

    def _state_policy(self) -> ServerObject:
        age, size = self._rollover()
        hot = [{"rollover": {"min_index_age": age, "min_primary_shard_size": size}}] if self._rolls_over else []
        states: list[dict[str, Any]] = [{"name": "hot", "actions": hot, "transitions": []}]
        if self._setup.retention is not None:
            condition = "min_rollover_age" if self._rolls_over else "min_index_age"
            when = {condition: _age(self._setup.retention)}
            states[0]["transitions"] = [{"state_name": "delete", "conditions": when}]
            states.append({"name": "delete", "actions": [{"delete": {}}], "transitions": []})
        policy = {
            "description": "managed by log-sidecar", "default_state": "hot", "states": states,
            "ism_template": [{"index_patterns": [self._pattern], "priority": TEMPLATE_PRIORITY}],
        }  # fmt: skip
        return ServerObject(
            f"ISM policy {self._name}", f"PUT /_plugins/_ism/policies/{self._name}", {"policy": policy},
            "an ISM policy applies to indexes that are created from now on",
        )  # fmt: skip

    def _rollover(self) -> tuple[str, str]:
        age, size = self._setup.rollover_age, self._setup.rollover_size
        return _age(_ROLLOVER_AGE_S if age is None else age), _size(_ROLLOVER_BYTES if size is None else size)


def _age(seconds: float) -> str:
    return _quantity(max(1, int(seconds)), _AGE_UNITS)


def _size(size: int) -> str:
    return _quantity(size, _SIZE_UNITS)


def _quantity(number: int, units: tuple[tuple[int, str], ...]) -> str:
    """Return a number in the largest unit that has no fraction, as the servers return it."""
    return next(f"{number // factor}{unit}" for factor, unit in units if number % factor == 0)
