"""How JSON becomes BSON: docs/reference/mongodb.md, row by row, as a MongoDB server gives it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64
from bson.codec_options import CodecOptions
from pymongo import MongoClient

from sidecar.model.batch import WriteResult
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test

pytestmark = pytest.mark.mongodb
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


class Database:
    """One database of the server, and a sink into it."""

    def __init__(self, uri: str, name: str) -> None:
        client = close_after_test(MongoClient[dict[str, Any]](uri))
        self.logs = client[name].get_collection("logs", AWARE)
        self.sink = close_after_test(MongoDBSink(MongoDBSettings(url=uri, database=name)))

    def write(self, *documents: str) -> WriteResult:
        return self.sink.write(batch_of(*documents))

    def kept(self, document: str) -> dict[str, Any]:
        """What the server has of a document after it was written."""
        assert self.write(document).stored == range(1)
        [found] = self.logs.find({}, {"_id": 0})
        return found


@pytest.fixture
def database(mongodb_uri: str, database_name: str) -> Database:
    return Database(mongodb_uri, database_name)


def test_the_id_is_the_position(database: Database) -> None:
    batch = batch_of('{"n":1}', '{"n":2}')
    database.sink.write(batch)
    assert {found["_id"]: found["n"] for found in database.logs.find()} == dict(zip(batch.ids, (1, 2), strict=True))


def test_our_two_times_are_dates_in_milliseconds(database: Database) -> None:
    kept = database.kept(
        '{"@timestamp":"2026-11-23T02:00:00.123456789+01:00","event":{"ingested":"2026-11-23T01:00:01.5Z","kind":"x"}}'
    )
    assert kept["@timestamp"] == datetime(2026, 11, 23, 1, 0, 0, 123_000, UTC)
    assert kept["event"] == {"ingested": datetime(2026, 11, 23, 1, 0, 1, 500_000, UTC), "kind": "x"}


def test_what_is_no_time_stays_what_it_is(database: Database) -> None:
    document = {"@timestamp": "2016-12-31T23:59:60Z", "event": "text", "time": "2026-11-23T01:00:00Z"}
    assert database.kept(json.dumps(document)) == document


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_outside_the_years_of_a_date_stays_text(database: Database, time: str) -> None:
    assert database.kept(f'{{"@timestamp":"{time}"}}') == {"@timestamp": time}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        ('"ü\\u0000\\n"', "ü\0\n"),
        ('["a",{"b":[]}]', ["a", {"b": []}]),
        ("7", 7),
        ("-0", 0),
        ("2147483648", Int64(2**31)),
        ("9223372036854775807", Int64(2**63 - 1)),
        ("-9223372036854775808", Int64(-(2**63))),
        ("9223372036854775808", Decimal128("9223372036854775808")),
        ("-9223372036854775809", Decimal128("-9223372036854775809")),
        ("18446744073709551615", Decimal128("18446744073709551615")),
        ("9" * 34, Decimal128("9" * 34)),
        ("1" * 35, "1" * 35),
        ("1" * 5000, "1" * 5000),
        ("64.40", 64.4),
        ("1E5", 100000.0),
        ("1e999", Decimal128("1E+999")),
        ("1e9999", "1e9999"),
        ('"\\ud800"', "\\ud800"),
        ('"\\ud83d\\ude00"', "😀"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_value_is_kept(database: Database, text: str, value: object) -> None:
    kept = database.kept(f'{{"v":{text},"deep":[{{"v":{text}}}]}}')
    assert kept == {"v": value, "deep": [{"v": value}]}
    assert type(kept["v"]) is type(value) or isinstance(value, Int64)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"$a":1,"n":{"$set":1,"$ref":2}}', {"$a": 1, "n": {"$set": 1, "$ref": 2}}),
        ('{"a.b":1,"n":{"c.d":1,".":2}}', {"a.b": 1, "n": {"c.d": 1, ".": 2}}),
        ('{"":1,"n":{"":2}}', {"": 1, "n": {"": 2}}),
        ('{"a\\u0000b":1,"n":[{"\\u0000":2}]}', {"a\\u0000b": 1, "n": [{"\\u0000": 2}]}),
        ('{"a\\u0000":1,"a\\\\u0000":2}', {"a\\u0000_": 1, "a\\u0000": 2}),
        ('{"a\\\\u0000":2,"a\\u0000":1}', {"a\\u0000": 2, "a\\u0000_": 1}),
        ('{"\\ud800":1}', {"\\ud800": 1}),
        ('{"a":1,"b":2,"a":3}', {"a": 3, "b": 2}),
    ],
)
def test_no_key_is_lost(database: Database, text: str, value: dict[str, Any]) -> None:
    assert database.kept(text) == value


def test_keys_keep_their_order(database: Database) -> None:
    assert list(database.kept('{"z":1,"a":{"y":1,"b":2},"m":3}')) == ["z", "a", "m"]


def nested(levels: int) -> str:
    """A document of so many levels, itself being the first."""
    return '{"a":' * levels + "1" + "}" * levels


def test_a_hundred_levels_are_kept(database: Database) -> None:
    assert json.dumps(database.kept(nested(100)), separators=(",", ":")) == nested(100)


def test_many_brackets_are_not_many_levels(database: Database) -> None:
    assert database.kept('{"a":[' + "[]," * 200 + "[]]}") == {"a": [[]] * 201}


@pytest.mark.parametrize("document", [nested(101), '{"a":' + "[" * 100 + "]" * 100 + "}", nested(50_000)])
def test_more_levels_are_rejected_and_the_neighbours_stored(database: Database, document: str) -> None:
    verdict = database.write('{"n":1}', document, '{"n":18446744073709551616}')
    assert list(verdict.stored) == [0, 2]
    [rejection] = verdict.rejected
    assert (rejection.index, rejection.kind, rejection.target) == (1, "Overflow", "logs")
    assert rejection.reason == "nested deeper than 100 levels"


def test_a_document_over_16_mebibytes_is_rejected_and_the_neighbours_stored(database: Database) -> None:
    largest = (16 << 20) - len('{"_id":"')
    verdict = database.write('{"n":1}', f'{{"m":"{"x" * largest}"}}', '{"n":2}')
    assert list(verdict.stored) == [0, 2]
    [rejection] = verdict.rejected
    assert (rejection.index, rejection.kind, rejection.status) == (1, "BSONObjectTooLarge", 10334)
    assert len(rejection.reason) < 100
