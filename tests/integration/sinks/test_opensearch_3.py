"""The sink against the real OpenSearch 3, in a file of its own: other workers test other servers meanwhile."""

import pytest

from tests.support.search_server import SearchServerTests


@pytest.mark.servers
class TestOpenSearch3(SearchServerTests):
    server = "opensearch3"
    scheme = "opensearch"
    shown = "OpenSearch 3.2.0"
