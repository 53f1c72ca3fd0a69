"""Lines as applications really write them, into the real Elasticsearch: shipped, never dropped, never two of one."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import sidecar

pytestmark = pytest.mark.elasticsearch

TIME = "2026-11-23T01:00:00.5Z"


@pytest.fixture
def shipped(tmp_path: Path, elasticsearch_url: str, index_name: str) -> Any:
    """Ships bytes as one log, and gives back offset → document, and the balance."""

    def ship(data: bytes) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
        (tmp_path / "app.log").write_bytes(data)
        to = f"elasticsearch://{elasticsearch_url.removeprefix('http://')}/{index_name}"
        arguments = ("run", f"{tmp_path}/app.log", "--parser", "json", "--to", to, "--once")
        done = sidecar(*arguments, "--state-dir", f"{tmp_path}/state")
        assert done.returncode == 0, done.stderr
        url = f"{elasticsearch_url}/{index_name}"
        urllib.request.urlopen(urllib.request.Request(f"{url}/_refresh", method="POST")).close()
        with urllib.request.urlopen(f"{url}/_search?size=1000") as answer:
            hits = [hit["_source"] for hit in json.load(answer)["hits"]["hits"]]
        return {hit["log"]["offset"]: hit for hit in hits}, json.loads(done.stderr.splitlines()[-1])

    return ship


def test_each_line_is_one_document_and_the_balance_adds_up(shipped: Any) -> None:
    lines = [
        b'{"@timestamp":"%b","n":1}' % TIME.encode(),
        b"not JSON at all",
        b'{"n":2}{"n":3}',
        b'{"n":',
        b"4}",
        b"{}",
        b'{"time":"2026-11-23T01:00:00Z\\"},\\n{\\"index\\":{}}","n":5}',
        b'{"time":"line\\nbreak","n":6}',
        b'{"_id":"mine","_index":"other","log":{"offset":1,"level":"info"},"log.offset":2,"event":"text","n":7}',
        b'{"l\\u006fg":{"file":{"path":"/etc/shadow"}},"host":{"name":"other"},"n":8}',
        b'{"text":"in\xffvalid","n":9}',
        b'{"text":"nul \\u0000 inside","n":10}',
        b"raw \0 NUL",
        b'{"n":11}\r',
        b"\xef\xbb\xbf" + b'{"n":12}',
        b'["an","array"]',
        b'{"deep":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"error":{"message":"mine"},"original":{"x":1},"n":13}',
    ]
    data = b"".join(line + b"\n" for line in lines) + b'\n\n{"n":14}'
    documents, balance = shipped(data)
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    assert sorted(documents) == [*starts, len(data) - 8]
    found = {document.get("n"): document for document in documents.values()}
    assert {1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14} <= found.keys()
    assert found[1]["@timestamp"] == TIME
    assert found[7]["original"] == {
        "_id": "mine",
        "_index": "other",
        "log": {"offset": 1, "offset_1": 2},
        "event": "text",
    }
    assert found[7]["log"]["level"] == "info"
    assert found[8]["log"]["file"]["path"].endswith("/app.log")
    assert found[8]["host"]["name"] != "other"
    assert found[14]["partial"] is True
    assert sum("error" in document and "n" not in document for document in documents.values()) == 7
    assert (balance["skipped"], balance["dead_letters"], balance["lost"], balance["unsettled"]) == (2, 0, 0, 0)
    assert balance["seen"] == balance["stored"] + balance["skipped"] == len(data)


def test_a_line_of_ten_megabytes_keeps_its_head_and_the_next_line_comes_too(shipped: Any) -> None:
    data = b"x" * (10 << 20) + b'\n{"n":1}\n'
    documents, balance = shipped(data)
    assert len(documents) == 2
    assert len(documents[0]["message"]) == 1 << 20
    assert (documents[0]["truncated"], documents[0]["original_bytes"]) == (True, 10 << 20)
    assert balance["stored"] == len(data)


def test_a_conflict_with_the_mapping_is_a_dead_letter_and_its_neighbours_are_stored(shipped: Any) -> None:
    documents, balance = shipped(b'{"n":1}\n{"n":{"not":"a number"}}\n{"n":3}\n')
    assert sorted(document["n"] for document in documents.values()) == [1, 3]
    assert balance["lines_dead"] == 1


@pytest.mark.parametrize(
    "name",
    ["log.offset.x", "log.file.path.x", "event.ingested.x", "host.name.x.y", "@timestamp.x", "log.file", "host.name"],
)
def test_a_dotted_name_below_a_field_of_the_sidecar_moves_to_original(shipped: Any, name: str) -> None:
    documents, balance = shipped(b'{"time":"%b","%b":1}\n' % (TIME.encode(), name.encode()))
    assert balance["lines_dead"] == 0
    found: Any = documents[0]["original"]
    for part in name.split("."):
        found = found[part]
    assert found == 1


_TEXT, _NOT_JSON = b'{"error":"boom"}', b"panic: boom"


@pytest.mark.parametrize("lines", [[_TEXT, _NOT_JSON], [_NOT_JSON, _TEXT]], ids=["text first", "object first"])
def test_a_text_under_error_and_a_line_that_does_not_parse_are_in_one_index(shipped: Any, lines: list[bytes]) -> None:
    documents, balance = shipped(b"".join(line + b"\n" for line in lines))
    assert balance["lines_dead"] == 0
    told = [document for document in documents.values() if "message" in document]
    texts = [document for document in documents.values() if "message" not in document]
    assert [document["error"] for document in told] == [{"message": "the line is not one JSON object"}]
    assert [document["original"] for document in texts] == [{"error": "boom"}]


def test_all_that_an_application_writes_under_error_is_stored_in_one_index(shipped: Any) -> None:
    forms = ["boom", None, {"message": "mine", "code": 7}, 5, False, ["a", "b"], []]
    documents, balance = shipped(b"".join(json.dumps({"error": form}).encode() + b"\n" for form in forms))
    assert (balance["lines_dead"], len(documents)) == (0, len(forms))
    kept = [document["error"] for document in documents.values() if "error" in document]
    moved = [document["original"]["error"] for document in documents.values() if "original" in document]
    assert (kept, moved) == ([None, {"message": "mine", "code": 7}], ["boom", 5, False, ["a", "b"], []])
