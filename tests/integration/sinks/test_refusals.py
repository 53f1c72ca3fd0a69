"""Refusals of real servers that need a set-up of their own; `SearchServerTests` has the others of search servers."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from pymongo import MongoClient

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import Retryable
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from tests.support.builders.batches import batch_of, generation
from tests.support.cleanup import close_after_test
from tests.support.data_streams import LosingGateway
from tests.support.refusals import SECRET, check_result, deliver
from tests.support.search_requests import call
from tests.support.servers.elasticsearch_proxy import opened

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


def point(n: int, day: str = "2026-01-02", dimension: str = "d") -> str:
    return json.dumps({"@timestamp": f"{day}T00:00:00Z", "d": dimension, "n": n, "text": SECRET})


@pytest.mark.elasticsearch
def test_another_document_at_the_same_point_of_a_time_series_is_a_dead_letter(
    elasticsearch_url: str, index_name: str
) -> None:
    properties = {"@timestamp": {"type": "date"}, "d": DIMENSION}
    index = {"mappings": {"properties": properties}, "settings": {"index": SERIES}}
    call("PUT", f"{elasticsearch_url}/{index_name}", index)
    gateway = LosingGateway(elasticsearch_url)
    with opened(gateway):
        given = {"hosts": [f"http://127.0.0.1:{gateway.port}"], "index": index_name, "document_id": "none"}
        sink = close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate(given)))
        writer, life = RetryingWriter(sink, threading.Event()), generation(born=time.time() + 60)
        check_result(writer.deliver(batch_of(point(0), point(1), point(2, "2026-01-03"), of=life)))
        result = writer.deliver(batch_of(*(point(n) for n in range(20)), of=life))
        assert (sorted(result.rejected), result.duplicates) == (list(range(20)), 0)
        lost = [point(n, "2026-01-04", f"d{n % 10}") for n in range(11)]
        gateway.losses = 1
        with pytest.raises(Retryable):
            writer.deliver(batch_of(*lost, of=life))
        result = writer.deliver(batch_of(*lost, of=life))
        assert (result.rejected, result.duplicates) == ({}, 11), "it is not known which of two was stored"
        again = writer.deliver(batch_of(*lost, of=life))
        assert sorted(again.rejected) == list(range(11)), "what is stored is no longer in doubt"


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
