"""The sink against the real OpenSearch 2, in a file of its own: other workers test other servers meanwhile."""

import pytest

from tests.support.search_server import SearchServerTests


@pytest.mark.servers
class TestOpenSearch2(SearchServerTests):
    server = "opensearch2"
    scheme = "opensearch"
    shown = "OpenSearch 2.19.3"
