"""regex: lines of a chunk found together are what each of them is by itself, and none can hold up the others."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.document.builder import DocumentBuilder
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import Parser
from sidecar.parse.chunk_regex import ChunkRegex
from sidecar.parse.regex import RegexParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.typed_fields import TypedFields
from sidecar.testing import ManualClock
from tests.support.builders.records import fields, framed, make_parser


def parser(pattern: str, kind: str = "regex", **options: Any) -> Parser:
    return make_parser({"type": kind, "pattern": pattern, **options})


def said(records: RecordBatch) -> Any:
    return (
        records.bodies,
        records.times,
        records.errors,
        records.annotations,
        records.root_names,
        records.ends_with_log_object,
    )


ACCESS = (
    r'(?P<address>\S+) - (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<url>\S+) HTTP/(?P<version>\S+)"'
    r' (?P<status>\d+) (?P<size>\d+) "(?P<referrer>[^"]*)" "(?P<agent>[^"]*)"'
)
SPANNING = [
    ACCESS,
    r"(?P<a>\w+)(?: (?P<b>\d+))?(?P<c>.*)",
    r"(?s)(?P<a>.+?)(?P<b>\s*)",
    r"^(?P<a>[^x]++)x?\Z",
    r"(?P<a>a|ab)(?P<b>c|bcd)",
    r"(?i)(?P<a>[[:alpha:]\s]+)(?P<b>\W*?)(?P<c>\D{0,3}\b.*)$",
    r"(?P<a>(?<!\s)\S*)(?P<b>[\s\S]*)",
    r"(?P<a>(?>[^\]-]*)|.)(?P<z>\B.*)?",
    r"(?P<a>[^-a]*)(?P<b>(?=a)[^]]*|)",
    r"(?<a>(?:a|aa)+)(?<b>.*)",
    "(?P<a>x*)",
]
APART = [
    r"(?P<a>.)\n?",
    "(?P<a>.*)\n?",
    r"(?x) (?P<a> . ) .*",
    r"(?P<a>.)(?P=a)?.*",
    r"(?P<a>(?:ab){e<=1}).*",
    r"(?V1)(?P<a>[\w--c]*).*",
    r"(?P<a>\X)\R?.*",
    r"(?P<a>.)(?#x).*",
    "(?r)(?P<a>.*)",
]


@pytest.mark.parametrize("pattern", SPANNING)
def test_patterns_that_are_known_go_over_a_chunk(pattern: str) -> None:
    assert ChunkRegex.from_line_pattern(pattern, anywhere=False)
    assert ChunkRegex.from_line_pattern(pattern, anywhere=True)


@pytest.mark.parametrize("pattern", APART)
def test_patterns_with_anything_else_go_line_by_line(pattern: str) -> None:
    assert ChunkRegex.from_line_pattern(pattern, anywhere=False) is None
    assert fields(parser(pattern, "grok").parse(framed("ab", "ab")))[0]["a"]


PIECES = [
    "a", "b", " ", r"\]", r"\.", ".", r"\s", r"\S", r"\d", r"\D", r"\w", r"\W", "[^a]", "[^ab]", r"[^\s\]]",
    r"[\s\S]", r"[\sa]", "[^]a]", "[^-a]", "[a-c]", "[[:space:]a]", "[^[:alpha:]]", r"\x61",
]  # fmt: skip
TIMES = ["", "", "", "*", "+", "?", "*?", "+?", "*+", "++", "{1,2}", "{2}"]
ATOM = st.builds("{}{}".format, st.sampled_from(PIECES), st.sampled_from(TIMES))
EDGE = st.sampled_from(
    ["", "", "", "^", "$", r"\b", r"\B", r"\A", r"\Z", "(?=a)", r"(?!\s)", r"(?<!\S)", r"(?<=[^a])"]
)
PART = st.lists(st.builds("{}{}".format, EDGE, ATOM), min_size=1, max_size=3).map("".join)
GROUP = st.builds(
    "({}{}|{}){}".format, st.sampled_from(["", "?:", "?>", "?i:", "?P<x>"]), PART, PART, st.sampled_from(TIMES)
)
PATTERN = st.builds("(?P<a>{}){}(?P<b>{})?{}".format, PART, GROUP | PART, PART, EDGE)
TEXT = st.text(st.sampled_from('aabbc  ]-.1\tä\u2028\u0085\x0b\x1c"\\'), min_size=1, max_size=9)


@given(PATTERN, st.lists(TEXT, min_size=1, max_size=5), st.booleans())
def test_whatever_the_pattern_and_the_lines_are_matches_over_a_chunk_are_those_of_each_line(
    pattern: str, texts: list[str], anywhere: bool
) -> None:
    many, one = ChunkRegex.from_line_pattern(pattern, anywhere=anywhere), regex.compile(pattern)
    if many is None:
        return
    alone = [one.search(line) if anywhere else one.fullmatch(line) for line in texts]
    columns, failed = many.columns(framed(*texts), 10)
    assert failed == [index for index, match in enumerate(alone) if match is None]
    rows = [match.groups() for match in alone if match]
    assert [tuple(column) for column in columns] == (list(zip(*rows, strict=True)) or [()] * one.groups)


@given(st.sampled_from([*SPANNING, *APART]), st.lists(TEXT | st.just("ab a"), min_size=1, max_size=5), st.booleans())
def test_lines_at_a_stroke_are_what_each_of_them_is_by_itself(pattern: str, texts: list[str], is_grok: bool) -> None:
    lines = framed(*texts)
    one = parser(pattern, "grok" if is_grok else "regex", types={"a": "integer", "b": "float"})
    together, alone = one.parse(lines), one.parse(replace(lines, is_uniform=False, text="", texts=lines.texts))
    assert said(together) == said(alone)


def test_a_group_that_is_empty_is_a_field_and_one_that_took_no_part_is_none() -> None:
    records = parser(r"(?P<a>\w*)(?:-(?P<b>\d*))?").parse(framed("x", "x-", "-1"))
    assert fields(records) == [{"a": "x"}, {"a": "x", "b": ""}, {"a": "", "b": "1"}]
    assert fields(parser(r"(?P<a>\w*)x", types={"a": "integer"}).parse(framed("x", "1x"))) == [{"a": ""}, {"a": 1}]


def test_lines_that_do_not_match_spoil_no_others() -> None:
    records = parser(r"(?P<n>\d+)").parse(framed("1", "one", "2", "2 "))
    assert fields(records) == [{"n": "1"}, {"message": "one"}, {"n": "2"}, {"message": "2 "}]
    assert records.errors == dict.fromkeys((1, 3), "the line does not match the pattern")
    assert records.root_names == frozenset({"n", "message"})


def test_fields_of_log_leave_room_for_ours_unless_they_are_called_like_them() -> None:
    for pattern, moves in (("%{WORD:log.level}", False), ("%{WORD:log.offset}", True), ("%{WORD:log}", True)):
        records = parser(f"{pattern} %{{GREEDYDATA:message}}", "grok").parse(framed("INFO up", "WARN down"))
        found = DocumentBuilder(ManualClock(), "node").build(records)
        assert ["original" in json.loads(text) for text in found.json_lines()] == [moves] * 2
        careful = DocumentBuilder(ManualClock(), "node").build(replace(records, root_names=None))
        assert found.json_lines() == careful.json_lines()


def test_a_line_that_takes_too_long_is_told_and_the_others_are_parsed() -> None:
    lines = framed("aa!", "a" * 60, "a!", *["a!"] * 20)
    began = time.process_time()
    records = parser(r"(?P<a>(?:a|aa)+)(?P<b>!)").parse(lines)
    assert records.errors == {1: "the pattern took longer than 0.1 s on the line"}
    assert records.timeouts == 1
    assert fields(records)[2] == {"a": "a", "b": "!"}
    assert time.process_time() - began < 2


def test_named_groups_become_fields_and_a_group_without_a_part_becomes_none() -> None:
    parser = RegexParser(r"(?P<time>\S+) (?P<level>[A-Z]+)(?: (?P<code>\d+))?", TypedFields({}, Timestamps()))
    records = parser.parse(framed("2026-11-23T01:00:00Z INFO 7", "2026-11-23T01:00:00Z WARN", "no"))
    assert fields(records) == [
        {"time": "2026-11-23T01:00:00Z", "level": "INFO", "code": "7"},
        {"time": "2026-11-23T01:00:00Z", "level": "WARN"},
        {"message": "no"},
    ]
    assert list(records.times) == ["2026-11-23T01:00:00Z", "2026-11-23T01:00:00Z", ""]


def test_a_pattern_that_backtracks_for_ever_costs_a_tenth_of_a_second_and_no_line() -> None:
    records = RegexParser(r"(?P<a>.?(?:a|a)*)!", TypedFields({}, Timestamps())).parse(framed("!" + "a" * 40, "aa!"))
    assert "0.1 s" in records.errors[0]
    assert records.timeouts == 1
    assert fields(records)[1] == {"a": "aa"}
