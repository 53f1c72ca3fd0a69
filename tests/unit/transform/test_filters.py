"""What is left out: by conditions on fields, by the text of a line, by chance that is none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from sidecar.transform.expression import ExpressionError, parse_expression
from tests.support.builders.records import GENERATION, chunk, documents, stages, transformed

RECORD = {
    "level": "debug", "n": 5, "f": 64.4, "text": "404", "yes": True, "no": False, "nothing": None, "quote": 'a"b',
    "url": {"path": "/health/x", "port": 80}, "host.ip": "10.0.0.1", "list": [1], "word": "true", "ü": "ä",
}  # fmt: skip


def holds(expression: str, record: Any = RECORD) -> bool:
    found = transformed([json.dumps(record)], {"drop_when": expression})
    return not found.bodies


@pytest.mark.parametrize(
    "expression",
    [
        'level == "debug"', "level == 'debug'", 'level != "info"', "n == 5", "n == 5.0", "n >= 5 and n <= 5", "n < 6",
        "n > -1", "f > 64.3", "f == 64.4", "text == 404", 'text == "404"', "text >= 400", "yes == true",
        "no == false",
        "nothing == null", "not nothing == 5", 'url.path ~ "^/health"', "url.port == 80", "host.ip ~ '^10\\.'",
        'host.ip == "10.0.0.1"', 'level in ["info", "debug"]', "n in [1, 5]", "nothing in [null]", "exists level",
        "exists nothing", "exists url", "exists url.path", "not exists missing", 'missing != "x"', "not (n == 4)",
        'level == "info" or n == 5', 'level == "info" or (n == 5 and f < 65)', 'quote == "a\\"b"', "quote == 'a\"b'",
        'n == 4 and n == 4 or n == 5', "not n == 4 and not n == 3", 'level >= "debug"', 'level < "e"', 'n ~ "^5$"',
        'level=="debug"and n==5', 'list ~ "1"',
    ],
)  # fmt: skip
def test_an_expression_holds(expression: str) -> None:
    assert holds(expression)


@pytest.mark.parametrize(
    "expression",
    [
        'level == "info"', 'level != "debug"', "n == 6", 'n == "5"', "word == true", "yes == 1", 'yes == "true"',
        "missing == null", 'missing == "x"', "missing > 1", 'missing ~ "."', "missing in [null]", "exists url.x",
        "exists missing", "not exists level", 'level ~ "info"', "level > 5", 'n > "4"', "yes > 0", "list == 1",
        'level == "DEBUG"', "exists level.x", "text > 404", 'nothing == "null"', "url == null",
    ],
)  # fmt: skip
def test_an_expression_does_not_hold(expression: str) -> None:
    assert not holds(expression)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "at character 1, at the end: expected the name of a field"),
        ("level", "at character 6, at the end: expected ==, !=, <, <=, >, >=, ~ or `in`"),
        ("level = 5", "at character 7, before '= 5': this is not a field, operator or value"),
        ("level == debug", "at character 10, before 'debug': expected a text in quotes, a number"),
        ('level == "x" level', "at character 14, before 'level': expected `and`, `or` or the end"),
        ("(n == 5", "at character 8, at the end: expected )"),
        ("n in [1, 2", "at character 11, at the end: expected ]"),
        ("n in []", "at character 7, before ']': expected a text in quotes"),
        ('n ~ "("', "at character 5, before '\"(\"': the pattern does not compile"),
        ("n ~ 5", "at character 5, before '5': expected a pattern in quotes"),
        ("n > null", "at character 5, before 'null': expected a number or a text"),
        ("and == 5", "at character 1, before 'and == 5': expected the name of a field"),
        ('n == "x', "at character 6, before '\"x': this is not a field, operator or value"),
        ("n == 5 # no", "at character 8, before '# no': this is not a field, operator or value"),
        ("(" * 100, "nested deeper than 50 levels"),
        ("not " * 100 + "n == 1", "nested deeper than 50 levels"),
        ("n == 1 or " * 1000, "is longer than 4096 characters"),
        ("__import__('os') == 1", "expected ==, !=,"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_place_of_the_mistake(expression: str, said: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_expression(expression)
    assert said in str(error.value)
    with pytest.raises(ValidationError, match="drop_when"):
        stages({"drop_when": expression})


@given(st.text(alphabet="abn=!<>~()[],\"'. 01orandnotexistsin\\", max_size=40))
def test_an_expression_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    try:
        found = parse_expression(text)
    except ExpressionError:
        return
    assert found.condition([None] * len(found.fields), lambda pattern, text: False) in (True, False)


LINES = ['{"level":"debug","n":1}', '{"level":"info","n":2.50}', "no json", '{"n":3}', '{"level":"debug","n":4}']


def test_dropped_records_are_filtered_and_the_others_keep_offsets_and_text() -> None:
    found = transformed(LINES, {"drop_when": 'level == "debug"'})
    whole = transformed(LINES)
    assert found.bodies == [whole.bodies[i] for i in (1, 2, 3)]
    assert found.starts == [whole.starts[i] for i in (1, 2, 3)]
    assert found.errors == {1: "the line is not one JSON object"}
    assert [(gap.start, gap.end, gap.reason) for gap in found.filtered] == [
        (0, 24, "drop_when"), (whole.starts[4], whole.starts[4] + 24, "drop_when"),
    ]  # fmt: skip


def test_a_line_that_could_not_be_parsed_is_kept_by_conditions() -> None:
    assert [document["message"] for document in documents(LINES, {"keep_when": "n > 100"})] == ["no json"]


def test_one_rule_after_the_other_counts_each_line_once() -> None:
    steps = [{"drop_when": "n == 1"}, {"drop_when": "n == 2.5"}, {"keep_when": "n == 4"}]
    found = transformed(LINES, *steps)
    assert [gap.reason for gap in found.filtered] == ["drop_when", "drop_when", "keep_when"]
    sizes = [len(line) + 1 for line in LINES]
    assert [gap.end - gap.start for gap in found.filtered] == [sizes[0], sizes[1], sizes[3]]


def test_a_condition_sees_what_the_transforms_before_it_have_made() -> None:
    steps = [{"convert": {"n": "string"}}, {"rename": {"n": "m"}}, {"drop_when": 'm == "2.50"'}]
    assert len(transformed(LINES, *steps).bodies) == 4


@pytest.mark.parametrize("settings", [{"include_lines": ["info", "json$"]}, {"exclude_lines": ["debug", '^{"n"']}])
def test_lines_are_chosen_by_their_text(settings: dict[str, Any]) -> None:
    found = transformed(LINES, **settings)
    assert list(found.lines.texts) == [LINES[1], LINES[2]]
    assert {gap.reason for gap in found.filtered} == set(settings)


def test_lines_are_included_first_and_then_excluded() -> None:
    found = transformed(LINES, include_lines=["level"], exclude_lines=["info"])
    assert list(found.lines.texts) == [LINES[0], LINES[4]]


def test_an_event_of_several_lines_is_judged_as_a_whole() -> None:
    events = replace(chunk(["start a", " more", "start b"]), event_starts=(0, 14))
    found = stages(parser="plain", include_lines=["more"]).documents(events)[1]
    assert list(found.lines.texts) == ["start a\n more"]


@pytest.mark.parametrize("key", ["include_lines", "exclude_lines"])
def test_a_pattern_that_does_not_compile_is_refused(key: str) -> None:
    settings: dict[str, Any] = {key: ["("]}
    with pytest.raises(ValidationError, match="does not compile"):
        stages(**settings)


def test_a_pattern_that_takes_for_ever_keeps_the_record_and_holds_nothing_up() -> None:
    lines = [f'{{"a":"{"x" * 40}!","b":{number}}}' for number in range(200)]
    began = time.process_time()
    found = transformed(lines, {"drop_when": r'a ~ "^(x|x)+$" or b == 7'})
    assert time.process_time() - began < 10
    assert len(found.bodies) == 200
    assert found.failures == {"drop_when": 200}
    assert found.annotations[0] == {
        "error.message": '"drop_when: the pattern exceeded its time limit, so the record is kept"'
    }


def test_a_sample_is_a_part_of_all_and_the_same_each_time() -> None:
    lines = [f'{{"n":{number}}}' for number in range(10_000)]
    for rate in (0.01, 0.5, 0.9):
        found = transformed(lines, {"sample": {"rate": rate}})
        assert abs(len(found.bodies) / 10_000 - rate) < 0.02
        assert found.bodies == transformed(lines, {"sample": {"rate": rate}}).bodies


def test_a_line_is_in_the_sample_or_not_whatever_chunk_it_is_read_in() -> None:
    lines = [f'{{"n":{number}}}' for number in range(1000)]
    whole = transformed(lines, {"sample": {"rate": 0.5}}).bodies
    later = replace(chunk(lines[500:]), offset=len("\n".join(lines[:500])) + 1)
    assert whole[-len(stages({"sample": {"rate": 0.5}}).documents(later)[1].bodies) :] == list(
        stages({"sample": {"rate": 0.5}}).documents(later)[1].bodies
    )
    assert GENERATION.id == 35


def test_a_sample_by_a_field_keeps_together_what_belongs_together() -> None:
    lines = [f'{{"trace":{{"id":"t{number % 100}"}},"n":{number}}}' for number in range(1000)]
    found = [
        json.loads(f"{{{text}}}")
        for text in transformed(lines, {"sample": {"rate": 0.3, "field": "trace.id"}}).bodies
    ]
    traces = {each["trace"]["id"] for each in found}
    assert 15 < len(traces) < 50
    assert len(found) == 10 * len(traces)


@pytest.mark.parametrize("rate", [0, 1, -1, 1.5])
def test_a_rate_is_a_part(rate: float) -> None:
    with pytest.raises(ValidationError, match=r"sample\.sample\.rate"):
        stages({"sample": {"rate": rate}})


@given(st.lists(st.booleans(), max_size=30), st.lists(st.booleans(), max_size=30))
def test_what_is_filtered_and_what_is_left_are_all_lines(first: list[bool], second: list[bool]) -> None:
    lines = [json.dumps({"a": a, "b": b}) for a, b in zip(first, second, strict=False)]
    if not lines:
        return
    found = transformed(lines, {"drop_when": "a == true"}, {"keep_when": "b == true"})
    ends = {start: start + len(text) + 1 for start, text in zip(found.starts, found.lines.texts, strict=True)}
    spans = sorted([*ends.items(), *((gap.start, gap.end) for gap in found.filtered)])
    assert [start for start, _ in spans] == [0, *(end for _, end in spans[:-1])]
    assert spans[-1][1] == found.lines.chunk.end
