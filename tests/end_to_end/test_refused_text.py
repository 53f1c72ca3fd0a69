"""A whole sidecar quotes no document that a server refuses: not in its log, its status, its metrics or its page."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.chaos.hostile.servers import serving
from tests.chaos.hostile.test_mongodb_servers import Command, judges, speaking
from tests.integration.sinks.test_elasticsearch_faults import ABOUT_A_DOCUMENT
from tests.support.processes import ended, eventually, running, sidecar
from tests.support.refusals import REFUSED_BY_SEARCH_SERVERS, SECRET, refused_by
from tests.support.search_requests import call
from tests.support.servers.elasticsearch_proxy import JSON, ElasticsearchProxy, Request, opened
from tests.support.servers.real_elasticsearch import free_port, server_name

ADDED = {
    "@timestamp": {"type": "date"}, "k": {"type": "keyword"},
    **{name: {"type": "object", "enabled": False} for name in ("log", "host", "event", "original")},
}  # fmt: skip
"""Mappings of the fields that the sidecar adds, so that an index refuses documents for the reason of its kind."""

NOT_SENT = {"a metadata field", "no JSON", "text after the document"}
"""Kinds that the sidecar never sends: it renames such a field, and takes such a line for plain text."""

MAX_EVENTS_OF_A_CAUSE = 10
"""Number of events of a pipeline that are written each minute."""

MONGODB_REASONS = {
    2: "invalid key: '{}'", 52: "Document can't have $ prefixed field names: {}",
    121: "Document failed validation", 171: "cannot index parallel arrays [{}] [{}]",
    4711: "{}", 13027: "point not in interval of [ -180, 180 ] :: caused by :: { x: {} }",
    16328: "document is larger than capped size 20292 > 4096: {}", 16572: "Can't extract geo keys: { f: \"{}\" }",
    16755: "Can't extract geo keys: type: { type: \"{}\" }", 16766: "no hashed index of {}",
    17261: "language must be a string: {}", 17262: "language override unsupported: {}",
    17280: "WiredTigerIndex::insert: key too large to index, failing  1030 { : \"{}...\" }",
}  # fmt: skip
"""Code → reason of a server, with {} for text of the document."""


class ScriptedSearchServer(ElasticsearchProxy):
    """Refuses the documents with the secret, each for the reason that its field `kind` names."""

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        self.requests.append(request)
        documents = map(json.loads, request.body.splitlines()[1::2])
        return (
            200,
            json.dumps({"errors": True, "items": [{"create": self._item(each)} for each in documents]}).encode(),
            JSON,
        )

    def _item(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        if "text" not in document:
            return {"status": 201}
        status, kind, reason = ABOUT_A_DOCUMENT[document["kind"]]
        return {"status": status, "error": {"type": kind, "reason": reason.replace("{}", SECRET)}}


def refuse_coded(asked: Command) -> Command:
    """Answer an insert: refuse the documents with a field `code` with this code, and store the others."""
    errors = [
        {"index": index, "code": document["code"], "errInfo": {"failingDocumentId": SECRET},
         "errmsg": MONGODB_REASONS[document["code"]].replace("{}", SECRET)}
        for index, document in enumerate(asked["documents"]) if "code" in document
    ]  # fmt: skip
    return {"ok": 1, "n": len(asked["documents"]) - len(errors), "writeErrors": errors}


def three(document: str, more: str = "") -> list[str]:
    """Return the lines of a document between two that are stored. `more`: members of all of them, with a comma."""
    good = f"{{{more.rstrip(',')}}}"
    return [good, f"{{{more}{document[1:]}", good]


def make_indexes(url: str, prefix: str) -> Iterator[list[str]]:
    """Make an index for each kind that a real server refuses. Yield the lines of each kind."""
    for number, kind in enumerate(refused_by(server_name)):
        mappings, settings, document = REFUSED_BY_SEARCH_SERVERS[kind]
        if kind not in NOT_SENT:
            limit = settings.get("mapping.total_fields.limit", 1000 - len(ADDED)) + len(ADDED)
            body = {
                "mappings": {**mappings, "properties": {**ADDED, **mappings.get("properties", {})}},
                "settings": {"index": {**settings, "mapping.total_fields.limit": limit}},
            }
            call("PUT", f"{url}/{prefix}-{number}", body)
            yield three(document, f'"k":"{number}",')


def make_collections(uri: str, database: str) -> Iterator[list[str]]:
    """Make collections that refuse documents. Yield the lines of each."""
    with MongoClient[dict[str, Any]](uri) as client:
        client[database].create_collection("app-valid", validator={"f": {"$in": [None, 1]}})
        for name, index in (("unique", "f"), ("geo", [("f", "2dsphere")])):
            client[database][f"app-{name}"].create_index(index, unique=name == "unique", sparse=True)
        client[database]["app-unique"].insert_one({"f": SECRET})
    for name, f in (("valid", SECRET), ("unique", SECRET), ("geo", {"type": SECRET, "coordinates": [SECRET]})):
        yield three(json.dumps({"f": f}), f'"k":"{name}",')


class Shipping:
    """A sidecar that ships documents which are refused, each in a batch with others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sinks: dict[str, Mapping[str, Any]] = {}
        self._config, self._own_log = folder / "sidecar.yaml", folder / "own.log"
        self.dead_letters = 0

    def add(self, name: str, sink: Mapping[str, Any], kinds: Iterable[list[str]], *, are_alone: bool = False) -> None:
        """Ship the lines of each kind to the sink. `are_alone`: the sink stores none, so there is no dead letter."""
        rest = list(kinds)
        self.dead_letters += 0 if are_alone else len(rest)
        while rest:  # only some events of a pipeline are written each minute
            part, rest = rest[:MAX_EVENTS_OF_A_CAUSE], rest[MAX_EVENTS_OF_A_CAUSE:]
            key = f"{name}-{len(rest)}"
            self._sinks[key] = {**sink, "batch_records": len(part[0])}
            (self._folder / f"{key}.log").write_text("".join(f"{line}\n" for kind in part for line in kind))

    def run(self) -> dict[str, str]:
        """Return everything that the sidecar says, but not the dead letters, because they are documents."""
        port = free_port()
        pipelines = {
            key: {"paths": [f"{self._folder}/{key}.log"], "parser": "json", "sinks": [key]} for key in self._sinks
        }
        settings = {"sinks": self._sinks, "pipelines": pipelines, "drain": {"timeout": "3s"}}
        state = {"state_dir": f"{self._folder}/state", "admin": {"listen": port}}
        self._config.write_text(json.dumps({**settings, **state}))
        options = ("--config", str(self._config), "--log-level", "debug", "--log-format", "json")
        with running(self._own_log, *options) as process:
            eventually(lambda: self._count("rejected") == self.dead_letters, f"{self.dead_letters} are reported")
            eventually(lambda: self._count("sink_misconfigured") + self._count("sink_down") == 3, "three sinks fail")
            said = dict(self._ask(port))
            ended(process)
        return {**said, "log": self._own_log.read_text()}

    def _count(self, event: str) -> int:
        return self._own_log.read_text().count(f'"event": "{event}"')

    def _ask(self, port: int) -> Iterator[tuple[str, str]]:
        for path in ("/status.json", "/status", "/metrics", "/history.json", "/readyz", "/"):
            yield path, urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()
        for command in (["status"], ["status", "--json"], ["probe", "ready", "--sinks"]):
            done = sidecar(*command, "--config", str(self._config))
            yield " ".join(command), done.stdout + done.stderr


def at(server: ElasticsearchProxy) -> Mapping[str, Any]:
    return {"type": "elasticsearch", "hosts": [f"http://127.0.0.1:{server.port}"], "index": "app"}


@pytest.mark.elasticsearch
@pytest.mark.mongodb
def test_no_refused_document_is_in_anything_that_a_sidecar_says(
    elasticsearch_url: str, index_name: str, mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    refusal = {"error": {"type": "parsing_exception", "reason": f"cannot read [{SECRET}]"}, "status": 400}
    page = f"<html>blocked: {SECRET}</html>".encode()
    shipping, scripted, blocked, unavailable = (
        Shipping(tmp_path),
        ScriptedSearchServer(),
        ElasticsearchProxy(),
        ElasticsearchProxy(),
    )
    for _ in range(200):
        blocked.answer(400, json.dumps(refusal).encode())
        unavailable.answer(503, page, {"Content-Type": "text/html"})
    texts = [json.dumps({"kind": kind, "text": SECRET}) for kind in ABOUT_A_DOCUMENT]
    with opened(scripted), opened(blocked), opened(unavailable), serving(speaking(judges(refuse_coded))) as codes:
        real = {"type": "elasticsearch", "hosts": [elasticsearch_url], "index": f"{index_name}-{{k:none}}"}
        shipping.add("search", real, make_indexes(elasticsearch_url, index_name))
        shipping.add("scripted", at(scripted), map(three, texts))
        shipping.add("alone", at(scripted), [[text] * 20 for text in texts[-1:]], are_alone=True)
        shipping.add("blocked", at(blocked), [texts], are_alone=True)
        shipping.add("unavailable", at(unavailable), [texts], are_alone=True)
        real = {"type": "mongodb", "url": mongodb_uri, "database": database_name, "collection": "app-{k:none}"}
        shipping.add("mongodb", real, make_collections(mongodb_uri, database_name))
        coded = (json.dumps({"code": code, "text": SECRET}) for code in MONGODB_REASONS)
        shipping.add("codes", {"type": "mongodb", "url": f"mongodb://127.0.0.1:{codes.port}/?directConnection=true"},
                     map(three, coded))  # fmt: skip
        said = shipping.run()
    assert {name: text[:500] for name, text in said.items() if SECRET.lower() in text.lower() or not text} == {}
