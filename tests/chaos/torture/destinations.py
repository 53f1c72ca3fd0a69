"""Where the torture ships to, and how it is read back: SQLite, or a real server of each kind."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from pymongo import MongoClient

from tests.chaos.torture.comparison import Piece
from tests.chaos.torture.lines import MAX_LINE
from tests.chaos.torture.proxy import Chances, Proxy
from tests.support.kafka_topics import create_topic, read_topic


class Destination(Protocol):
    """One sink of the configuration. `proxy` is None where nothing can come between."""

    proxy: Proxy | None

    @property
    def url(self) -> str: ...

    def pieces(self) -> Iterator[Piece]: ...


class Sqlite:
    """The embedded database."""

    proxy: Proxy | None = None

    def __init__(self, folder: Path) -> None:
        self._path = folder / "logs.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self._path}"

    def pieces(self) -> Iterator[Piece]:
        with closing(sqlite3.connect(self._path)) as db:
            for name, document in db.execute("SELECT id, document FROM logs"):
                yield Piece.of(name, json.loads(document))


class Elasticsearch:
    """A real Elasticsearch behind the proxy; read back past it."""

    def __init__(self, url: str, index: str, proxy: Proxy) -> None:
        self.proxy: Proxy | None = proxy
        self._server, self._index, self._port = url.rstrip("/"), index, proxy.port
        self._ask("PUT", f"/{index}", {"mappings": {"dynamic": False}, "settings": {"number_of_replicas": 0}})

    @property
    def url(self) -> str:
        return f"elasticsearch://127.0.0.1:{self._port}/{self._index}"

    def pieces(self) -> Iterator[Piece]:
        self._ask("POST", f"/{self._index}/_refresh")
        query = {"size": 2000, "sort": ["_doc"]}
        page = self._ask("POST", f"/{self._index}/_search?scroll=5m", query)
        while hits := page["hits"]["hits"]:
            for hit in hits:
                yield Piece.of(hit["_id"], hit["_source"])
            page = self._ask("POST", "/_search/scroll", {"scroll": "5m", "scroll_id": page["_scroll_id"]})
        self._ask("DELETE", f"/{self._index}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._server + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


class Mongodb:
    """A server that speaks MongoDB's protocol, behind the proxy; read back past it."""

    def __init__(self, uri: str, database: str, proxy: Proxy) -> None:
        self.proxy: Proxy | None = proxy
        self._uri, self._database, self._port = uri, database, proxy.port

    @property
    def url(self) -> str:
        options = "directConnection=true&serverSelectionTimeoutMS=2000&collection=app"
        return f"mongodb://127.0.0.1:{self._port}/{self._database}?{options}"

    def pieces(self) -> Iterator[Piece]:
        with MongoClient[dict[str, Any]](self._uri) as client:
            for document in client[self._database]["app"].find():
                yield Piece.of(document["_id"], document)
            client.drop_database(self._database)


class Kafka:
    """A real broker behind the proxy; read back past it, as a consumer of committed transactions does."""

    def __init__(self, broker: str, topic: str, proxy: Proxy) -> None:
        self.proxy: Proxy | None = proxy
        self._broker, self._topic, self._port = broker, topic, proxy.port
        create_topic(broker, topic, 3, max_message_bytes=str(4 * MAX_LINE))

    @property
    def url(self) -> str:
        return f"kafka://127.0.0.1:{self._port}/{self._topic}"

    def pieces(self) -> Iterator[Piece]:
        for name, value in read_topic(self._broker, self._topic):
            yield Piece.of(name, json.loads(value))


def behind(stack: ExitStack, url: str, seed: int, chances: Chances, *, http: bool, port: int = 0) -> Proxy:
    """A proxy before the server at `url`, on this port or any free one."""
    parts = urlsplit(url)
    upstream = parts.hostname or "127.0.0.1", parts.port or 0
    return stack.enter_context(Proxy(upstream, seed, http, chances, port=port))
