"""Documents that a database refuses, each for another reason, with a secret that must not be logged."""

from __future__ import annotations

import json
import threading
from typing import Any

from sidecar.deliver.retry import DeliveryResult, RetryingWriter
from sidecar.sinks.contract import Sink
from tests.support.builders.batches import batch_of

SECRET = "s3cretValue"
GOOD = '{"@timestamp":"2026-01-01T00:00:00Z","n":1}'


def deliver(sink: Sink, document: str) -> DeliveryResult:
    """Deliver a document between two others, as a shipper does, and close the sink."""
    try:
        return RetryingWriter(sink, threading.Event()).deliver(batch_of(GOOD, document, GOOD))
    finally:
        sink.close()


def check_result(delivered: DeliveryResult) -> None:
    """Check the result of three documents, the second of which is refused.

    It has to be a dead letter, the others have to be stored, and nothing that is logged may quote it.
    """
    assert (list(delivered.rejected), delivered.postponed, delivered.error) == ([1], {}, None)
    rejection = delivered.rejected[1]
    assert SECRET.lower() not in f"{rejection.kind} {rejection.reason}".lower()
    assert rejection.kind not in ("", "unknown")
    assert rejection.answer or rejection.reason


def field(kind: str, value: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """An index with one field, and a document that does not fit."""
    return {"properties": {"f": {"type": kind, **options}}}, {}, json.dumps({"f": value})


REFUSED_BY_SEARCH_SERVERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
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
"""Kind → mapping of the index, its settings, and a document that does not fit."""

_STORED_BY = {
    "opensearch2": {"dense_vector", "dense_vector, a text", "a field name of blanks"},
    "opensearch3": {"dense_vector", "dense_vector, a text", "a field name of blanks"},
}
"""Server → kinds for which it has no such field, or whose documents it stores."""


def refused_by(server: str) -> list[str]:
    """Return the kinds that this server refuses."""
    return [kind for kind in REFUSED_BY_SEARCH_SERVERS if kind not in _STORED_BY.get(server, ())]
