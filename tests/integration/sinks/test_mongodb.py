"""The MongoDB sink against a server that speaks MongoDB's protocol."""

from __future__ import annotations

import inspect
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bson.errors
import pymongo.errors
import pytest
import trustme
from pymongo import MongoClient
from pymongo.database import Database

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.model.batch import WriteResult
from sidecar.sinks.mongodb.replies import MAX_REPLY_BYTES
from sidecar.sinks.mongodb.sink import DRIVER_ERRORS, MongoDBSettings, MongoDBSink
from tests.support.builders.batches import batch_of, generation
from tests.support.cleanup import close_after_test
from tests.support.servers.closing_proxy import closing_at
from tests.support.servers.replying import replying
from tests.support.servers.wire_mongodb import running

pytestmark = pytest.mark.mongodb


@pytest.fixture
def database(mongodb_uri: str, database_name: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client[database_name]


@pytest.fixture
def failing(database: Database[dict[str, Any]]) -> Iterator[Any]:
    """Makes the server fail the next commands with this data."""

    def fail(command: str = "insert", times: int = 1, **data: Any) -> None:
        settings = {"failCommands": [command], **data}
        database.client.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=settings)

    yield fail
    database.client.admin.command("configureFailPoint", "failCommand", mode="off")


def sink_into(database: Database[dict[str, Any]], **settings: Any) -> MongoDBSink:
    host, port = database.client.address or ("", 0)
    given = {"url": f"mongodb://{host}:{port}/?serverSelectionTimeoutMS=300", "database": database.name, **settings}
    sink = close_after_test(MongoDBSink(MongoDBSettings.model_validate(given)))
    sink.open()
    return sink


def written(sink: MongoDBSink) -> WriteResult:
    """Write one document. Raise the error of the result, if it has one."""
    result = sink.write(batch_of('{"n":1}'))
    if result.error is not None:
        raise result.error
    return result


@pytest.mark.parametrize("module", [pymongo.errors, bson.errors])
def test_every_exception_of_the_driver_has_an_entry(module: ModuleType) -> None:
    own = [found for _, found in inspect.getmembers(module, inspect.isclass) if found.__module__ == module.__name__]
    missing = [found.__name__ for found in own if issubclass(found, Exception) and found not in DRIVER_ERRORS]
    assert not missing


def test_what_is_sent_again_is_found_to_be_there(database: Database[dict[str, Any]]) -> None:
    sink, life = sink_into(database), generation()
    sink.write(batch_of('{"n":1}', of=life))
    verdict = sink.write(batch_of('{"n":1}', '{"n":2}', of=life))
    assert (verdict.stored, verdict.duplicates, verdict.error) == (range(2), 1, None)
    assert database.logs.count_documents({}) == 2


def test_each_document_goes_into_the_collection_of_its_day(database: Database[dict[str, Any]]) -> None:
    sink = sink_into(database, collection="app-%Y.%m.%d")
    verdict = sink.write(batch_of('{"n":1}', '{"n":2}', times=["2026-01-01T23:00:00-02:00", "2026-01-01T00:00:00Z"]))
    assert verdict.stored == range(2)
    assert [found["n"] for found in database["app-2026.01.02"].find()] == [1]
    assert [found["n"] for found in database["app-2026.01.01"].find()] == [2]


def test_each_document_goes_into_the_collection_of_its_field(database: Database[dict[str, Any]]) -> None:
    sink = sink_into(database, collection="app-{team:none}", expire_after="1h")
    assert sink.write(batch_of('{"team":"Shop","n":1}', '{"team":"$x\\u0000","n":2}', '{"n":3}')).stored == range(3)
    assert sorted(database.list_collection_names()) == ["app-Shop", "app-_x_", "app-none"]
    assert "@timestamp_1" in database["app-_x_"].index_information()


def test_a_replay_goes_to_the_collection_it_was_meant_for(database: Database[dict[str, Any]]) -> None:
    verdict = sink_into(database).write(batch_of('{"n":1}', '{"n":2}', targets=["old", "older"]))
    assert verdict.stored == range(2)
    assert [database[name].count_documents({}) for name in ("old", "older", "logs")] == [1, 1, 0]


def test_a_document_that_fails_validation_is_rejected_and_its_neighbours_are_stored(
    database: Database[dict[str, Any]],
) -> None:
    database.create_collection("logs", validator={"n": {"$type": "int"}})
    verdict = sink_into(database).write(batch_of('{"n":1}', '{"n":"s3cret"}', '{"n":3}'))
    assert (list(verdict.stored), verdict.error) == ([0, 2], None)
    [rejection] = verdict.rejected
    assert (rejection.index, rejection.kind, rejection.status) == (1, "DocumentValidationFailure", 121)
    assert (rejection.reason, rejection.target) == ("Document failed validation", "logs")


def test_a_duplicate_in_another_unique_index_is_rejected(
    database: Database[dict[str, Any]],
) -> None:
    database.logs.create_index("user", unique=True)
    sink, life = sink_into(database), generation()
    sink.write(batch_of('{"user":"s3cret"}', of=life))
    verdict = sink.write(batch_of('{"user":"s3cret"}', '{"user":"s3cret"}', '{"user":"b"}', of=life))
    assert (sorted(verdict.stored), verdict.duplicates) == ([0, 2], 1)
    [rejection] = verdict.rejected
    assert (rejection.index, rejection.kind, rejection.status) == (1, "DuplicateKey", 11000)
    assert rejection.is_conflict
    assert "index: user_1" in rejection.answer
    assert "s3cret" not in rejection.reason


@pytest.mark.parametrize("code", [10107, 189, 91, 112, 262])
def test_a_server_that_cannot_take_it_now_is_tried_again(
    database: Database[dict[str, Any]], failing: Any, code: int
) -> None:
    sink = sink_into(database)
    failing(times=2, errorCode=code)
    with pytest.raises(Retryable):
        sink.write(batch_of('{"n":1}'))


@pytest.mark.parametrize("code", [13, 18, 73, 166, 4711])
def test_an_error_that_is_neither_temporary_nor_about_a_document_is_misconfigured(
    database: Database[dict[str, Any]], failing: Any, code: int
) -> None:
    sink = sink_into(database)
    failing(times=2, errorCode=code)
    with pytest.raises(Misconfigured, match=rf"{database.name}.logs: refuses the documents: .*{code}"):
        written(sink)


@pytest.mark.parametrize(("code", "fault"), [(64, Retryable), (100, Misconfigured)])
def test_a_write_concern_that_is_not_met_settles_nothing(
    database: Database[dict[str, Any]], failing: Any, code: int, fault: type[DeliveryError]
) -> None:
    sink, batch = sink_into(database), batch_of('{"n":1}')
    failing(writeConcernError={"code": code, "errmsg": "waiting for replication timed out"})
    with pytest.raises(fault, match="the write concern was not met"):
        sink.write(batch)
    assert sink.write(batch).stored == range(1)
    assert database.logs.count_documents({}) == 1


def test_a_connection_that_breaks_off_is_tried_again(database: Database[dict[str, Any]], failing: Any) -> None:
    sink = sink_into(database)
    failing(times=2, closeConnection=True)
    assert written(sink).stored == range(1)
    failing(times=9, closeConnection=True)
    with pytest.raises(Retryable, match="the server closes the connection at this document"):
        written(sink)


def test_a_document_at_which_the_server_closes_the_connection_is_a_dead_letter(
    database: Database[dict[str, Any]],
) -> None:
    host, port = database.client.address or ("", 0)
    with closing_at(b"poison", (host, port)) as proxy:
        given = {"url": f"mongodb://127.0.0.1:{proxy}/?directConnection=true", "database": database.name}
        sink = close_after_test(MongoDBSink(MongoDBSettings.model_validate(given)))
        documents = [json.dumps({"n": n, "text": "poison" if n in (3, 17) else "fine"}) for n in range(40)]
        result = RetryingWriter(sink, threading.Event()).deliver(batch_of(*documents))
        assert [(each.index, each.kind) for each in result.rejected.values()] == [
            (3, "ConnectionClosed"),
            (17, "ConnectionClosed"),
        ]
        assert (database["logs"].count_documents({}), result.postponed) == (38, {})
        with pytest.raises(Retryable, match="closes the connection"):  # without evidence that others are stored
            RetryingWriter(sink, threading.Event()).deliver(batch_of(documents[3]))


def test_documents_expire_by_an_index_that_is_made_or_changed(database: Database[dict[str, Any]]) -> None:
    sink_into(database, expire_after="1h")
    sink_into(database, expire_after="1h")
    assert database.logs.index_information()["@timestamp_1"]["expireAfterSeconds"] == 3600
    sink_into(database, expire_after="14d")
    assert database.logs.index_information()["@timestamp_1"]["expireAfterSeconds"] == 14 * 86400


def test_a_plain_index_on_the_time_becomes_one_by_which_documents_expire(database: Database[dict[str, Any]]) -> None:
    database.logs.create_index("@timestamp")
    sink_into(database, expire_after="1h")
    assert database.logs.index_information()["@timestamp_1"]["expireAfterSeconds"] == 3600


def test_collections_with_a_date_get_the_index_when_they_are_first_written(
    database: Database[dict[str, Any]],
) -> None:
    sink = sink_into(database, collection="app-%Y", expire_after="1h")
    sink.write(batch_of('{"n":1}', times=["2026-01-01T00:00:00Z"]))
    assert "@timestamp_1" in database["app-2026"].index_information()


def test_an_index_that_cannot_be_changed_is_misconfigured(database: Database[dict[str, Any]], failing: Any) -> None:
    sink_into(database, expire_after="1h")
    failing("collMod", errorCode=13)
    with pytest.raises(Misconfigured, match="readWrite"):
        sink_into(database, expire_after="2h")


def test_a_probe_tries_a_write_and_leaves_no_document(database: Database[dict[str, Any]]) -> None:
    sink_into(database).probe()
    assert database.logs.count_documents({}) == 0


def test_a_probe_names_the_server_and_a_usual_collection_has_no_warning(database: Database[dict[str, Any]]) -> None:
    database.create_collection("logs")
    result = sink_into(database).probe()
    assert result.server.startswith("MongoDB ")
    assert not result.warnings


def test_a_probe_warns_of_a_time_series_collection(database: Database[dict[str, Any]]) -> None:
    database.create_collection("logs", timeseries={"timeField": "@timestamp"})
    [warning] = sink_into(database).probe().warnings
    assert "time-series collection logs has no unique _id" in warning


def test_a_probe_warns_of_a_capped_collection(database: Database[dict[str, Any]]) -> None:
    database.create_collection("logs", capped=True, size=1 << 20)
    [warning] = sink_into(database).probe().warnings
    assert "logs is capped" in warning


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile", "tlsCRLFile"])
def test_a_missing_file_of_the_url_is_named(tmp_path: Path, option: str) -> None:
    sink = MongoDBSink(MongoDBSettings(url=f"mongodb://m/?tls=true&{option}={tmp_path}/no-such.pem"))
    for attempt in (sink.open, sink.probe):
        with pytest.raises(Misconfigured, match=r"no-such\.pem: the file cannot be read \(No such file"):
            attempt()


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("\n")
    given = {"url": "mongodb://m", "username": "u", "password_file": tmp_path / "password"}
    with pytest.raises(Misconfigured, match="password: the file is empty"):
        MongoDBSink(MongoDBSettings.model_validate(given)).open()


NGINX = b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.27.3\r\nContent-Type: text/html\r\n\r\n"
ELASTICSEARCH = b'HTTP/1.0 200 OK\r\n\r\n{"version":{"number":"8.19.21"},"tagline":"You Know, for Search"}'


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (NGINX, "a web page of nginx/1.27.3"),
        (b"-ERR wrong number of arguments for 'get' command\r\n", "Redis"),
        (ELASTICSEARCH, "Elasticsearch 8.19.21"),
    ],
)
def test_a_probe_names_what_answers_instead(reply: bytes, name: str) -> None:
    with replying(reply) as port:
        sink = MongoDBSink(MongoDBSettings(url=f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=300"))
        with pytest.raises(Misconfigured, match=rf"{re.escape(name)} answers at this address, not MongoDB"):
            sink.probe()
        sink.close()


def test_an_address_of_ipv6_works(database_name: str) -> None:
    with running(host="::1") as uri:
        port = uri.rstrip("/").rpartition(":")[2]
        sink = MongoDBSink(MongoDBSettings.from_url(f"mongodb://[::1]:{port}/{database_name}"))
        assert sink.write(batch_of('{"n":1}')).stored == range(1)
        sink.close()


def test_a_probe_finds_that_writing_is_forbidden(database: Database[dict[str, Any]], failing: Any) -> None:
    sink = sink_into(database)
    failing(errorCode=13)
    with pytest.raises(Misconfigured, match="readWrite"):
        sink.probe()


def test_an_address_without_a_server_is_reported_as_such() -> None:
    sink = MongoDBSink(MongoDBSettings(url="mongodb://u:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=200"))
    with pytest.raises(Retryable, match=r"127.0.0.1:1/logs.logs: cannot be reached \(.*refused.*\); check") as fault:
        sink.open()
    assert "s3cret" not in str(fault.value)
    sink.close()


def test_a_name_that_does_not_resolve_is_reported_as_such() -> None:
    sink = MongoDBSink(MongoDBSettings(url="mongodb://nowhere.invalid/?serverSelectionTimeoutMS=200"))
    with pytest.raises(Retryable, match=r"nowhere\.invalid:27017/logs.logs: the host name cannot be resolved"):
        sink.write(batch_of("{}"))
    sink.close()


def test_an_srv_name_that_does_not_resolve_is_tried_again() -> None:
    with pytest.raises(Retryable, match="cannot be resolved"):
        MongoDBSink(MongoDBSettings(url="mongodb+srv://nowhere.example.invalid")).open()


def test_an_option_that_the_driver_refuses_is_misconfigured() -> None:
    sink = MongoDBSink(MongoDBSettings(url="mongodb://u:s3cret@a,b/?directConnection=true"))
    with pytest.raises(Misconfigured, match=r"rejects the settings \(.*; check the URL") as fault:
        sink.open()
    assert "s3cret" not in str(fault.value)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with TLS and a user `app` with the password `s3cret`: its address, and the authority's file."""
    from secantus import SecantusDBServer  # noqa: PLC0415 - may be missing

    folder, authority = tmp_path_factory.mktemp("mongodb"), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    data = str(folder / "data")
    with SecantusDBServer(storage_path=data) as server, MongoClient[dict[str, Any]](server.uri) as client:
        client.admin.command("createUser", "app", pwd="s3cret", roles=[{"role": "readWrite", "db": "logs"}])
    tls = {"tls_cert_file": str(folder / "cert.pem"), "tls_key_file": str(folder / "key.pem")}
    with SecantusDBServer(storage_path=data, require_auth=True, **tls) as server:
        yield server.uri.partition("://")[2].partition("/")[0], folder / "ca.pem"


def test_a_password_that_changed_in_its_file_is_used_at_once(secure: tuple[str, Path], tmp_path: Path) -> None:
    address, authority = secure
    password = tmp_path / "password"
    password.write_text("old\n")
    given = {"url": f"mongodb://{address}", "username": "app", "password_file": password, "ca_file": authority}
    sink = MongoDBSink(MongoDBSettings.model_validate(given))
    with pytest.raises(Misconfigured, match="check username, password and authSource") as fault:
        sink.open()
    assert "old" not in str(fault.value)
    (tmp_path / "new").write_text("s3cret\n")
    os.replace(tmp_path / "new", password)
    sink.open()
    assert sink.write(batch_of('{"n":1}')).stored == range(1)
    sink.probe()
    sink.close()


def test_a_user_without_write_access_is_reported_as_such(secure: tuple[str, Path]) -> None:
    address, authority = secure
    given = {"url": f"mongodb://app:s3cret@{address}", "database": "other", "ca_file": authority}
    sink = MongoDBSink(MongoDBSettings.model_validate(given))
    with pytest.raises(Misconfigured, match="readWrite"):
        sink.probe()
    with pytest.raises(Misconfigured, match="readWrite"):
        written(sink)
    sink.close()


def test_a_certificate_that_is_not_trusted_is_reported_as_such(secure: tuple[str, Path]) -> None:
    sink = MongoDBSink(MongoDBSettings(url=f"mongodb://{secure[0]}/?tls=true&serverSelectionTimeoutMS=500"))
    with pytest.raises(Retryable, match=r"the TLS certificate is not trusted \(.*\); set ca_file"):
        sink.open()
    sink.close()


def test_a_file_without_a_certificate_is_misconfigured(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(Misconfigured):
        MongoDBSink(MongoDBSettings(url="mongodb://m", ca_file=tmp_path / "ca.pem")).open()


def test_closing_may_be_done_before_opening_and_twice() -> None:
    sink = MongoDBSink(MongoDBSettings(url="mongodb://m"))
    sink.close()
    sink.close()


def test_other_clients_of_the_process_may_take_larger_replies_than_the_sink(
    database: Database[dict[str, Any]],
) -> None:
    sink = sink_into(database)
    sink.write(batch_of('{"n":1}'))
    database.large.insert_many([{"text": "x" * (1 << 20)} for _ in range(MAX_REPLY_BYTES >> 20)])
    assert sum(len(found["text"]) for found in database.large.find()) == MAX_REPLY_BYTES
    sink.close()
