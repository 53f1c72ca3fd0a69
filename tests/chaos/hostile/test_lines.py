"""A log that wants to be more than data: every line stays one document, and our fields stay ours."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import pytest

from sidecar.model.batch import Batch
from sidecar.model.documents import BulkFraming, Documents
from sidecar.model.lines import LineBatch
from sidecar.pipeline.stages import Stages
from tests.chaos.fuzz.json_leaves import leaves, root_names
from tests.support.builders.records import GENERATION, chunk, stages

KUBERNETES = {"POD_NAMESPACE": "shop", "POD_NAME": "shop-7d4b9"}
GOOD = b'{"time":"2026-11-23T01:00:00Z","level":"info"}'
PARSERS: list[Any] = [
    "plain",
    "json",
    "nginx",
    {"type": "regex", "pattern": r"(?P<log>\S*)(?P<kubernetes>.*)"},
    ["json", "nginx", "plain"],
    {"type": "csv", "columns": ["log.offset", "_id", "kubernetes", "m"], "types": {"m": "integer"}},
    {"type": "csv", "columns": ["m"], "delimiter": "|"},
    "logfmt",
    {"type": "dissect", "pattern": "%{log.offset}"},
    {"type": "dissect", "pattern": "%{*k}:%{&k}"},
    {"type": "grok", "pattern": "%{NOTSPACE:_id}%{GREEDYDATA:kubernetes.namespace}"},
    "cri",
    {"type": "docker", "content": "json"},
    "mysql_slow",
]


def pod_stages(parser: Any, **settings: Any) -> Stages:
    """Return the stages of a pipeline in a Pod."""
    return stages("kubernetes", parser=parser, environ=KUBERNETES, **settings)


def shipped(lines: Sequence[bytes], parser: Any = "json", **settings: Any) -> tuple[LineBatch, Documents]:
    """What becomes of these lines."""
    lines_, _, documents = pod_stages(parser, **settings).documents(chunk(b"".join(line + b"\n" for line in lines)))
    return lines_, documents


def starts(lines: Sequence[bytes]) -> list[int]:
    return [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]


SECOND_DOCUMENTS = [
    b'{"m":"x\\"}}\\n{\\"index\\":{\\"_index\\":\\"other\\"}}\\n{\\"admin\\":true}"}',
    b'{"m":1}{"m":2}',
    b'{"m":1} {"create":{"_id":"z-0"}}',
    b'{"m":1,\r"n":2}',
    b'{"m":1}\r{"create":{}}\r{"n":2}',
    '{"m":"\u2028{\u2029}\u0085"}'.encode(),
    b'{"m":"\x0b\x0c\x1c\x1d\x1e\x1f\x7f"}',
    b'{"m":"\xc2\x9b31m\x1b[31m"}',
    b'{"m":"\\ud800"}',
    b'{"m":"\\u000a\\u000d\\u2028"}',
    b'{"m":"a\0b"}',
    b'{"m\xff":"\xfe"}',
    b'\xef\xbb\xbf{"m":1}',
    b'{"m":1}\t',
    b'"},"x":"',
    b'\\"}\\n{"index":{}}',
    b'","_id":"mine',
    b"}",
    b"{}",
    b"{",
    b'203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /\\"}\\n{ HTTP/1.1" 200 1 "-" "\x1b[31m\\"}"',
]


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_no_line_becomes_a_second_document_in_the_body_of_a_request(parser: Any) -> None:
    lines = [GOOD, *SECOND_DOCUMENTS, GOOD]
    found, documents = shipped(lines, parser)
    assert found.count == len(lines)
    (encoded,) = Batch([documents]).encode(BulkFraming('{"create":{"_id":"', '"}}\n'))
    body = encoded.split(b"\n")
    assert body.pop() == b""
    assert body[::2] == [b'{"create":{"_id":"z-%d"}}' % start for start in starts(lines)]
    for start, text in zip(starts(lines), body[1::2], strict=True):
        document = msgspec.json.decode(text)
        assert (document["log"]["offset"], document["kubernetes"]["namespace"]) == (start, "shop")


LONG = [
    b"a=" * 300_000, b'a="' * 200_000, b"".join(b"a%d=b " % n for n in range(100_000)), b"a=b a.c=d " * 50_000,
    b'"' * 500_000, b'","' * 200_000, b'{"log":"' + b"\\\\" * 300_000, b" - " * 200_000, b"# Time: " * 80_000,
    b"t stdout P " * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("parser", PARSERS, ids=str)
def test_no_line_takes_long(parser: Any) -> None:
    for line in LONG:
        began = time.process_time()
        found, documents = shipped([line], parser)
        assert len(documents) == found.count == 1
        assert time.process_time() - began < 5


FORGERIES = [
    '{"_id":"z-0"}',
    '{"\\u005fid":"z-0","_index":"other","_routing":"x","__soft_deletes":true,"_id.x":1}',
    '{"kubernetes.namespace":"kube-system"}',
    '{"kubernetes":{"namespace":"kube-system","pod.name":"x","pod":{"name":"y"}}}',
    '{"kubernetes":{"namespace":{"of":"kube-system"}}}',
    '{"kubernetes":"kube-system"}',
    '{"kubernetes":["kube-system"]}',
    '{"kubern\\u0065tes":{"namespac\\u0065":"kube-system"}}',
    '{"log.offset":7,"log":{"offset":8},"log.file":{"path":"/etc/shadow"},"log.file.path":"x"}',
    '{"log":{"offset":{"x":1}},"log":1,"log":[2],"log":{"file":3}}',
    '{"log.offset.x":1,"log.file.path.x.y":2,"host.name.x":3}',
    '{"@timestamp":"1999-01-01T00:00:00Z","@timestamp":"1998-01-01T00:00:00Z"}',
    '{"event":{"ingested":"1999-01-01T00:00:00Z"},"event.ingested":"1998-01-01T00:00:00Z"}',
    '{"host":"other","host.name":"other","host":{"name":"other"}}',
    '{"original":{"_id":1},"original._id":2,"_id":3,"original":"x"}',
    '{"error":{"message":"nothing"},"truncated":true,"partial":true}',
]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_line_forges_a_field_of_the_sidecar_and_its_value_is_kept(forgery: str) -> None:
    lines = [GOOD, forgery.encode(), GOOD]
    _, documents = shipped(lines)
    text = documents.json_lines()[1]
    found = leaves(text)
    said = dict(found)
    assert len(said) == len(found), "no path is there twice"
    assert not [name for name in root_names(text) if name.startswith("_")]
    assert said["log.offset"] == str(len(GOOD) + 1)
    ours = {
        "kubernetes.namespace": "shop",
        "kubernetes.pod.name": "shop-7d4b9",
        "log.file.path": GENERATION.path,
        "host.name": "web-1",
        "event.ingested": "2026-11-23T01:00:00.000000Z",
    }
    assert {path: said[path] for path in ours} == {path: repr(value) for path, value in ours.items()}
    wrote = [value for _, value in leaves(forgery)]
    assert sorted(said.values()) == sorted([*wrote, *_added(said, ours)])


def _added(said: dict[str, str], ours: dict[str, str]) -> list[str]:
    """What a document has beside what the application wrote: the time of the event may be a word of its own."""
    own_time = said["@timestamp"] in ("'1999-01-01T00:00:00Z'", "'1998-01-01T00:00:00Z'")
    return [said[path] for path in (*ours, "log.offset", *(() if own_time else ("@timestamp",)))]


def test_what_nests_without_end_is_text_and_its_neighbours_are_fields() -> None:
    deep = [
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"log":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"time":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ]
    lines = [GOOD, *deep, GOOD]
    _, documents = shipped(lines)
    found = [json.loads(text) for text in documents.json_lines()]
    assert [document.get("level") for document in found] == ["info", None, None, None, None, "info"]
    for line, document in zip(deep, found[1:-1], strict=True):
        assert document["message"] == line.decode()
        assert document["error"]["message"]


NUMBERS = [
    b"1e999999999",
    b"-1e999999999",
    b"1e-999999999",
    b"0e-999999999",
    b"9" * 100_000,
    b"0." + b"0" * 100_000 + b"1",
    b'"1E-999999999"',
    b'"' + b"9" * 100_000 + b'"',
    b'"Infinity"',
    b'"sNaN"',
    b'"-0"',
    b"-62135596801",
    b"253402300800",
    b'"9999-12-31T23:59:59-23:59"',
    b'"0001-01-01 00:00:00"',
]


@pytest.mark.parametrize("formats", [(), ("epoch",), ("epoch_ns", "iso8601"), ("%Y", "%S", "%H:%M")], ids=str)
def test_numbers_and_times_beyond_all_bounds_stop_nothing(formats: tuple[str, ...]) -> None:
    timestamp = {"formats": formats, "zone": "America/New_York"}
    lines = [b'{"time":%b,"n":%b}' % (number, number) for number in NUMBERS]
    began = time.process_time()
    _, _, documents = stages(timestamp=timestamp).documents(chunk(b"".join(line + b"\n" for line in lines)))
    assert time.process_time() - began < 2
    for line, text in zip(lines, documents.json_lines(), strict=True):
        assert text.startswith('{"@timestamp":"')
        said = text.partition('"time":')[2]
        assert said.startswith(line.decode()[8:-1]) or '"error":{"message":' in text


def long_times(parser: Any) -> Iterator[bytes]:
    """Lines that have a quarter of a megabyte where a time should be, each another."""
    for number in range(300):
        text = b"%06d" % number * 40_000
        if parser == "nginx":
            yield b'203.0.113.7 - - [%b] "GET / HTTP/1.1" 200 1 "-" "-"' % text
        else:
            yield b'{"time":"%b"}' % text


@pytest.mark.parametrize(
    "parser", ["json", "nginx", {"type": "regex", "pattern": '.*"time":"(?P<time>.*)".*'}], ids=str
)
def test_invalid_times_are_not_kept_in_memory(parser: Any) -> None:
    here = pod_stages(parser)
    tracemalloc.start()
    try:
        for line in long_times(parser):
            here.documents(chunk(line + b"\n"))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4 << 20


def test_a_line_that_chains_our_collisions_costs_no_more_than_others_of_its_size() -> None:
    names = [f"{'original.' * number}_id" for number in range(450)]
    body = ",".join(f'"{name}":{number}' for number, name in enumerate(names))
    lines = [GOOD, f"{{{body}}}".encode(), GOOD]
    began = time.process_time()
    _, documents = shipped(lines, max_fields=1000)
    assert time.process_time() - began < 5
    found = leaves(documents.json_lines()[1])
    assert sorted(int(value) for path, value in found if path.startswith("original.")) == list(range(450))
    assert "_id" not in root_names(documents.json_lines()[1])


def test_a_flood_of_lines_on_which_the_pattern_backtracks_for_ever_does_not_hide_the_ordinary_ones() -> None:
    slow, ordinary = b"a" * 40, b"aaa!"
    lines = [*[b"!" + slow] * 400, ordinary, *[b"!" + slow] * 400, ordinary]
    began = time.process_time()
    _, documents = shipped(lines, {"type": "regex", "pattern": "(?P<word>.?(?:a|a)*)!"})
    assert time.process_time() - began < 20, "a tenth of a second for each would be eighty"
    found = [json.loads(text) for text in documents.json_lines()]
    assert [document["word"] for document in found if "word" in document] == ["aaa", "aaa"]
    assert sum("message" in document and "took longer" in document["error"]["message"] for document in found) == 800


def test_a_name_of_a_field_in_any_spelling_is_one_field() -> None:
    escaped = [f"\\u{ord(char):04x}" for char in "log"]
    choices = product(*zip("log", escaped, strict=True))
    spellings = [f'"{"".join(choice)}"' for choice in choices]
    _, documents = shipped([f'{{{name}:{{"offset":-1}}}}'.encode() for name in spellings])
    for text in documents.json_lines():
        assert dict(leaves(text))["original.log.offset"] == "-1"
        assert dict(leaves(text))["log.offset"] != "-1"


def test_bytes_of_a_compressed_file_under_the_name_of_a_log_are_text() -> None:
    noise = gzip.compress(bytes(range(256)) * 40)
    lines = [line for line in noise.replace(b"\0", b"").split(b"\n") if line.strip(b"\r")]
    _, documents = shipped([GOOD, *lines, GOOD])
    assert [json.loads(text).get("level") for text in documents.json_lines()][:: len(lines) + 1] == ["info", "info"]


def test_an_object_that_is_written_twice_hides_no_field_of_ours_where_the_last_one_counts() -> None:
    twice = [
        b'{"kubernetes":{"a":1},"kubernetes":{"b":2}}',
        b'{"kubernetes":{},"log":{},"host":{},"kubernetes":{},"log":{},"host":{}}',
        b'{"kubernetes":{"pod":{"x":1},"pod":{}},"kubernetes":{"pod":{}},"log":{"file":{}},"log":{"file":{}}}',
    ]
    _, documents = shipped(twice)
    for document, start in zip(Batch([documents]).objects(), starts(twice), strict=True):
        assert document["kubernetes"]["namespace"] == "shop"
        assert document["kubernetes"]["pod"]["name"] == "shop-7d4b9"
        assert document["log"] == {"offset": start, "file": {"path": GENERATION.path}}
        assert document["host"] == {"name": "web-1"}
