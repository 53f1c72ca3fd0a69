"""dissect: lines taken apart by the text between fields, in time that is proportional to them."""

from __future__ import annotations

import time
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.model.records import RecordBatch
from tests.support.builders.records import fields
from tests.support.builders.records import parsed as of_parser


def parsed(pattern: str, *lines: str, **options: Any) -> RecordBatch:
    return of_parser({"type": "dissect", "pattern": pattern, **options}, *lines)


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("%{a} - %{b}", "x - y - z", {"a": "x", "b": "y - z"}),
        ("[%{log.level}] %{}: %{?skipped} %{message}", "[info] a: b it's up", {"log": {"level": "info"},
                                                                              "message": "it's up"}),
        ("%{day} %{+day} %{rest}", "Nov 23 on", {"day": "Nov23", "rest": "on"}),
        ("%{+d/2} %{+d/1} %{d}", "b a c", {"d": "cab"}),
        ("%{a->} %{b->}|%{c}", "x     y|||z", {"a": "x", "b": "y", "c": "z"}),
        ("%{*k}=%{&k}; %{*l}=%{&l}", "a.b=1; c=2", {"a": {"b": "1"}, "c": "2"}),
        ("<%{a}>", "<a%s\\>", {"a": "a%s\\"}),
        ("%{a},%{b}", ",y", {"b": "y"}),
        ("%{only}", "all of it", {"only": "all of it"}),
    ],
)  # fmt: skip
def test_a_line_is_taken_apart(pattern: str, line: str, expected: Any) -> None:
    for records in (parsed(pattern, line, line), parsed(pattern, line, "\r")):
        assert fields(records)[0] == expected
        assert 0 not in records.errors


def test_times_types_and_a_separator() -> None:
    options = {"types": {"n": "integer"}, "append_separator": " "}
    records = parsed("%{time} %{w} %{+w} %{n}", "2026-11-23T01:00:00Z a b 7", "x a b many", "none", **options)
    assert fields(records) == [
        {"time": "2026-11-23T01:00:00Z", "w": "a b", "n": 7},
        {"time": "x", "w": "a b", "n": "many"},
        {"message": "none"},
    ]
    assert list(records.times) == ["2026-11-23T01:00:00Z", "", ""]
    assert records.errors == {2: "the line does not match the pattern"}
    assert records.annotations == {1: {"error.message": '"n cannot be read as integer"'}}


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("%{a}%{b}", "have no text between"),
        ("%{a} %{a}", "the field a occurs twice"),
        ("no field", "has no field; add at least one"),
        ("%{} %{?a}", "has no field; add at least one"),
        ("%{*a} %{b}", "needs exactly one %{&name}"),
        ("%{&a} %{b}", "needs exactly one %{&name}"),
        ("%{a b} x", "is not a field"),
        ("%{+}", "is not a field"),
        ("%{a/2}", "is not a field"),
        ("%{a..b}", "not a field path"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_told(pattern: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=regex.escape(reason)):
        parsed(pattern, "x")


WORD = st.text(st.sampled_from('a b-"\\ä\u2028\t%'), max_size=6)


@given(st.lists(st.builds("{} - {}: {}".format, WORD, WORD, WORD) | WORD, min_size=1, max_size=4))
def test_lines_at_a_stroke_are_what_each_of_them_is_by_itself(lines: list[str]) -> None:
    pattern = "%{a->} - %{b.c}:%{a.b}"
    texts = [line for line in lines if line]
    if not texts:
        return
    together = parsed(pattern, *texts)
    for index, text in enumerate(texts):
        alone = parsed(pattern, text, "\r")
        assert together.bodies[index] == alone.bodies[0]
        assert together.errors.get(index) == alone.errors.get(0)


def test_no_line_takes_long() -> None:
    began = time.process_time()
    assert parsed("%{a} - %{b} - %{c->} - %{d}|", " - " * 100_000).errors
    assert time.process_time() - began < 2
