"""Refusals of real servers: a dead letter, its neighbours stored, and no text of it in the sidecar's log."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pymongo import MongoClient

from sidecar.deliver.retry import DeliveryResult, RetryingWriter
from sidecar.sinks.contract import Sink
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from tests.support.builders.batches import batch_of

SECRET = "s3cretValue"
GOOD = '{"@timestamp":"2026-01-01T00:00:00Z","n":1}'


def deliver(sink: Sink, document: str) -> DeliveryResult:
    """Deliver a document between two others, as a shipper does."""
    return RetryingWriter(sink, threading.Event()).deliver(batch_of(GOOD, document, GOOD))


def check(delivered: DeliveryResult) -> None:
    """The document is a dead letter, its neighbours are stored, and nothing that is logged quotes it."""
    assert (list(delivered.rejected), delivered.postponed, delivered.error) == ([1], {}, None)
    rejection = delivered.rejected[1]
    assert SECRET.lower() not in f"{rejection.kind} {rejection.reason}".lower()
    assert rejection.kind not in ("", "unknown")
    assert rejection.answer or rejection.reason


def field(kind: str, value: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """An index with one field, and a document that does not fit."""
    return {"properties": {"f": {"type": kind, **options}}}, {}, json.dumps({"f": value})


DIMENSION = {"type": "keyword", "time_series_dimension": True}
SERIES = {
    "mode": "time_series", "routing_path": ["d"],
    "time_series": {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-02-01T00:00:00Z"},
}  # fmt: skip

ELASTICSEARCH = {
    "long": field("long", SECRET),
    "long, an object": field("long", {SECRET: 1}),
    "long, a large number": field("long", 10**30),
    "byte out of range": field("byte", 1000),
    "half_float out of range": field("half_float", 1e30),
    "boolean": field("boolean", SECRET),
    "date": field("date", SECRET),
    "date in another format": field("date", f"2026 {SECRET}", format="epoch_millis"),
    "date_nanos out of range": field("date_nanos", "1500-01-01T00:00:00Z"),
    "ip": field("ip", SECRET),
    "keyword, an object": field("keyword", {SECRET: SECRET}),
    "keyword, too long": field("keyword", SECRET * 5000),
    "text, an object": field("text", {"a": SECRET}),
    "geo_point": field("geo_point", f"{SECRET},{SECRET}"),
    "geo_point out of range": field("geo_point", [4711.5, 4712.5]),
    "integer_range": field("integer_range", SECRET),
    "integer_range, reversed": field("integer_range", {"gte": 9, "lte": 1}),
    "date_range": field("date_range", {"gte": SECRET}),
    "completion": field("completion", {"input": SECRET, "weight": SECRET}),
    "dense_vector": field("dense_vector", [1, 2], dims=3),
    "dense_vector, a text": field("dense_vector", [SECRET, 2, 3], dims=3),
    "object, a value": ({"properties": {"f": {"type": "object"}}}, {}, json.dumps({"f": SECRET})),
    "nested, a value": ({"properties": {"f": {"type": "nested"}}}, {}, json.dumps({"f": SECRET})),
    "too many nested objects": (
        {"properties": {"f": {"type": "nested"}}}, {"mapping.nested_objects.limit": 1},
        json.dumps({"f": [{"a": SECRET}, {"a": SECRET}]}),
    ),
    "alias": (
        {"properties": {"f": {"type": "alias", "path": "n"}, "n": {"type": "long"}}}, {}, json.dumps({"f": SECRET})
    ),
    "copy_to": (
        {"properties": {"f": {"type": "keyword", "copy_to": "n"}, "n": {"type": "long"}}}, {},
        json.dumps({"f": SECRET}),
    ),
    "strict": ({"dynamic": "strict", "properties": {"n": {"type": "long"}, "@timestamp": {"type": "date"}}}, {},
               json.dumps({SECRET: SECRET})),
    "too many fields": ({}, {"mapping.total_fields.limit": 5}, json.dumps({f"{SECRET}{n}": 1 for n in range(9)})),
    "too deep": ({}, {"mapping.depth.limit": 2}, json.dumps({SECRET: {SECRET: {SECRET: {SECRET: 1}}}})),
    "a long field name": ({}, {"mapping.field_name_length.limit": 30}, json.dumps({SECRET * 10: 1})),
    "an object and a value": ({}, {}, f'{{"{SECRET}":1,"{SECRET}.x":2}}'),
    "a metadata field": ({}, {}, json.dumps({"_field_names": SECRET})),
    "an empty field name": ({}, {}, json.dumps({"": SECRET})),
    "a field name of blanks": ({}, {}, json.dumps({" ": SECRET})),
    "a repeated field": ({}, {}, f'{{"{SECRET}":"{SECRET}","{SECRET}":2}}'),
    "no JSON": ({}, {}, f'{{"f":{SECRET}}}'),
    "text after the document": ({}, {}, f'{{"f":1}}{{"f":"{SECRET}"}}'),
}  # fmt: skip


@pytest.mark.elasticsearch
@pytest.mark.parametrize("kind", ELASTICSEARCH)
def test_a_document_that_elasticsearch_refuses_is_a_dead_letter(
    kind: str, elasticsearch_url: str, index_name: str
) -> None:
    mappings, settings, document = ELASTICSEARCH[kind]
    index = {f"index.{name}": value for name, value in settings.items()}
    Elasticsearch(elasticsearch_url).indices.create(index=index_name, mappings=mappings, settings=index)
    given = {"hosts": [elasticsearch_url], "index": index_name}
    check(deliver(ElasticsearchSink(ElasticsearchSettings.model_validate(given)), document))


@pytest.mark.elasticsearch
def test_a_late_document_of_a_time_series_is_a_dead_letter(elasticsearch_url: str, index_name: str) -> None:
    properties = {"@timestamp": {"type": "date"}, "d": DIMENSION}
    Elasticsearch(elasticsearch_url).indices.create(
        index=index_name, mappings={"properties": properties}, settings=SERIES
    )
    given = {"hosts": [elasticsearch_url], "index": index_name, "document_id": "none"}
    sink = ElasticsearchSink(ElasticsearchSettings.model_validate(given))
    documents = [
        json.dumps({"@timestamp": f"{day}T00:00:00Z", "d": f"{SECRET}{n}"})
        for n, day in enumerate(("2026-01-02", "2020-01-01", "2026-01-03"))
    ]
    check(RetryingWriter(sink, threading.Event()).deliver(batch_of(*documents)))


MONGODB = {
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
    database = MongoClient[dict[str, Any]](mongodb_uri)[database_name]
    collection = database.create_collection("logs", **options)
    if index == "unique":
        collection.create_index("f", unique=True, sparse=True)
        collection.insert_one({"f": SECRET})
    elif index == "2dsphere":
        collection.create_index([("f", "2dsphere")])
    sink = MongoDBSink(MongoDBSettings.model_validate({"url": mongodb_uri, "database": database_name}))
    check(deliver(sink, document))
    sink.close()
