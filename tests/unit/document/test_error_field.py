"""A value under `error` makes room for the object that other documents have there, and is in `original.error`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders.records import chunk, documents, stages


@pytest.mark.parametrize(
    ("parser", "line"),
    [
        ("json", '{"n":"1","error":"boom"}'),
        ("logfmt", "n=1 error=boom"),
        ({"type": "regex", "pattern": "(?P<n>.) (?P<error>.*)"}, "1 boom"),
        ({"type": "csv", "columns": ["n", "error"]}, "1,boom"),
        ({"type": "dissect", "pattern": "%{n} %{error}"}, "1 boom"),
        ({"type": "grok", "pattern": "%{WORD:n} %{WORD:error}"}, "1 boom"),
        ({"type": "cri", "content": "logfmt"}, "2026-11-23T01:00:00Z stdout F n=1 error=boom"),
        ({"type": "cri", "content": "json"}, '2026-11-23T01:00:00Z stdout F {"n":"1","error":"boom"}'),
    ],
)
def test_a_text_under_error_moves_with_every_parser(parser: Any, line: str) -> None:
    for document in documents([line, line], parser=parser):
        assert (document["n"], document["original"]) == ("1", {"error": "boom"})
        assert "error" not in document


def test_objects_and_null_stay_and_other_values_move_unchanged() -> None:
    for value in ('{"message":"mine"}', "{}", "null"):
        assert f'"error" : {value}' in stages().documents(chunk([f'{{"error" : {value},"n":1}}']))[2].json_lines()[0]
    for value in ('"b\\no\\"m"', "64.40", "false", "[]", '[{"error":1}]'):
        assert (
            f'"original":{{"error":{value}}}'
            in stages().documents(chunk([f'{{"error":{value}}}']))[2].json_lines()[0]
        )
    assert documents(['{"a":{"error":"boom"}}'])[0]["a"] == {"error": "boom"}
    assert documents(['{"err\\u006fr":"boom"}'])[0]["original"] == {"error": "boom"}


def test_a_transform_can_rename_it_before_it_moves() -> None:
    found = documents(['{"n":1}', '{"error":"boom"}', "no JSON"], {"rename": {"error": "error.message"}})
    told = {"message": "the line is not one JSON object"}
    assert [document.get("error") for document in found] == [None, {"message": "boom"}, told]
    assert not any("original" in document for document in found)


@pytest.mark.parametrize(
    ("fields", "original"),
    [
        ({"original": {"x": 1}}, {"x": 1, "error": "boom"}),
        ({"original": "mine"}, {"error": "boom", "original": "mine"}),
        ({"original": {"error": "mine"}}, {"error": "boom", "original": {"error": "mine"}}),
        ({"host": "web-1", "log": {"offset": 2}}, {"error": "boom", "host": "web-1", "log": {"offset": 2}}),
    ],
)
def test_other_fields_under_original_are_kept(fields: Any, original: Any) -> None:
    assert documents([json.dumps({"error": "boom", **fields})])[0]["original"] == original


def test_two_of_the_same_name_are_both_kept() -> None:
    found = documents(['{"error":"a","error":{"code":1},"error":"b"}'])[0]
    assert (found["error"], found["original"]) == ({"code": 1}, {"error": "a", "error_1": "b"})


NAMES = st.sampled_from(["error", "original", "level", "host", "log.offset.x", "error.message", "original.error"])
VALUES = st.sampled_from(["error", "boom", 5, None, {}, {"error": "x"}, {"message": "mine"}, ["error"]])
LINES = st.builds(
    lambda fields, compact: json.dumps(fields, separators=(",", ":") if compact else (" , ", " : ")),
    st.dictionaries(NAMES, VALUES, min_size=1, max_size=4),
    st.booleans(),
) | st.sampled_from(['{"error":1,"error":2}', '{"err\\u006fr":"x"}', "not JSON"])


@given(st.lists(LINES, min_size=1, max_size=5))
def test_documents_are_the_same_to_the_byte_whichever_lines_they_come_with(lines: list[str]) -> None:
    together = stages().documents(chunk(lines))[2].json_lines()
    data = chunk(lines).data
    starts = [0, *(at + 1 for at, byte in enumerate(data) if byte == 10)][: len(lines)]
    alone = [stages().documents(chunk([line]))[2].json_lines()[0] for line in lines]
    assert [json.loads(text) | {"log": 0} for text in together] == [json.loads(text) | {"log": 0} for text in alone]
    for start, one, other in zip(starts, together, alone, strict=True):
        assert one == other.replace('"offset":0}', f'"offset":{start}}}')
