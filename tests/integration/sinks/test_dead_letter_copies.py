"""Dead letters are copied to an index and replayed from there, also by another Pod, and never get in the way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from pymongo import MongoClient

from tests.support.processes import ended, eventually, running, sidecar
from tests.support.search_requests import call

pytestmark = pytest.mark.elasticsearch
STRICT = {"mappings": {"properties": {"n": {"type": "long"}}}}


class Cluster:
    """An index that rejects some lines, and an index for their dead letters."""

    def __init__(self, url: str, name: str, folder: Path) -> None:
        self.url, self.name, self.folder = url, name, folder
        self.letters = f"{name}-dead"
        call("PUT", f"{url}/{name}", STRICT)

    def config(self, folder: str, to: Mapping[str, Any] | None = None) -> str:
        """Return the configuration of a Pod, with its state and its log in this folder."""
        base = self.folder / folder
        base.mkdir(exist_ok=True)
        sinks = {
            "search": {"type": "elasticsearch", "hosts": [self.url], "index": self.name},
            "dlq": to or {"type": "elasticsearch", "hosts": [self.url], "index": self.letters},
        }  # fmt: skip
        pipelines = {"app": {"paths": [f"{base}/*.log"], "parser": "json"}}
        settings = {"state_dir": f"{base}/state", "sinks": sinks, "pipelines": pipelines}
        (base / "sidecar.yaml").write_text(json.dumps({**settings, "dead_letters": {"to": "dlq"}}))
        return str(base / "sidecar.yaml")

    def write(self, folder: str, *values: Any) -> None:
        lines = [json.dumps({"time": "2026-11-23T01:00:00Z", "n": value}) for value in values]
        (self.folder / folder / "app.log").write_text("".join(f"{line}\n" for line in lines))

    def stored(self, index: str) -> list[Any]:
        call("POST", f"{self.url}/{index}*/_refresh")
        try:
            found = call("GET", f"{self.url}/{index}/_search?size=1000")
        except HTTPError as error:
            if error.code == 503:  # an index was created a moment ago, and its shard does not answer yet
                return []
            raise
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def relax(self) -> None:
        """Make the index accept every line: the same name without its mapping."""
        call("DELETE", f"{self.url}/{self.name}")
        call("PUT", f"{self.url}/{self.name}", {"mappings": {"properties": {"n": {"type": "keyword"}}}})


@pytest.fixture
def cluster(elasticsearch_url: str, index_name: str, tmp_path: Path) -> Cluster:
    return Cluster(elasticsearch_url, index_name, tmp_path)


def local_letters(cluster: Cluster, folder: str) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(f"file:{cluster.folder}/{folder}/state/state.db?mode=ro", uri=True)) as db:
        return list(db.execute("SELECT number, copied FROM dead_letters ORDER BY number"))


def test_a_dead_letter_is_kept_and_copied_and_replayed_by_another_pod(cluster: Cluster) -> None:
    given = cluster.config("a")
    cluster.write("a", 1, 'no "number" \u00fc', 3, {"a": 1})
    assert sidecar("run", "--config", given, "--once").returncode == 0
    assert [copied for _, copied in local_letters(cluster, "a")] == [1, 1]
    found = sorted(cluster.stored(cluster.letters), key=lambda document: document["log"]["offset"])
    assert [json.loads(document["event"]["original"])["n"] for document in found] == ['no "number" \u00fc', {"a": 1}]
    first = found[0]
    assert first["error"]["type"] == "document_parsing_exception"
    assert first["event"]["kind"] == "pipeline_error"
    assert (first["dead_letter"]["sink"], first["dead_letter"]["target"]) == ("search", cluster.name)
    cluster.relax()
    other = cluster.config("b")
    refused = sidecar("dead-letters", "replay", "--from", "dlq", "--kind", "other", "--config", other)
    assert (refused.returncode, refused.stdout) == (0, "0 stored, 0 rejected again\n")
    done = sidecar("dead-letters", "replay", "--from", "dlq", "--config", other)
    assert (done.returncode, done.stdout) == (3, "1 stored, 1 rejected again\n"), done.stderr
    assert [document["n"] for document in cluster.stored(cluster.name)] == ['no "number" \u00fc']
    assert len(cluster.stored(cluster.letters)) == 1
    local = sidecar("dead-letters", "replay", "--config", given)
    assert local.stdout == "1 stored, 1 rejected again\n"
    assert len(cluster.stored(cluster.name)) == 1


def test_a_sink_of_dead_letters_that_is_down_delays_only_the_copies(cluster: Cluster, tmp_path: Path) -> None:
    given = cluster.config("a", {"type": "elasticsearch", "hosts": ["http://127.0.0.1:1"], "index": "dead"})
    cluster.write("a", 1, "s3cret", 3)
    log = tmp_path / "own.log"
    with running(log, "--config", given) as process:
        eventually(lambda: len(cluster.stored(cluster.name)) == 2, "the lines are stored")
        eventually(lambda: "dead letters to dlq" in log.read_text(), "the failure is reported")
        assert ended(process) == 0
    assert [copied for _, copied in local_letters(cluster, "a")] == [0]
    assert "s3cret" not in log.read_text()
    cluster.config("a")
    with running(log, "--config", given) as process:
        eventually(lambda: len(cluster.stored(f"{cluster.letters}*")) == 1, "the dead letter is copied later")
        assert ended(process) == 0
    assert [copied for _, copied in local_letters(cluster, "a")] == [1]


def test_a_copy_that_is_rejected_is_reported_and_the_dead_letter_stays(cluster: Cluster, tmp_path: Path) -> None:
    call("PUT", f"{cluster.url}/{cluster.letters}", {"mappings": {"dynamic": "strict"}})
    given = cluster.config("a")
    cluster.write("a", 1, "s3cret", 3)
    done = sidecar("run", "--config", given, "--once")
    assert done.returncode == 0
    assert "copies are rejected (strict_dynamic_mapping_exception" in done.stderr
    assert len(local_letters(cluster, "a")) == 1


@pytest.mark.mongodb
def test_dead_letters_are_replayed_from_a_collection(cluster: Cluster, mongodb_uri: str, database_name: str) -> None:
    to = {"url": mongodb_uri, "database": database_name, "collection": "dead"}
    given = cluster.config("a", to)
    cluster.write("a", 1, "s3cret", 3)
    assert sidecar("run", "--config", given, "--once").returncode == 0
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        collection = client[database_name]["dead"]
        assert collection.count_documents({}) == 1
        cluster.relax()
        done = sidecar("dead-letters", "replay", "--from", "dlq", "--config", given)
        assert (done.returncode, done.stdout) == (0, "1 stored, 0 rejected again\n"), done.stderr
        assert collection.count_documents({}) == 0
    assert [document["n"] for document in cluster.stored(cluster.name)] == ["s3cret"]
