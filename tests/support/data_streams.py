"""Data streams on a real server, and a gateway that loses answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.search_requests import call
from tests.support.servers.elasticsearch_proxy import JSON, ElasticsearchProxy, Request


@dataclass
class LosingGateway(ElasticsearchProxy):
    """Passes each request on, and answers the next `losses` bulk requests with 504 although the server has executed
    them.
    """

    losses: int = 0

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        answer = super().reply(request)
        if "/_bulk" in request.path and self.losses:
            self.losses -= 1
            return 504, b"{}", JSON
        return answer

    def paths(self) -> list[str]:
        """Return the last part of the path of each request."""
        return [request.path.partition("?")[0].rpartition("/")[2] for request in self.requests]


def make_streams(url: str, pattern: str) -> None:
    """Make each name that matches the pattern a data stream."""
    template = {"index_patterns": [pattern], "data_stream": {}, "priority": 500}
    call("PUT", f"{url}/_index_template/{pattern.replace('*', 'x')}", template)


def roll_over(url: str, stream: str) -> None:
    """Give the stream a new index to write to."""
    assert call("POST", f"{url}/{stream}/_rollover")["rolled_over"]


def count(url: str, stream: str) -> int:
    """Return the number of documents in all indexes of the stream."""
    call("POST", f"{url}/{stream}/_refresh")
    return int(call("GET", f"{url}/{stream}/_count")["count"])


def sources(url: str, name: str) -> list[Any]:
    """Return the documents of all indexes that match the name."""
    call("POST", f"{url}/{name}/_refresh")
    return [hit["_source"] for hit in call("GET", f"{url}/{name}/_search?size=1000")["hits"]["hits"]]
