"""`sidecar setup` against real servers, and against a server with the features that these do not have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.support.management_server import ManagementServer, serving
from tests.support.processes import sidecar
from tests.support.search_requests import call


def config(folder: Path, sink: Mapping[str, Any]) -> str:
    path = folder / "sidecar.yaml"
    pipelines = {"app": {"paths": [f"{folder}/*.log"]}}
    path.write_text(
        json.dumps({"sinks": {"search": sink}, "pipelines": pipelines, "state_dir": str(folder / "state")})
    )
    return str(path)


def stream(url: str, index_name: str, **more: Any) -> dict[str, Any]:
    dataset = index_name.removeprefix("test-")
    return {"type": "elasticsearch", "hosts": [url], "data_stream": {"dataset": dataset}, **more}


@pytest.mark.elasticsearch
def test_a_template_is_shown_created_and_then_as_wanted(
    elasticsearch_url: str, index_name: str, tmp_path: Path
) -> None:
    given = config(tmp_path, stream(elasticsearch_url, index_name, require_data_stream=True))
    name = f"log-sidecar-logs-{index_name.removeprefix('test-')}-default"
    asked = sidecar("setup", "--config", given)
    assert asked.returncode == 2
    assert f"index template {name}: does not exist" in asked.stdout
    assert "add --yes" in asked.stderr
    assert sidecar("check", "--config", given, "--connect").returncode == 2
    done = sidecar("setup", "--config", given, "--yes")
    assert (done.returncode, done.stderr.startswith("note: an index template applies")) == (0, True), done.stderr
    assert f"index template {name}: created" in done.stdout
    again = sidecar("setup", "--config", given)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"index template {name}: is as wanted" in again.stdout
    assert sidecar("check", "--config", given, "--connect").returncode == 0
    [template] = call("GET", f"{elasticsearch_url}/_index_template/{name}")["index_templates"]
    assert "data_stream" in template["index_template"]


@pytest.mark.elasticsearch
@pytest.mark.parametrize("command", [["setup"], ["check", "--connect"]], ids=" ".join)
def test_an_index_that_is_written_as_a_path_is_explained(
    elasticsearch_url: str, index_name: str, tmp_path: Path, command: list[str]
) -> None:
    sink = {"url": f"elasticsearch://{elasticsearch_url.removeprefix('http://')}/logs/{index_name}", "setup": {}}
    done = sidecar(*command, "--config", config(tmp_path, sink))
    assert done.returncode == 2
    assert "the server has no API at the path /logs (" in done.stderr
    assert (
        "/logs is used as the path of a gateway in front of the server; without a gateway, remove it" in done.stderr
    )


@pytest.mark.elasticsearch
def test_only_the_lines_that_differ_are_shown_and_additions_of_the_user_stay(
    elasticsearch_url: str, index_name: str, tmp_path: Path
) -> None:
    given = config(tmp_path, stream(elasticsearch_url, index_name))
    assert sidecar("setup", "--config", given, "--yes").returncode == 0
    path = f"{elasticsearch_url}/_index_template/log-sidecar-logs-{index_name.removeprefix('test-')}-default"
    template = call("GET", path)["index_templates"][0]["index_template"]
    template["template"]["mappings"]["properties"]["order"] = {"type": "long"}
    call("PUT", path, template)
    assert "is as wanted" in sidecar("setup", "--config", given).stdout
    template["template"]["mappings"]["properties"]["message"] = {"type": "keyword"}
    call("PUT", path, template)
    differs = sidecar("setup", "--config", given)
    assert "differs" in differs.stdout
    lines = [line.strip() for line in differs.stdout.splitlines()]
    assert '-          "type": "keyword"' in lines
    assert '+          "type": "text"' in lines


@pytest.mark.elasticsearch
def test_documents_fit_the_mappings_of_the_template(elasticsearch_url: str, index_name: str, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(
        '{"message":"2026-11-28","level":"info","day":"2026-11-28"}\n{"message":"text","day":"tomorrow"}\n'
    )
    given = config(tmp_path, stream(elasticsearch_url, index_name))
    assert sidecar("setup", "--config", given, "--yes").returncode == 0
    assert sidecar("run", "--config", given, "--set", "pipelines.app.parser=json", "--once").returncode == 0
    name = f"logs-{index_name.removeprefix('test-')}-default"
    call("POST", f"{elasticsearch_url}/{name}/_refresh")
    hits = call("GET", f"{elasticsearch_url}/{name}/_search")["hits"]["hits"]
    assert sorted(hit["_source"]["day"] for hit in hits) == ["2026-11-28", "tomorrow"]
    assert hits[0]["_source"]["data_stream"]["type"] == "logs"
    assert hits[0]["_source"]["ecs"] == {"version": "8.11.0"}


def test_an_alias_that_rolls_over_gets_its_first_index(tmp_path: Path) -> None:
    server = ManagementServer("elasticsearch")
    with serving(server):
        sink = {"type": "opensearch", "hosts": [server.url], "index": "app", "require_alias": True}
        printed = sidecar("setup", "--config", config(tmp_path, sink), "--print")
        assert "PUT /_plugins/_ism/policies/" in printed.stdout
        assert sidecar("setup", "--config", config(tmp_path, sink), "--yes").returncode == 0
        assert list(server.objects) == [  # the server is asked what it is
            "/_ilm/policy/log-sidecar-app", "/_index_template/log-sidecar-app", "/app-000001",
        ]  # fmt: skip
        assert server.objects["/app-000001"] == {"aliases": {"app": {"is_write_index": True}}}
        assert sidecar("setup", "--config", config(tmp_path, sink)).stdout.count("is as wanted") == 3


def test_what_is_printed_needs_no_server(tmp_path: Path) -> None:
    sink = {
        "type": "elasticsearch", "hosts": ["http://nowhere.invalid"], "index": "app-{service.name:other}-%Y.%m.%d",
        "pipeline": "app", "setup": {"retention": "30d", "pipeline": {"processors": []}},
    }  # fmt: skip
    printed = sidecar("setup", "--config", config(tmp_path, sink), "--print")
    requests = [line for line in printed.stdout.splitlines() if line.startswith("PUT ")]
    assert requests == [
        "PUT /_ilm/policy/log-sidecar-app", "PUT /_ingest/pipeline/app", "PUT /_index_template/log-sidecar-app",
    ]  # fmt: skip
    assert '"min_age": "30d"' in printed.stdout
    assert '"app-*-*"' in printed.stdout


@pytest.mark.parametrize(
    ("product", "policy"), [("elasticsearch", "_ilm/policy"), ("opensearch", "_plugins/_ism/policies")]
)
def test_policy_pipeline_and_template_are_created_and_changed(tmp_path: Path, product: str, policy: str) -> None:
    server = ManagementServer(product)
    with serving(server):
        sink: dict[str, Any] = {
            "type": product, "hosts": [server.url], "data_stream": {}, "pipeline": "app",
            "setup": {"retention": "14d", "rollover_age": "1d", "rollover_size": "10GiB",
                      "pipeline": {"processors": [{"set": {"field": "a", "value": 1}}]}},
        }  # fmt: skip
        assert sidecar("setup", "--config", config(tmp_path, sink), "--yes").returncode == 0
        name = "log-sidecar-logs-generic-default"
        assert list(server.objects) == [f"/{policy}/{name}", "/_ingest/pipeline/app", f"/_index_template/{name}"]
        again = sidecar("setup", "--config", config(tmp_path, sink))
        assert (again.returncode, again.stdout.count("is as wanted")) == (0, 3), again.stdout
        sink["setup"]["retention"] = "15d"
        changed = sidecar("setup", "--config", config(tmp_path, sink), "--yes")
        assert (changed.returncode, changed.stdout.count("is as wanted")) == (0, 2), changed.stderr
        assert '"15d"' in json.dumps(server.objects[f"/{policy}/{name}"])


@pytest.mark.elasticsearch
def test_a_server_without_lifecycle_policies_is_named(
    elasticsearch_url: str, index_name: str, tmp_path: Path
) -> None:
    given = config(tmp_path, stream(elasticsearch_url, index_name, setup={"rollover_age": "1d"}))
    done = sidecar("setup", "--config", given, "--yes")
    assert done.returncode == 2
    assert "cannot read /_ilm/policy/log-sidecar-logs-" in done.stderr
    assert "check the settings of the sink, and that the server has this feature" in done.stderr


def test_a_right_that_is_missing_is_named(tmp_path: Path) -> None:
    server = ManagementServer("elasticsearch", forbids="_index_template")
    with serving(server):
        sink = {"type": "elasticsearch", "hosts": [server.url], "data_stream": {}}
        done = sidecar("setup", "--config", config(tmp_path, sink), "--yes")
    assert done.returncode == 2
    assert "let this user manage index templates" in done.stderr


def test_a_sink_that_needs_nothing_and_one_that_does_not_exist(tmp_path: Path) -> None:
    given = config(tmp_path, {"type": "sqlite", "path": str(tmp_path / "logs.db")})
    assert "needs no setup" in sidecar("setup", "--config", given).stderr
    wrong = sidecar("setup", "--config", given, "serch")
    assert (wrong.returncode, 'did you mean "search"' in wrong.stderr) == (2, True), wrong.stderr


@pytest.fixture
def database(mongodb_uri: str, database_name: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client[database_name]


def mongodb(database: Database[dict[str, Any]], **more: Any) -> dict[str, Any]:
    host, port = database.client.address or ("", 0)
    return {"url": f"mongodb://{host}:{port}/", "database": database.name, "collection": "app", **more}


@pytest.mark.mongodb
def test_indexes_are_created_and_the_expiry_is_changed(database: Database[dict[str, Any]], tmp_path: Path) -> None:
    setup = {"indexes": [{"log.level": 1, "@timestamp": -1}]}
    done = sidecar("setup", "--config", config(tmp_path, mongodb(database, setup=setup, expire_after="7d")), "--yes")
    assert done.returncode == 0, done.stderr
    found = database["app"].index_information()
    assert found["log.level_1_@timestamp_-1"]["key"] == [("log.level", 1), ("@timestamp", -1)]
    assert found["@timestamp_1"]["expireAfterSeconds"] == 604800
    given = config(tmp_path, mongodb(database, setup=setup, expire_after="8d"))
    assert sidecar("setup", "--config", given, "--yes").returncode == 0
    assert database["app"].index_information()["@timestamp_1"]["expireAfterSeconds"] == 691200
    again = sidecar("setup", "--config", given)
    assert (again.returncode, again.stdout.count("is as wanted")) == (0, 3)


@pytest.mark.mongodb
@pytest.mark.parametrize(
    ("setup", "option"),
    [({"capped": {"size": "1MiB", "documents": 100}}, "capped"),
     ({"time_series": {"meta_field": "host"}}, "timeseries")],
)  # fmt: skip
def test_a_capped_or_time_series_collection_is_created_and_cannot_be_changed(
    database: Database[dict[str, Any]], tmp_path: Path, setup: dict[str, Any], option: str
) -> None:
    given = config(tmp_path, mongodb(database, setup=setup))
    assert sidecar("setup", "--config", given, "--yes").returncode == 0
    [found] = database.list_collections(filter={"name": "app"})
    assert found["options"][option]
    assert sidecar("setup", "--config", given).returncode == 0
    database["app"].drop()
    database.create_collection("app")
    refused = sidecar("setup", "--config", given, "--yes")
    assert refused.returncode == 2
    assert "cannot be changed" in refused.stderr


@pytest.mark.mongodb
def test_documents_are_written_to_a_time_series_collection_that_expires(
    database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "a.log").write_text("one\n")
    given = config(tmp_path, mongodb(database, setup={"time_series": {}}, expire_after="7d"))
    assert sidecar("setup", "--config", given, "--yes").returncode == 0
    [found] = database.list_collections(filter={"name": "app"})
    assert found["options"]["expireAfterSeconds"] == 604800
    assert sidecar("run", "--config", given, "--once").returncode == 0
    assert database["app"].count_documents({}) == 1


def test_a_collection_by_date_cannot_be_created_before(tmp_path: Path) -> None:
    sink = {"url": "mongodb://nowhere.invalid/logs", "collection": "app-%Y"}
    done = sidecar("setup", "--config", config(tmp_path, sink), "--print")
    assert done.returncode == 2
    assert "date or a field" in done.stderr
