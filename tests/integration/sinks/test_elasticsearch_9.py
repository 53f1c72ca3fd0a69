"""The sink against the real Elasticsearch 9, in a file of its own: other workers test other servers meanwhile."""

import pytest

from tests.support.search_server import SearchServerTests


@pytest.mark.servers
class TestElasticsearch9(SearchServerTests):
    server = "elasticsearch9"
    scheme = "elasticsearch"
    shown = "Elasticsearch"
