"""The Elasticsearch sink against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sidecar.errors import Misconfigured, Retryable
from sidecar.model.batch import Batch
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.support.builders.batches import batch_of, generation
from tests.support.builders.records import chunk, stages
from tests.support.cleanup import close_after_test

pytestmark = pytest.mark.elasticsearch
LONG_N = {"properties": {"n": {"type": "long"}, "d": {"type": "date"}, "k": {"type": "keyword"}}}


@pytest.fixture(scope="module")
def client(elasticsearch_url: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(elasticsearch_url) as client:
        yield client


def sink_at(url: str, **settings: Any) -> ElasticsearchSink:
    sink = close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate({"hosts": [url], **settings})))
    sink.open()
    return sink


def stored(client: Elasticsearch, index: str) -> dict[str, Any]:
    """All documents of an index by their id."""
    client.indices.refresh(index=index)
    hits = client.search(index=index, size=1000)["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def test_documents_are_stored_as_they_are_under_the_ids_of_their_positions(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    batch = batch_of('{"a":64.40,"b":"ü"}', '{"a":1}')
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch)
    assert (verdict.stored, verdict.duplicates, verdict.error) == (range(2), 0, None)
    assert stored(client, index_name) == {batch.ids[0]: {"a": 64.40, "b": "ü"}, batch.ids[1]: {"a": 1}}


def test_what_is_sent_again_is_found_to_be_there(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    sink, life = sink_at(elasticsearch_url, index=index_name), generation()
    sink.write(batch_of('{"n":1}', of=life))
    verdict = sink.write(batch_of('{"n":1}', '{"n":2}', of=life))
    assert (verdict.stored, verdict.duplicates) == (range(2), 1)
    assert len(stored(client, index_name)) == 2


def test_without_ids_of_our_own_the_server_makes_them(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    sink = sink_at(elasticsearch_url, index=index_name, document_id="none")
    batch = batch_of('{"n":1}', '{"n":2}')
    assert sink.write(batch).stored == range(2)
    assert not set(batch.ids) & set(stored(client, index_name))


def test_each_document_goes_into_the_index_of_its_day(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    sink = sink_at(elasticsearch_url, index=f"{index_name}-%Y.%m.%d")
    verdict = sink.write(batch_of('{"n":1}', '{"n":2}', times=["2026-01-01T23:00:00-02:00", "2026-01-01T00:00:00Z"]))
    assert verdict.stored == range(2)
    assert list(stored(client, f"{index_name}-2026.01.02").values()) == [{"n": 1}]
    assert list(stored(client, f"{index_name}-2026.01.01").values()) == [{"n": 2}]


def test_each_document_goes_into_the_index_of_its_field_and_never_out_of_the_prefix(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    sink = sink_at(elasticsearch_url, index=f"{index_name}-{{team:none}}-%Y")
    documents = ['{"team":"Shop","n":1}', '{"team":"a/../*,b","n":2}', '{"n":3}']
    verdict = sink.write(batch_of(*documents, times=["2026-01-01T00:00:00Z"] * 3))
    assert verdict.stored == range(3)
    for name, number in (("shop", 1), ("a_..___b", 2), ("none", 3)):
        assert [found["n"] for found in stored(client, f"{index_name}-{name}-2026").values()] == [number]


def test_a_replay_goes_to_the_index_it_was_meant_for(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    targets = [f"{index_name}-old", f"{index_name}-older"]
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch_of('{"n":1}', '{"n":2}', targets=targets))
    assert verdict.stored == range(2)
    assert [list(stored(client, target).values()) for target in targets] == [[{"n": 1}], [{"n": 2}]]


def test_requests_may_be_compressed(client: Elasticsearch, elasticsearch_url: str, index_name: str) -> None:
    assert sink_at(elasticsearch_url, index=index_name, compress=True).write(batch_of('{"n":1}')).stored == range(1)
    assert len(stored(client, index_name)) == 1


DEEP = '{"a":' * 25 + "1" + "}" * 25


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        ('{"n":"s3cret text"}', "document_parsing_exception", "field [n] of type [long]"),
        ('{"n":{"s3cret":1}}', "document_parsing_exception", "field [n] of type [long]"),
        ('{"d":"s3cret"}', "document_parsing_exception", "field [d] of type [date]"),
        ('{"k":"%s"}' % ("s3cret" * 6000), "document_parsing_exception", "field [k] of type [keyword]"),
        ('{"n":1,"n":"s3cret"}', "document_parsing_exception", "Duplicate field 'n'"),
        ('{"n":99999999999999999999}', "document_parsing_exception", "field [n] of type [long]"),
        ('{"":"s3cret"}', "document_parsing_exception", "empty string"),
        (DEEP, "document_parsing_exception", "Limit of mapping depth [20]"),
        (json.dumps({f"x{n}": 1 for n in range(60)}), "document_parsing_exception", "Limit of total fields [30]"),
        ('{"q":1,"q.r":2}', "illegal_argument_exception", "mapper [q]"),
        ('{"n":1}{"n":"s3cret"}', "illegal_argument_exception", "extra data"),
    ],
)
def test_a_refused_document_is_rejected_and_its_neighbours_are_stored(
    client: Elasticsearch, elasticsearch_url: str, index_name: str, document: str, kind: str, words: str
) -> None:
    limit = {"index.mapping.total_fields.limit": 30}
    client.indices.create(index=index_name, mappings=LONG_N, settings=limit)
    batch = batch_of('{"n":1}', document, '{"n":3}')
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch)
    assert (list(verdict.stored), verdict.error) == ([0, 2], None)
    [rejection] = verdict.rejected
    assert (rejection.index, rejection.kind, rejection.status, rejection.target) == (1, kind, 400, index_name)
    assert words in rejection.answer
    assert "s3cret" not in rejection.reason
    assert len(rejection.reason) <= 300
    assert len(stored(client, index_name)) == 2


def test_a_strict_mapping_rejects_unknown_fields(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    client.indices.create(index=index_name, mappings={"dynamic": "strict", **LONG_N})
    [rejection] = sink_at(elasticsearch_url, index=index_name).write(batch_of('{"x":1}')).rejected
    assert rejection.kind == "strict_dynamic_mapping_exception"


@pytest.mark.parametrize(
    ("block", "words", "advice"),
    [
        ({"index.blocks.write": True}, "blocked by", "remove the block"),
        ({"index.blocks.read_only": True}, "read-only", "remove the block"),
    ],
)
def test_a_blocked_index_is_misconfigured(
    client: Elasticsearch, elasticsearch_url: str, index_name: str, block: dict[str, Any], words: str, advice: str
) -> None:
    client.indices.create(index=index_name)
    client.indices.put_settings(index=index_name, settings=block)
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch_of('{"n":1}'))
    assert (list(verdict.stored), list(verdict.rejected)) == ([], [])
    assert isinstance(verdict.error, Misconfigured)
    assert words in str(verdict.error)
    assert advice in str(verdict.error)


def test_an_index_on_a_full_disk_is_tried_again(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    client.indices.create(index=index_name)
    client.indices.put_settings(index=index_name, settings={"index.blocks.read_only_allow_delete": True})
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch_of('{"n":1}'))
    assert isinstance(verdict.error, Retryable)
    assert not verdict.rejected


def test_a_closed_index_and_a_missing_pipeline_are_misconfigured(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    client.indices.create(index=index_name)
    missing = sink_at(elasticsearch_url, index=index_name, pipeline="nowhere").write(batch_of('{"n":1}'))
    client.indices.close(index=index_name)
    closed = sink_at(elasticsearch_url, index=index_name).write(batch_of('{"n":1}'))
    assert isinstance(missing.error, Misconfigured)
    assert "pipeline with id [nowhere] does not exist" in str(missing.error)
    assert isinstance(closed.error, Misconfigured)
    assert not missing.rejected
    assert not closed.rejected


def test_text_that_cannot_be_read_is_rejected_before_a_pipeline_sees_it(
    elasticsearch_url: str, index_name: str
) -> None:
    verdict = sink_at(elasticsearch_url, index=index_name, pipeline="nowhere").write(batch_of('{"n":1,"n":"s3cret"}'))
    [rejection] = verdict.rejected
    assert (rejection.kind, "Duplicate field" in rejection.reason) == ("x_content_parse_exception", True)
    assert "s3cret" not in rejection.reason


def test_a_time_series_index_asks_for_ids_of_its_own(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    dimension = {"type": "keyword", "time_series_dimension": True}
    client.indices.create(
        index=index_name,
        mappings={"properties": {"@timestamp": {"type": "date"}, "d": dimension}},
        settings={
            "mode": "time_series", "routing_path": ["d"],
            "time_series": {"start_time": "2020-01-01T00:00:00Z", "end_time": "2030-01-01T00:00:00Z"},
        },
    )  # fmt: skip
    document = '{"@timestamp":"2026-01-01T00:00:00Z","d":"x"}'
    verdict = sink_at(elasticsearch_url, index=index_name).write(batch_of(document))
    assert isinstance(verdict.error, Misconfigured)
    assert "document_id: none" in str(verdict.error)


def test_a_probe_tries_a_write_and_leaves_no_document(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    client.indices.create(index=index_name)
    sink_at(elasticsearch_url, index=index_name).probe()
    sink_at(elasticsearch_url, index=index_name, document_id="none").probe()
    assert stored(client, index_name) == {}


def test_a_probe_finds_a_blocked_index_and_a_missing_pipeline(
    client: Elasticsearch, elasticsearch_url: str, index_name: str
) -> None:
    client.indices.create(index=index_name)
    with pytest.raises(Misconfigured, match="pipeline"):
        sink_at(elasticsearch_url, index=index_name, pipeline="nowhere").probe()
    client.indices.put_settings(index=index_name, settings={"index.blocks.write": True})
    with pytest.raises(Misconfigured, match="blocked"):
        sink_at(elasticsearch_url, index=index_name).probe()


def wide(sink: Any, **settings: Any) -> Any:
    """The verdict on a line with more fields than an index may have."""
    line = "{" + ",".join(f'"f{number}":"x"' for number in range(1200)) + "}"
    return sink.write(Batch([stages(**settings).documents(chunk([line]))[2]]))


@pytest.mark.elasticsearch
def test_a_line_with_more_fields_than_an_index_may_have_is_stored(elasticsearch_url: str, index_name: str) -> None:
    sink = ElasticsearchSink(ElasticsearchSettings.from_url(f"{elasticsearch_url}/{index_name}"))
    sink.open()
    try:
        assert len(wide(sink, max_fields=2000).rejected) == 1
        assert len(wide(sink).stored) == 1
    finally:
        sink.close()
