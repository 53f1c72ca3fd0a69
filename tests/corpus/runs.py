"""All kinds through one sidecar, as a process, into databases."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import msgspec
import yaml
from bson.codec_options import CodecOptions
from pymongo import MongoClient

from tests.corpus.kinds import Kind, offset_of, without_what_differs
from tests.support.processes import sidecar

_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    """One run over all kinds: when it began, the balance of each pipeline and sink, and what was refused."""

    began: datetime
    balances: Sequence[Mapping[str, Any]]
    letters: Sequence[Mapping[str, Any]]

    def refused(self, pipeline: str, sink: str) -> dict[int, int]:
        """The offset of each document that a sink refused, and the code."""
        return {
            letter["start"]: letter["status"]
            for letter in self.letters
            if (letter["pipeline"], letter["sink"]) == (pipeline, sink)
        }


def run(folder: Path, kinds: Iterable[Kind], sinks: Mapping[str, Mapping[str, Any]]) -> Run:
    """Each kind goes to each of `sinks`, in whose settings `{kind}` stands for its name."""
    config: dict[str, Any] = {"state_dir": f"{folder}/state", "sinks": {}, "pipelines": {}}
    for kind in kinds:
        (folder / f"{kind.name}.log").write_bytes(kind.log)
        names = {f"{sink}-{kind.name}": settings for sink, settings in sinks.items()}
        for name, settings in names.items():
            config["sinks"][name] = {key: value.replace("{kind}", kind.name) for key, value in settings.items()}
        paths = [f"{folder}/{kind.name}.log"]
        config["pipelines"][kind.name] = {"paths": paths, "sinks": list(names), **kind.pipeline}
    (folder / "sidecar.yaml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    began = datetime.now(UTC)
    done = sidecar("run", "--config", f"{folder}/sidecar.yaml", "--once", timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    said = [json.loads(line) for line in done.stderr.splitlines()]
    listed = sidecar("dead-letters", "list", "--json", "--state-dir", f"{folder}/state")
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    return Run(began, [event for event in said if event["event"] == "balance"], letters)


def made(folder: Path, kinds: Iterable[Kind]) -> dict[str, list[str]]:
    """By kind: the documents as they are made, by offset, without what differs. Needs no database."""
    kinds = list(kinds)
    run(folder, kinds, {"file": {"type": "file", "path": f"{folder}/{{kind}}.ndjson"}})
    files = {kind.name: folder / f"{kind.name}.ndjson" for kind in kinds}
    return {
        name: in_order(path.read_text(encoding="utf-8").split("\n")) if path.exists() else []
        for name, path in files.items()
    }


class _Hit(msgspec.Struct, rename={"index": "_index", "source": "_source"}):
    index: str
    source: msgspec.Raw


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Answer(msgspec.Struct):
    hits: _Hits


def in_elasticsearch(url: str, prefix: str) -> dict[str, list[str]]:
    """By kind: the texts of all `_source`s, by offset, without what differs."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/{prefix}*/_refresh", method="POST")).close()
    with urllib.request.urlopen(f"{url}/{prefix}*/_search?size=10000") as answer:
        hits = msgspec.json.decode(answer.read(), type=_Answer).hits.hits
    found: dict[str, list[str]] = {}
    for hit in hits:
        found.setdefault(hit.index.removeprefix(prefix), []).append(bytes(hit.source).decode())
    return {name: in_order(texts) for name, texts in found.items()}


def in_order(texts: Iterable[str]) -> list[str]:
    """Documents by their offset, without what differs between runs."""
    return sorted((without_what_differs(text) for text in texts if text), key=offset_of)


def in_mongodb(uri: str, database: str) -> dict[str, list[dict[str, Any]]]:
    """By kind: all documents, by offset, without what differs."""
    with MongoClient[dict[str, Any]](uri) as client:
        collections = client[database].list_collection_names()
        return {
            name: [_without(document) for document in client[database].get_collection(name, _AWARE).find()]
            for name in collections
        }


def _without(document: dict[str, Any]) -> dict[str, Any]:
    if document["@timestamp"] == document["event"]["ingested"]:
        document["@timestamp"] = "{read}"
    del document["_id"]
    for within, name, ours in (
        (document, "event", "ingested"), (document, "host", "name"), (document["log"], "file", "path"),
    ):  # fmt: skip
        del within[name][ours]
        if not within[name]:
            del within[name]
    return document


def as_bson(documents: Iterable[dict[str, Any]]) -> list[bytes]:
    """What can be compared exactly: values with their types, and the order of fields; by offset."""
    return [bson.encode(document) for document in sorted(documents, key=lambda each: each["log"]["offset"])]
