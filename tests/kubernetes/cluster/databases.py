"""The databases on the node, as Services that Pods reach by name, and what they have stored."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Protocol

from pymongo import MongoClient

from tests.kubernetes.cluster.cluster import ADDRESS, Object

PAGE = 10_000
"""Documents that Elasticsearch returns at once."""


class Database(Protocol):
    """Where a sidecar stores lines, in a place of their own for each test."""

    service: str
    port: int

    def sink(self, place: str, host: str) -> Object:
        """The settings of a sink that reaches it under the name `host`."""
        ...

    def count(self, place: str) -> int:
        """How many lines are stored in a place. It costs the server less than their numbers."""
        ...

    def numbers(self, place: str) -> list[int]:
        """The numbers of the lines that are stored in a place, each as often as it is."""
        ...


class Elasticsearch:
    """The real one; a place is an index."""

    service, port = "elasticsearch", 9200

    def __init__(self, url: str) -> None:
        self.url = url

    def sink(self, place: str, host: str) -> Object:
        """The settings of a sink for an index."""
        return {"type": "elasticsearch", "url": f"elasticsearch://{host}:{self.port}/{place}"}

    def warm_up(self) -> None:
        """Store some thousand documents, because a new server takes seconds for its first ones."""
        items = "".join(f'{{"index":{{}}}}\n{{"number":{n},"message":"order {n} accepted"}}\n' for n in range(200))
        headers = {"Content-Type": "application/x-ndjson"}
        for _ in range(20):
            request = urllib.request.Request(f"{self.url}/warm/_bulk", items.encode(), headers)
            urllib.request.urlopen(request, timeout=60).close()

    def count(self, place: str) -> int:
        """The number of documents of the index; 0 before there is one."""
        if not self._refresh(place):
            return 0
        return int(self._ask(f"{place}/_count")["count"])

    def numbers(self, place: str) -> list[int]:
        """What is found in the index; nothing before there is one."""
        return sorted(document["number"] for document in self.documents(place))

    def documents(self, index: str) -> list[dict[str, Any]]:
        """All documents of an index; none before there is one."""
        if not self._refresh(index):
            return []
        answer = self._ask(f"{index}/_search?size={PAGE}&scroll=1m")
        found: list[dict[str, Any]] = []
        while hits := answer["hits"]["hits"]:
            found += [hit["_source"] for hit in hits]
            if len(hits) < PAGE:
                break
            answer = self._ask(f"_search/scroll?scroll=1m&scroll_id={answer['_scroll_id']}")
        self._ask(f"_search/scroll?scroll_id={answer['_scroll_id']}", method="DELETE")
        return found

    def _refresh(self, index: str) -> bool:
        """Make the last documents visible. False if there is no index yet."""
        try:
            self._ask(f"{index}/_refresh")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def _ask(self, path: str, method: str = "GET") -> Any:
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/{path}", method=method), timeout=30
        ) as answer:
            return json.load(answer)


class MongoDB:
    """A server that speaks its protocol; a place is a database."""

    service, port = "mongodb", 27017

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def sink(self, place: str, host: str) -> Object:
        """The settings of a sink for the collection `app` of a database."""
        return {"type": "mongodb", "url": f"mongodb://{host}:{self.port}", "database": place, "collection": "app"}

    def count(self, place: str) -> int:
        """The number of documents of the collection."""
        with MongoClient[Object](self._uri, directConnection=True) as client:
            return client[place]["app"].count_documents({})

    def numbers(self, place: str) -> list[int]:
        """What is found in the collection."""
        return sorted(item["number"] for item in self.documents(place, "app"))

    def documents(self, database: str, collection: str) -> list[Object]:
        """All documents of a collection."""
        with MongoClient[Object](self._uri, directConnection=True) as client:
            return list(client[database][collection].find())


def service(database: Database) -> Object:
    """A Service for the database; nobody answers behind it before `endpoint` is applied."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": database.service},
        "spec": {"ports": [{"port": database.port}]},
    }


def endpoint(database: Database) -> Object:
    """What makes the database answer behind its Service."""
    return endpoint_of(database.service, database.port)


def endpoint_of(name: str, port: int) -> Object:
    """What makes a port of the node answer behind a Service."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": port}],
        "endpoints": [{"addresses": [ADDRESS]}],
    }
