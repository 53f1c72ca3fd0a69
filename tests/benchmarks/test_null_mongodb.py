"""The null MongoDB is taken for a server by the driver, counts what came, and promises no more than it does."""

from __future__ import annotations

import socket
from typing import Any

import bson
import pymongo
import pymongo.errors
import pytest

from tests.benchmarks.servers import Null, null_server

Client = pymongo.MongoClient[dict[str, Any]]


def _client(null: Null) -> Client:
    return pymongo.MongoClient(f"mongodb://127.0.0.1:{null.port}", serverSelectionTimeoutMS=5000)


def test_every_document_of_a_bulk_is_counted_and_acknowledged() -> None:
    with null_server("mongodb") as null, _client(null) as client:
        for count in (1, 7, 20_000):
            answer = client.logs.app.insert_many([{"_id": n} for n in range(count)], ordered=False)
            assert len(answer.inserted_ids) == count
        assert null.stats()["documents"] == 20_008


def test_updates_and_deletes_are_answered_by_their_number_and_are_no_documents() -> None:
    operations = [pymongo.UpdateOne({"_id": n}, {"$set": {"n": n}}, upsert=True) for n in range(5)]
    with null_server("mongodb") as null, _client(null) as client:
        result = client.logs.app.bulk_write([*operations, pymongo.DeleteOne({"_id": 1})], ordered=False)
        assert (result.matched_count, result.deleted_count) == (5, 1)
        assert null.stats()["documents"] == 0


def test_documents_inside_of_the_command_are_counted_like_those_of_a_sequence() -> None:
    with null_server("mongodb", keep=True) as null, _client(null) as client:
        assert client.logs.command("insert", "app", documents=[{"_id": "a"}, {"_id": "b"}])["n"] == 2
        assert [name for name, _ in null.documents()] == ["a", "b"]


def test_what_is_kept_is_what_was_sent() -> None:
    sent = [{"_id": f"x-{n}", "message": "ü" * n, "n": {"deep": [n]}} for n in range(50)]
    with null_server("mongodb", keep=True) as null, _client(null) as client:
        client.logs.app.insert_many(sent)
        assert null.documents() == [(one["_id"], one) for one in sent]


def test_unacknowledged_writes_get_no_answer_and_are_counted() -> None:
    with null_server("mongodb") as null, _client(null) as client:
        client.logs.get_collection("app", write_concern=pymongo.WriteConcern(w=0)).insert_one({"_id": 1})
        client.admin.command("ping")
        assert client.logs.app.insert_one({"_id": 2}).acknowledged
        assert null.stats()["documents"] == 2


def test_a_command_that_it_does_not_know_is_refused() -> None:
    with (
        null_server("mongodb") as null,
        _client(null) as client,
        pytest.raises(pymongo.errors.OperationFailure) as told,
    ):
        client.logs.command("aggregate", "app", pipeline=[], cursor={})
    assert told.value.code == 59


def test_bytes_that_are_no_message_end_the_connection_and_not_the_server() -> None:
    with null_server("mongodb") as null:
        with socket.create_connection(("127.0.0.1", null.port), timeout=10) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert peer.recv(100) == b""
        with _client(null) as client:
            assert client.admin.command("ping") == {"ok": 1.0}


def test_a_message_that_comes_in_pieces_is_answered_when_it_is_whole() -> None:
    content = b"\0\0\0\0\0" + bson.encode({"ping": 1, "$db": "admin"})
    header = b"".join(number.to_bytes(4, "little") for number in (16 + len(content), 9, 0, 2013))
    with null_server("mongodb") as null, socket.create_connection(("127.0.0.1", null.port), timeout=10) as peer:
        for byte in header + content:
            peer.sendall(bytes([byte]))
        assert bson.decode(peer.recv(1000)[21:]) == {"ok": 1.0}
