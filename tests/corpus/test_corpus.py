"""Every kind of log through the sidecar as a process, into Elasticsearch and MongoDB, exact to the byte."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sidecar.parse.settings import BUILT_IN
from tests.corpus.kinds import Kind, all_kinds, dated, offset_of
from tests.corpus.projection import projection
from tests.corpus.runs import Run, as_bson, in_elasticsearch, in_mongodb, run
from tests.support.search_requests import call
from tests.support.servers.real_elasticsearch import server_name

KINDS = all_kinds()
_EACH = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


@pytest.fixture(scope="module")
def elasticsearch(
    tmp_path_factory: pytest.TempPathFactory, elasticsearch_url: str
) -> tuple[Run, dict[str, list[str]]]:
    """The run, and what is stored of each kind."""
    # A server creates indexes one after the other. If all are missing at once, requests wait for longer than usual.
    for kind in KINDS:
        call("PUT", f"{elasticsearch_url}/corpus-{kind.name}", {"settings": {"number_of_replicas": 0}})
    url = f"elasticsearch://{elasticsearch_url.removeprefix('http://')}/corpus-{{kind}}"
    settings = {"type": "elasticsearch", "url": url, "timeout": "120s"}
    done = run(tmp_path_factory.mktemp("elasticsearch"), KINDS, {"elasticsearch": settings})
    return done, in_elasticsearch(elasticsearch_url, "corpus-")


@pytest.fixture(scope="module")
def mongodb(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str
) -> tuple[Run, dict[str, list[dict[str, Any]]]]:
    """The same."""
    settings = {"type": "mongodb", "url": mongodb_uri, "database": "corpus", "collection": "{kind}"}
    done = run(tmp_path_factory.mktemp("mongodb"), KINDS, {"mongodb": settings})
    return done, in_mongodb(mongodb_uri, "corpus")


def taken(kind: Kind, done: Run, database: str) -> list[str]:
    """The documents that the database has to have; those that it refuses for what they are, are dead letters."""
    refused = kind.refused.get(database, {})
    if database == "elasticsearch":
        refused = kind.refused.get(server_name, refused)
    assert done.refused(kind.name, f"{database}-{kind.name}") == refused
    return [text for text in kind.expected(done.began) if offset_of(text) not in refused]


@pytest.mark.elasticsearch
@_EACH
def test_elasticsearch_has_each_document_to_the_byte(
    kind: Kind, elasticsearch: tuple[Run, dict[str, list[str]]]
) -> None:
    done, stored = elasticsearch
    assert stored.get(kind.name, []) == taken(kind, done, "elasticsearch")


@pytest.mark.mongodb
@_EACH
def test_mongodb_has_the_projection_of_each_document(
    kind: Kind, mongodb: tuple[Run, dict[str, list[dict[str, Any]]]]
) -> None:
    done, stored = mongodb
    wanted = list(map(projection, taken(kind, done, "mongodb")))
    found = stored.get(kind.name, [])
    assert as_bson(found) == as_bson(wanted), f"found {found}, wanted {wanted}"


@pytest.mark.elasticsearch
@pytest.mark.mongodb
def test_the_balance_adds_up_in_both(elasticsearch: tuple[Run, Any], mongodb: tuple[Run, Any]) -> None:
    for name, (done, _) in {"elasticsearch": elasticsearch, "mongodb": mongodb}.items():
        assert sorted(balance["sink"] for balance in done.balances) == sorted(f"{name}-{kind.name}" for kind in KINDS)
        for balance in done.balances:
            settled = sum(balance[what] for what in ("stored", "skipped", "filtered", "dead_letters"))
            assert (balance["lost"], balance["unsettled"], balance["seen"]) == (0, 0, settled), balance


@pytest.mark.parametrize(
    ("now", "rest", "found"),
    [
        ("2026-11-25", "-11-23T01:00:00", "2026-11-23T01:00:00"),
        ("2026-11-21", "-11-23T01:00:00", "2025-11-23T01:00:00"),
        ("2026-12-31", "-01-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_a_year_that_a_line_leaves_out_is_the_last_one_that_is_not_ahead(now: str, rest: str, found: str) -> None:
    assert dated(rest, datetime.fromisoformat(f"{now}T12:00:00+00:00")) == found


def test_there_are_at_least_forty_kinds_and_each_is_whole() -> None:
    assert len(KINDS) >= 40
    for kind in KINDS:
        needed = {"input.log", "pipeline.yaml", "expected.ndjson"}
        assert needed <= {path.name for path in kind.folder.iterdir()} <= needed | {"refused.yaml"}, kind.name


def test_each_parser_reads_at_least_one_kind() -> None:
    assert set.union(*(kind.parsers for kind in KINDS)) == set(BUILT_IN)
