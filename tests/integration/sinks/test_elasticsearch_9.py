"""The sink against the real Elasticsearch 9, in a file of its own: other workers test other servers meanwhile."""

import json

import pytest

from sidecar.sinks import registry
from tests.support.refusals import deliver
from tests.support.search_server import SearchServerTests


@pytest.mark.servers
class TestElasticsearch9(SearchServerTests):
    server = "elasticsearch9"
    scheme = "elasticsearch"
    shown = "Elasticsearch"

    def test_a_document_for_which_a_shard_needs_too_much_memory_is_a_dead_letter(self, sink_url: str) -> None:
        # The server estimates four times the size of the document.
        delivered = deliver(
            registry.create_sink(registry.settings_for(sink_url)), json.dumps({"text": "x" * (20 << 20)})
        )
        assert {i: (each.kind, each.status) for i, each in delivered.rejected.items()} == {1: ("too_large", 429)}
        assert (delivered.postponed, delivered.error) == ({}, None)
