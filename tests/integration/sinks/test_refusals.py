"""Refusals of real servers that need a set-up of their own; `SearchServerTests` has the others of search servers."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from pymongo import MongoClient

from sidecar.deliver.retry import RetryingWriter
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from tests.support.builders.batches import batch_of
from tests.support.refusals import SECRET, check_result, deliver
from tests.support.search_requests import call

DIMENSION = {"type": "keyword", "time_series_dimension": True}
SERIES = {
    "mode": "time_series", "routing_path": ["d"],
    "time_series": {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-02-01T00:00:00Z"},
}  # fmt: skip


@pytest.mark.elasticsearch
def test_a_late_document_of_a_time_series_is_a_dead_letter(elasticsearch_url: str, index_name: str) -> None:
    properties = {"@timestamp": {"type": "date"}, "d": DIMENSION}
    index = {"mappings": {"properties": properties}, "settings": {"index": SERIES}}
    call("PUT", f"{elasticsearch_url}/{index_name}", index)
    given = {"hosts": [elasticsearch_url], "index": index_name, "document_id": "none"}
    sink = ElasticsearchSink(ElasticsearchSettings.model_validate(given))
    documents = [
        json.dumps({"@timestamp": f"{day}T00:00:00Z", "d": f"{SECRET}{n}"})
        for n, day in enumerate(("2026-01-02", "2020-01-01", "2026-01-03"))
    ]
    check_result(RetryingWriter(sink, threading.Event()).deliver(batch_of(*documents)))
    sink.close()


MONGODB: dict[str, tuple[dict[str, Any], str, str]] = {
    "validation": ({"validator": {"f": {"$in": [None, 1]}}}, "", json.dumps({"f": SECRET})),
    "a unique index": ({}, "unique", json.dumps({"n": 1, "f": SECRET})),
    "a geographic index": ({}, "2dsphere", json.dumps({"f": {"type": SECRET, "coordinates": [SECRET]}})),
    "too large": ({}, "", json.dumps({"f": SECRET * (2 << 20)})),
    "too deep": ({}, "", '{"f":' * 150 + f'"{SECRET}"' + "}" * 150),
}


@pytest.mark.mongodb
@pytest.mark.parametrize("kind", MONGODB)
def test_a_document_that_mongodb_refuses_is_a_dead_letter(kind: str, mongodb_uri: str, database_name: str) -> None:
    options, index, document = MONGODB[kind]
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        collection = client[database_name].create_collection("logs", **options)
        if index == "unique":
            collection.create_index("f", unique=True, sparse=True)
            collection.insert_one({"f": SECRET})
        elif index == "2dsphere":
            collection.create_index([("f", "2dsphere")])
    sink = MongoDBSink(MongoDBSettings.model_validate({"url": mongodb_uri, "database": database_name}))
    check_result(deliver(sink, document))
