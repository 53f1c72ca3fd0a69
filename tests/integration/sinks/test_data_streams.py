"""Data streams, and documents that choose their pipeline and routing, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from sidecar.errors import Retryable
from sidecar.model.batch import Batch
from sidecar.model.file import Generation
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.testing import ManualClock
from tests.support.builders.batches import batch_of, generation
from tests.support.cleanup import close_after_test
from tests.support.data_streams import LosingGateway, count, make_streams, roll_over, sources
from tests.support.processes import eventually, running, sidecar
from tests.support.search_requests import call
from tests.support.servers.elasticsearch_proxy import opened

pytestmark = pytest.mark.elasticsearch
NOW = 1_795_395_600.0
PAGE = b"<html>"


@pytest.fixture
def gateway(elasticsearch_url: str) -> Iterator[LosingGateway]:
    gateway = LosingGateway(elasticsearch_url)
    with opened(gateway):
        yield gateway


@pytest.fixture
def dataset(elasticsearch_url: str, index_name: str) -> str:
    """A dataset that no other test uses. All of its names are data streams."""
    name = index_name.removeprefix("test-")
    make_streams(elasticsearch_url, f"logs-{name}*-*")
    return name


def sink_at(url: str, clock: ManualClock | None = None, **settings: Any) -> ElasticsearchSink:
    parsed = ElasticsearchSettings.model_validate({"hosts": [url], **settings})
    sink = close_after_test(ElasticsearchSink(parsed, clock or ManualClock(NOW)))
    sink.open()
    return sink


def at(gateway: LosingGateway) -> str:
    return f"http://127.0.0.1:{gateway.port}"


def lines(life: Generation, numbers: int = 10) -> Batch:
    return batch_of(*(f'{{"@timestamp":"2026-11-28T01:00:00Z","n":{n}}}' for n in range(numbers)), of=life)


def new_file() -> Generation:
    """Return a file that the process itself has discovered."""
    return generation(born=NOW + 1)


def test_without_a_failure_no_id_is_looked_up(gateway: LosingGateway, dataset: str) -> None:
    sink = sink_at(at(gateway), data_stream={"dataset": dataset})
    for _ in range(3):
        sink.write(lines(new_file()))
    assert gateway.paths() == ["_bulk"] * 3


def test_ids_are_looked_up_once_after_a_lost_answer_and_only_what_is_missing_is_sent(
    gateway: LosingGateway, elasticsearch_url: str, dataset: str
) -> None:
    sink, life = sink_at(at(gateway), data_stream={"dataset": dataset}), new_file()
    gateway.losses = 1
    with pytest.raises(Retryable):
        sink.write(lines(life, 10))
    roll_over(elasticsearch_url, f"logs-{dataset}-default")
    result = sink.write(lines(life, 15))
    assert (sorted(result.stored), result.duplicates) == (list(range(15)), 10)
    assert sink.write(lines(new_file())).duplicates == 0
    assert gateway.paths() == ["_bulk", "_refresh", "_search", "_bulk", "_bulk"]
    assert count(elasticsearch_url, f"logs-{dataset}-default") == 25


def test_a_look_up_that_fails_is_repeated_before_the_documents_are_sent(
    gateway: LosingGateway, elasticsearch_url: str, dataset: str
) -> None:
    sink, life = sink_at(at(gateway), data_stream={"dataset": dataset}), new_file()
    gateway.losses = 1
    with pytest.raises(Retryable):
        sink.write(lines(life))
    roll_over(elasticsearch_url, f"logs-{dataset}-default")
    gateway.answer(503)
    with pytest.raises(Retryable):
        sink.write(lines(life))
    assert sink.write(lines(life)).duplicates == 10
    assert count(elasticsearch_url, f"logs-{dataset}-default") == 10


def test_documents_that_were_not_stored_are_sent(
    gateway: LosingGateway, elasticsearch_url: str, dataset: str
) -> None:
    sink, life = sink_at(at(gateway), data_stream={"dataset": dataset}), new_file()
    gateway.answer(502, PAGE, {"Content-Type": "text/html"})
    with pytest.raises(Retryable):
        sink.write(lines(life))
    assert sink.write(lines(life)).duplicates == 0
    assert count(elasticsearch_url, f"logs-{dataset}-default") == 10


def test_a_probe_warns_of_a_stream_whose_ids_are_not_looked_up(elasticsearch_url: str, dataset: str) -> None:
    stream, alias = f"logs-{dataset}-default", f"{dataset}-alias"
    for name in ("a", "b"):
        call("PUT", f"{elasticsearch_url}/{dataset}-{name}", {"aliases": {alias: {"is_write_index": name == "b"}}})

    def warnings(**settings: Any) -> int:
        return len(sink_at(elasticsearch_url, **settings).probe().warnings)

    assert [warnings(index=stream), warnings(index=alias), warnings(index=f"{dataset}-a")] == [1, 1, 0]
    assert [warnings(index=stream, look_up_sent=given) for given in (True, False)] == [0, 0]
    assert [warnings(index=stream, document_id="none"), warnings(data_stream={"dataset": dataset})] == [0, 0]


def test_a_restarted_process_looks_up_what_the_one_before_may_have_sent(
    gateway: LosingGateway, elasticsearch_url: str, dataset: str
) -> None:
    stream, life = {"dataset": dataset}, new_file()
    sink_at(elasticsearch_url, data_stream=stream).write(lines(life, 10))
    roll_over(elasticsearch_url, f"logs-{dataset}-default")
    sink = sink_at(at(gateway), ManualClock(NOW + 60), data_stream=stream)
    assert sink.write(lines(life, 20)).duplicates == 10
    assert count(elasticsearch_url, f"logs-{dataset}-default") == 20


def test_a_process_that_was_killed_stores_no_line_twice_across_a_rollover(
    elasticsearch_url: str, dataset: str, tmp_path: Path
) -> None:
    stream = f"logs-{dataset}-default"
    (tmp_path / "app.log").write_text("".join(f'{{"n":{n}}}\n' for n in range(3000)))
    sink = {"type": "elasticsearch", "hosts": [elasticsearch_url], "data_stream": {"dataset": dataset}}
    pipelines = {"app": {"paths": [f"{tmp_path}/app.log"], "parser": "json"}}
    settings = {"sinks": {"search": {**sink, "batch_records": 100}}, "pipelines": pipelines}
    (tmp_path / "sidecar.yaml").write_text(json.dumps({**settings, "state_dir": f"{tmp_path}/state"}))
    arguments = ("--config", f"{tmp_path}/sidecar.yaml")
    with running(tmp_path / "own.log", *arguments) as process:
        eventually(lambda: is_stored(elasticsearch_url, stream), "documents are stored")
        process.kill()
        process.wait()
    roll_over(elasticsearch_url, stream)
    done = sidecar("run", *arguments, "--once")
    assert done.returncode == 0, done.stderr
    assert count(elasticsearch_url, stream) == 3000


def is_stored(url: str, stream: str) -> bool:
    try:
        return count(url, stream) > 0
    except HTTPError as error:  # there is no stream yet
        error.close()
        return False


def test_the_look_up_can_be_turned_off_and_on(gateway: LosingGateway, elasticsearch_url: str, dataset: str) -> None:
    name = f"logs-{dataset}-default"
    switched: list[dict[str, Any]] = [
        {"data_stream": {"dataset": dataset}, "look_up_sent": False},
        {"index": name},
        {"index": name, "look_up_sent": True},
    ]
    for number, settings in enumerate(switched):
        sink, life = sink_at(at(gateway), **settings), new_file()
        gateway.losses = 1
        with pytest.raises(Retryable):
            sink.write(lines(life))
        roll_over(elasticsearch_url, name)
        sink.write(lines(life))
        assert count(elasticsearch_url, name) == [20, 40, 50][number]


def test_a_document_goes_to_the_stream_of_its_fields_and_says_so(elasticsearch_url: str, dataset: str) -> None:
    stream = {"dataset": f"{dataset}{{service.name:none}}", "namespace": "{data_stream.namespace:default}"}
    documents = [
        '{"@timestamp":"2026-11-28T01:00:00Z","n":1,"service":{"name":".My-Shop"}}',
        '{"@timestamp":"2026-11-28T01:00:00Z","n":2,"data_stream":{"namespace":"prod","dataset":"x"}}',
        '{"@timestamp":"2026-11-28T01:00:00Z","n":3,"data_stream.type":"logs"}',
        '{"@timestamp":"2026-11-28T01:00:00Z","n":4,"data_stream":"text"}',
    ]
    result = sink_at(elasticsearch_url, data_stream=stream).write(batch_of(*documents))
    assert sorted(result.stored) == [0, 1, 2, 3], result
    shop = {"type": "logs", "dataset": f"{dataset}.my_shop", "namespace": "default"}
    [first] = sources(elasticsearch_url, f"logs-{dataset}.my_shop-default")
    assert first["data_stream"] == shop
    [second] = sources(elasticsearch_url, f"logs-{dataset}none-prod")
    assert second["data_stream"] == {"type": "logs", "dataset": f"{dataset}none", "namespace": "prod"}
    assert second["original"] == {"data_stream": {"dataset": "x"}}
    rest = sorted(sources(elasticsearch_url, f"logs-{dataset}none-default"), key=lambda found: found["n"])
    assert [found["data_stream"]["dataset"] for found in rest] == [f"{dataset}none"] * 2
    assert [found.get("original") for found in rest] == [None, {"data_stream": "text"}]


@pytest.mark.parametrize("flag", ["require_alias", "require_data_stream"])
def test_a_name_that_is_no_alias_and_no_stream_is_not_created(
    elasticsearch_url: str, index_name: str, flag: str
) -> None:
    required: dict[str, Any] = {flag: True}
    result = sink_at(elasticsearch_url, index=index_name, **required).write(batch_of('{"n":1}'))
    assert not result.stored
    assert not result.rejected
    assert "sidecar setup" in str(result.error)
    assert index_name not in call("GET", f"{elasticsearch_url}/_mapping")


def test_an_alias_and_a_stream_satisfy_the_requirement(elasticsearch_url: str, index_name: str, dataset: str) -> None:
    call("PUT", f"{elasticsearch_url}/{index_name}-1", {"aliases": {index_name: {"is_write_index": True}}})
    sink = sink_at(elasticsearch_url, index=index_name, require_alias=True)
    assert sink.write(batch_of('{"n":1}')).stored == range(1)
    sink = sink_at(elasticsearch_url, data_stream={"dataset": dataset}, require_data_stream=True)
    assert sink.write(lines(new_file(), 1)).stored == range(1)


def test_a_field_chooses_the_pipeline_of_a_document(elasticsearch_url: str, index_name: str) -> None:
    sink = sink_at(elasticsearch_url, index=index_name, pipeline="{pipeline}")
    result = sink.write(batch_of('{"n":1}', '{"n":2,"pipeline":"s3cret"}', '{"n":3}'))
    assert sorted(result.stored) == [0, 2]
    [rejection] = result.rejected
    assert rejection.index == 1
    assert "does not exist" in rejection.reason
    assert "s3cret" not in rejection.reason


def test_a_field_chooses_the_shard_of_a_document(elasticsearch_url: str, index_name: str) -> None:
    call("PUT", f"{elasticsearch_url}/{index_name}", {"settings": {"index": {"number_of_shards": 2}}})
    documents = [json.dumps({"n": n, "tenant": {"id": 'a "b"'}}) for n in range(5)]
    sink = sink_at(elasticsearch_url, index=index_name, routing="{tenant.id}")
    assert sink.write(batch_of(*documents, '{"n":5}')).stored == range(6)
    call("POST", f"{elasticsearch_url}/{index_name}/_refresh")
    hits = call("GET", f"{elasticsearch_url}/{index_name}/_search")["hits"]["hits"]
    assert sorted((hit["_source"]["n"], hit.get("_routing")) for hit in hits) == [
        *((n, 'a "b"') for n in range(5)), (5, None),
    ]  # fmt: skip
