"""One journey of a log through the sidecar as a process, for every destination that it can have."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from sidecar.testing import LogFile
from tests.support.kafka_topics import read_topic
from tests.support.processes import ended, eventually, running


@dataclass(frozen=True)
class Destination:
    url: str
    stored: Callable[[], list[Mapping[str, Any]]]


def sqlite(folder: Path) -> Destination:
    path = folder / "logs.db"

    def stored() -> list[Mapping[str, Any]]:
        if not path.exists():
            return []
        with closing(sqlite3.connect(path)) as db:
            try:
                return [json.loads(text) for (text,) in db.execute("SELECT document FROM logs")]
            except sqlite3.OperationalError:
                return []

    return Destination(f"sqlite:///{path}", stored)


def file(folder: Path) -> Destination:
    path = folder / "out.ndjson"
    return Destination(
        f"file://{path}", lambda: [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []
    )


def elasticsearch(url: str, index: str, scheme: str = "elasticsearch") -> Destination:
    def stored() -> list[Mapping[str, Any]]:
        try:
            urllib.request.urlopen(urllib.request.Request(f"{url}/{index}/_refresh", method="POST")).close()
        except urllib.error.HTTPError as error:
            error.close()
            return []
        with urllib.request.urlopen(f"{url}/{index}/_search?size=10000") as answer:
            return [hit["_source"] for hit in json.load(answer)["hits"]["hits"]]

    return Destination(f"{scheme}://{url.removeprefix('http://')}/{index}", stored)


def mongodb(uri: str, database: str) -> Destination:
    def stored() -> list[Mapping[str, Any]]:
        with MongoClient[dict[str, Any]](uri) as client:
            return list(client[database]["app"].find())

    return Destination(f"{uri.rstrip('/')}/{database}?collection=app", stored)


def kafka(broker: str, topic: str) -> Destination:
    return Destination(
        f"kafka://{broker}/{topic}", lambda: [json.loads(value) for _, value in read_topic(broker, topic)]
    )


def line(number: int) -> str:
    when = f"2026-11-23T01:{number // 60 % 60:02}:{number % 60:02}.123Z"
    return json.dumps({"time": when, "level": "info", "message": f'order "{number}" ä', "number": number})


def numbers(destination: Destination) -> list[int]:
    return sorted(document["number"] for document in destination.stored())


def travel(folder: Path, destination: Destination) -> None:
    """Write, rotate, kill, truncate and restart; every line is stored once, as it was written."""
    logs = folder / "log"
    logs.mkdir()
    log = LogFile(logs / "app.log")
    own_log, state = folder / "sidecar.log", str(folder / "state")
    arguments = (f"{logs}/*.log", "--parser", "json", "--to", destination.url, "--state-dir", state)
    log.write(*map(line, range(100)))
    with running(own_log, *arguments) as first:
        eventually(lambda: numbers(destination) == list(range(100)), "the first hundred are stored")
        log.rotate()
        log.write(*map(line, range(100, 200)))
        eventually(lambda: len(numbers(destination)) >= 200, "the new file is followed")
        log.write(*map(line, range(200, 250)))
        first.send_signal(signal.SIGKILL)
        first.wait()
    log.write(*map(line, range(250, 300)))
    log.rotate()
    log.write(*map(line, range(300, 400)))
    with running(own_log, *arguments) as second:
        eventually(lambda: len(numbers(destination)) >= 400, "what was written meanwhile is stored")
        eventually(lambda: sidecar_has_settled(state, 400), "and committed")
        log.truncate()
        log.write(*map(line, range(400, 450)))
        log.write_partial(line(450))
        eventually(lambda: len(numbers(destination)) >= 450, "the truncated file is read from its beginning")
        assert ended(second) == 0
    assert numbers(destination) == list(range(451)), own_log.read_text()[-2000:]
    compare(destination.stored(), logs)
    balance = [json.loads(text) for text in own_log.read_text().splitlines() if '"balance"' in text][-1]
    assert balance["seen"] == balance["stored"]
    assert (balance["lost"], balance["unsettled"], balance["dead_letters"], balance["lines_stored"]) == (0, 0, 0, 451)


def sidecar_has_settled(state: str, lines: int) -> bool:
    with closing(sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)) as db:
        (found,) = db.execute("SELECT coalesce(sum(lines), 0) FROM balance WHERE what = 'stored'").fetchone()
        return int(found) >= lines


def compare(documents: list[Mapping[str, Any]], logs: Path) -> None:
    for document in documents:
        number = document["number"]
        expected = json.loads(line(number))
        assert {name: document[name] for name in expected} == expected
        assert str(document["@timestamp"]).replace("T", " ")[:23] == expected["time"].replace("T", " ")[:23]
        assert document["log"]["file"]["path"] == str(logs / "app.log")
        assert isinstance(document["log"]["offset"], int)
        assert document["event"]["ingested"]
        assert document["host"]["name"]
        extra = {"partial"} if number == 450 else set()
        assert set(document) == {*expected, "@timestamp", "log", "event", "host", *extra} | (set(document) & {"_id"})
