"""What every search server has to pass: the kit for sinks, the name in `check`, a refused document, one journey."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import Misconfigured, Retryable
from sidecar.sinks import registry
from sidecar.testing import SinkConformance, UnderTest, batch_of, numbered
from tests.support.cleanup import close_after_test
from tests.support.data_streams import LosingGateway, count, make_streams, roll_over
from tests.support.journeys import elasticsearch, travel
from tests.support.processes import sidecar
from tests.support.refusals import REFUSED_BY_SEARCH_SERVERS, check_result, deliver, refused_by
from tests.support.search_requests import call
from tests.support.servers.elasticsearch_proxy import opened
from tests.support.servers.java_servers import SERVERS

_HALF_OF_TOO_MANY_BYTES = 28 << 20
"""Half of the size of a document that needs more than the tenth of the heap that a server has for indexing."""

_MAPPING = {"mappings": {"properties": {"number": {"type": "long"}, "at": {"type": "ip"}}}}


class SearchServerTests(SinkConformance):
    """Subclasses say which server, and by which scheme it is addressed."""

    server: ClassVar[str]
    scheme: ClassVar[str]
    shown: ClassVar[str]
    """What `check` says that it is. Elasticsearch without its distribution does not tell its version."""

    @pytest.fixture(scope="class")
    @classmethod
    def server_url(cls) -> Iterator[str]:
        """The URL of the server, which runs as long as the tests of the class."""
        with SERVERS[cls.server].running() as url:
            yield url

    @pytest.fixture
    def sink_url(self, server_url: str, index_name: str) -> str:
        call("PUT", f"{server_url}/{index_name}", _MAPPING)
        return f"{self.scheme}://{server_url.removeprefix('http://')}/{index_name}"

    @pytest.fixture
    def under_test(self, server_url: str, sink_url: str, index_name: str) -> UnderTest:
        def stored() -> Mapping[Any, Mapping[str, Any]]:
            call("POST", f"{server_url}/{index_name}/_refresh")
            found = call("GET", f"{server_url}/{index_name}/_search?size=1000")
            return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}

        refused = '{"@timestamp":"2026-11-23T01:00:00Z","number":"not a number"}'
        return UnderTest(lambda: registry.create_sink(registry.settings_for(sink_url)), stored, refused=refused)

    def test_check_names_product_and_version(self, sink_url: str, tmp_path: Path) -> None:
        done = sidecar("check", f"{tmp_path}/*.log", "--to", sink_url, "--connect")
        assert f"accepts documents ({self.shown})" in done.stdout, done.stderr

    @pytest.mark.parametrize(
        "document",
        [
            '{"number":{"a":1}}',
            '{"at":"no address"}',
            '{"number":1,"number":2}',
            '{"a":1,"a.b":2}',
            '{"":1}',
            json.dumps({f"field{n}": n for n in range(1001)}),
            '{"a":' * 25 + "1" + "}" * 25,
        ],
        ids=["object for number", "ip", "name twice", "object and value", "empty name", "many fields", "depth"],
    )
    def test_a_document_that_does_not_fit_the_index_is_rejected_alone(self, sink_url: str, document: str) -> None:
        sink = registry.create_sink(registry.settings_for(sink_url))
        result = sink.write(batch_of(['{"number":1}', document, '{"number":3}']))
        assert (sorted(result.stored), [each.index for each in result.rejected]) == ([0, 2], [1]), result
        sink.close()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize the test of refusals with the kinds that this server refuses."""
        if "refused_kind" in metafunc.fixturenames:
            metafunc.parametrize("refused_kind", refused_by(metafunc.cls.server))

    def test_a_refused_document_is_a_dead_letter_and_is_not_quoted(
        self, refused_kind: str, server_url: str, index_name: str
    ) -> None:
        mappings, settings, document = REFUSED_BY_SEARCH_SERVERS[refused_kind]
        index = f"{server_url}/{index_name}"
        call("PUT", index, {"mappings": mappings, "settings": {"index": settings}})
        try:
            host = server_url.removeprefix("http://")
            check_result(
                deliver(registry.create_sink(registry.settings_for(f"{self.scheme}://{host}/{index_name}")), document)
            )
        finally:
            call("DELETE", index)  # each index takes memory and files of the server

    def test_values_of_any_kind_fit_the_template_of_setup(
        self, server_url: str, index_name: str, tmp_path: Path
    ) -> None:
        setup = {"pipeline": {"description": "changes nothing", "processors": []}}
        given = {"type": self.scheme, "hosts": [server_url], "index": index_name, "pipeline": index_name}
        pipelines = {"app": {"paths": [f"{tmp_path}/*.log"]}}
        config = tmp_path / "sidecar.json"
        config.write_text(json.dumps({"sinks": {"search": {**given, "setup": setup}}, "pipelines": pipelines}))
        done = sidecar("setup", "--config", str(config), "--yes")
        assert done.stdout.count(": created") == 2, done.stderr
        assert sidecar("setup", "--config", str(config)).stdout.count("is as wanted") == 2
        values = ("1", "1.5", "9223372036854775808", "1e300", '"text"', "true")
        documents = ['{"whole":1,"fraction":1.5}', *(f'{{"whole":{value},"fraction":{value}}}' for value in values)]
        sink = close_after_test(registry.create_sink(registry.settings_for(given)))
        result = sink.write(batch_of(documents))
        assert result.stored == range(len(documents)), result.rejected
        call("POST", f"{server_url}/{index_name}/_refresh")
        found = call("GET", f"{server_url}/{index_name}/_search?q=fraction:%3E1e299")
        assert found["hits"]["total"]["value"] == 1

    def test_setup_of_a_data_stream_works_or_names_what_the_server_lacks(
        self, server_url: str, index_name: str, tmp_path: Path
    ) -> None:
        dataset = index_name.removeprefix("test-")
        given = {"type": self.scheme, "hosts": [server_url], "data_stream": {"dataset": dataset}}
        sink = {**given, "require_data_stream": self.scheme == "elasticsearch", "setup": {"retention": "30d"}}
        config = tmp_path / "sidecar.json"
        pipelines = {"app": {"paths": [f"{tmp_path}/*.log"], "parser": "json"}}
        config.write_text(
            json.dumps({"state_dir": f"{tmp_path}/state", "sinks": {"s": sink}, "pipelines": pipelines})
        )
        done = sidecar("setup", "--config", str(config), "--yes")
        if self.scheme == "opensearch":  # it is one of the plug-ins that are not on Maven Central
            assert (done.returncode, "cannot read /_plugins/_ism/policies/" in done.stderr) == (2, True), done.stderr
            return
        assert (done.returncode, done.stdout.count(": created")) == (0, 1), done.stderr
        assert sidecar("setup", "--config", str(config)).stdout.count("is as wanted") == 1
        (tmp_path / "app.log").write_text('{"n":1}\n')
        assert sidecar("run", "--config", str(config), "--once").returncode == 0
        state = call("GET", f"{server_url}/_cluster/state/metadata?filter_path=metadata.data_stream")
        stream = state["metadata"]["data_stream"]["data_stream"][f"logs-{dataset}-default"]
        assert (stream["lifecycle"]["enabled"], stream["lifecycle"]["data_retention"]) == (True, "30d")

    def test_requests_that_map_a_new_field_at_once_lose_no_document(self, server_url: str, sink_url: str) -> None:
        sink = close_after_test(registry.create_sink(registry.settings_for(sink_url)))
        with ThreadPoolExecutor(4) as pool:
            for number in range(20):
                fields = [f'{{"field{number}":{value}}}' for value in ("1", "1.5", '"2"', "2.5")]
                batches = [batch_of([field], first=1000 * number + 100 * n) for n, field in enumerate(fields)]
                assert [result.rejected for result in pool.map(sink.write, batches) if result.rejected] == []

    def test_a_blocked_index_is_an_error_of_the_sink(self, server_url: str, sink_url: str, index_name: str) -> None:
        call("PUT", f"{server_url}/{index_name}/_settings", {"index.blocks.write": True})
        sink = registry.create_sink(registry.settings_for(sink_url))
        with pytest.raises(Misconfigured, match="block"):
            sink.probe()
        sink.close()

    def test_a_document_that_needs_more_memory_than_the_server_has_for_indexing_is_a_dead_letter(
        self, sink_url: str
    ) -> None:
        large = json.dumps({"text": "x " * _HALF_OF_TOO_MANY_BYTES})
        delivered = deliver(registry.create_sink(registry.settings_for(sink_url)), large)
        assert {i: (each.kind, each.status) for i, each in delivered.rejected.items()} == {1: ("too_large", 429)}
        assert (delivered.postponed, delivered.error) == ({}, None)

    def test_an_index_that_has_lost_a_shard_holds_back_no_other(self, server_url: str, index_name: str) -> None:
        lost = {"number_of_shards": 2, "number_of_replicas": 0, "routing.allocation.total_shards_per_node": 1}
        call("PUT", f"{server_url}/{index_name}-good")
        call("PUT", f"{server_url}/{index_name}-lost?wait_for_active_shards=0", {"settings": {"index": lost}})
        settings = {"type": self.scheme, "hosts": [server_url], "index": f"{index_name}-{{k:none}}", "timeout": 3}
        sink = close_after_test(registry.create_sink(registry.settings_for(settings)))
        batch = batch_of([json.dumps({"k": ("good", "lost")[n % 2]}) for n in range(40)])
        delivered = RetryingWriter(sink, threading.Event()).deliver(batch)
        assert (delivered.rejected, delivered.error, delivered.attempts) == ({}, None, 1)
        assert 0 < len(delivered.postponed) < 20, "one of two shards stores its documents"
        assert set(delivered.postponed.values()) == {f"{index_name}-lost"} == set(delivered.reasons)

    def test_ids_stay_once_across_a_rollover(self, server_url: str, index_name: str) -> None:
        stream = f"logs-{index_name[5:]}-default"
        make_streams(server_url, stream)
        with opened(LosingGateway(server_url, losses=1)) as gateway:
            host = f"http://127.0.0.1:{gateway.port}"
            settings = {"type": "elasticsearch", "hosts": [host], "data_stream": {"dataset": index_name[5:]}}
            sink = registry.create_sink(registry.settings_for(settings))
            batch = numbered(10)
            with pytest.raises(Retryable, match="504"):
                sink.write(batch)
            roll_over(server_url, stream)
            assert sink.write(batch).duplicates == 10
            sink.close()
        assert count(server_url, stream) == 10

    def test_every_line_is_stored_once_over_rotation_kill_truncation_and_restart(
        self, server_url: str, index_name: str, tmp_path: Path
    ) -> None:
        travel(tmp_path, elasticsearch(server_url, index_name, self.scheme))
