"""Every built-in sink passes the public kit, against the real destination where there is one."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sidecar.sinks import registry
from sidecar.testing import SinkConformance, UnderTest
from tests.support.cleanup import close_after_test
from tests.support.search_server import SearchServerTests


class TestSQLite(SinkConformance):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> UnderTest:
        path = tmp_path / "logs.db"

        def stored() -> Mapping[Any, Mapping[str, Any]]:
            with closing(sqlite3.connect(path)) as db:
                return {name: json.loads(text) for name, text in db.execute("SELECT id, document FROM logs")}

        return UnderTest(lambda: registry.create_sink(registry.settings_for(f"sqlite:///{path}")), stored)


class TestFile(SinkConformance):
    @pytest.fixture
    def under_test(self, tmp_path: Path) -> UnderTest:
        path = tmp_path / "out.ndjson"

        def stored() -> Mapping[Any, Mapping[str, Any]]:
            return dict(enumerate(map(json.loads, path.read_text(encoding="utf-8").splitlines())))

        make = lambda: registry.create_sink(registry.settings_for(f"file://{path}"))  # noqa: E731 - said in one place
        return UnderTest(make, stored, effectively_once=False)


class TestStdout(SinkConformance):
    @pytest.fixture
    def under_test(self, capfd: pytest.CaptureFixture[str]) -> UnderTest:
        seen: list[str] = []

        def stored() -> Mapping[Any, Mapping[str, Any]]:
            seen.extend(capfd.readouterr().out.splitlines())
            return dict(enumerate(map(json.loads, seen)))

        make = lambda: registry.create_sink(registry.settings_for("stdout:"))  # noqa: E731 - said in one place
        return UnderTest(make, stored, effectively_once=False)


@pytest.mark.elasticsearch
class TestElasticsearch8(SearchServerTests):
    server = "elasticsearch8"
    scheme = "elasticsearch"
    shown = "Elasticsearch"

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls, elasticsearch_url: str) -> str:  # the one that other tests use
        return elasticsearch_url


@pytest.mark.mongodb
class TestMongoDB(SinkConformance):
    @pytest.fixture
    def under_test(self, mongodb_uri: str, database_name: str) -> UnderTest:
        def stored() -> Mapping[Any, Mapping[str, Any]]:
            with MongoClient[dict[str, Any]](mongodb_uri) as client:
                return {item["_id"]: item for item in client[database_name]["logs"].find()}

        settings = registry.settings_for(f"{mongodb_uri.rstrip('/')}/{database_name}")
        refused = json.dumps({"@timestamp": "2026-11-23T01:00:00Z", "text": "x" * (17 << 20)})
        return UnderTest(lambda: registry.create_sink(settings), stored, refused=refused)


def test_a_file_is_cut_back_to_what_was_committed_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    path.write_text("what was there before\n")
    settings = registry.settings_for(f"file://{path}")
    first: Any = close_after_test(registry.create_sink(settings))
    first.resume(None)
    first.open()
    token = first.resume_token()
    with path.open("ab") as out:
        out.write(b'{"never":"committed"}\n')
    first.close()
    again: Any = close_after_test(registry.create_sink(settings))
    again.resume(token)
    again.open()
    assert path.read_text() == "what was there before\n"


def test_the_file_of_the_file_sink_is_for_its_owner_alone(tmp_path: Path) -> None:
    sink = close_after_test(registry.create_sink(registry.settings_for(f"file://{tmp_path}/out.ndjson")))
    sink.open()
    assert (tmp_path / "out.ndjson").stat().st_mode & 0o077 == 0
