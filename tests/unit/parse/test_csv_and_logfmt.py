"""csv and logfmt: values under names, with declared types, the same at a stroke as one by one."""

from __future__ import annotations

import json
import time
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from sidecar.parse.chain import ParserChain
from tests.support.builders.records import fields, framed, make_parser

ROWS = {"type": "csv", "columns": ["time", "level", "http.status", "a%s"], "types": {"http.status": "integer"}}
PAIRS = {"type": "logfmt", "types": {"n": "integer", "took": "float", "ok": "boolean", "at": "date", "from": "ip"}}


def test_a_row_of_csv_becomes_the_columns_with_their_types_and_time() -> None:
    records = make_parser(ROWS).parse(
        framed('2026-11-23T01:00:00Z,"a ""b"", c",200,x', "2026-11-23T01:00:01Z,info,404,")
    )
    assert fields(records) == [
        {"time": "2026-11-23T01:00:00Z", "level": 'a "b", c', "http": {"status": 200}, "a%s": "x"},
        {"time": "2026-11-23T01:00:01Z", "level": "info", "http": {"status": 404}},
    ]
    assert list(records.times) == ["2026-11-23T01:00:00Z", "2026-11-23T01:00:01Z"]
    assert not records.errors
    assert not records.annotations


def test_rows_that_are_none_are_messages_with_the_reason_and_spoil_no_others() -> None:
    records = make_parser(ROWS).parse(framed('"open,b,1,d', "a,b", ",b,1,d", ",b,many,d"))
    assert fields(records)[:3] == [
        {"message": '"open,b,1,d'}, {"message": "a,b"}, {"level": "b", "http": {"status": 1}, "a%s": "d"}
    ]  # fmt: skip
    assert records.errors == {
        0: "the line is not one row of CSV",
        1: "the line has 2 values instead of 4, one for each column",
    }
    assert fields(records)[3]["http"] == {"status": "many"}
    assert records.annotations == {3: {"error.message": '"http.status cannot be read as integer"'}}


def test_a_quoted_value_may_hold_line_ends_of_an_event() -> None:
    lines = framed('t,"one', 'two",1,x', "t,b,2,y", events=(0, 16))
    records = make_parser(ROWS).parse(lines)
    assert [found["level"] for found in fields(records)] == ["one\ntwo", "b"]


def test_a_number_of_two_lines_is_none() -> None:
    lines = framed('t,b,"1', '2",x', "t,b,2,y", events=(0, 12))
    records = make_parser(ROWS).parse(lines)
    assert [found["http"]["status"] for found in fields(records)] == ["1\n2", 2]
    assert records.annotations == {0: {"error.message": '"http.status cannot be read as integer"'}}


def test_another_delimiter() -> None:
    wanted = {"type": "csv", "columns": ["a", "b"], "delimiter": "\t"}
    assert fields(make_parser(wanted).parse(framed("1\t2,3"))) == [{"a": "1", "b": "2,3"}]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"type": "csv"}, "Field required"),
        ({"type": "csv", "columns": ["a", "a"]}, "duplicate column name"),
        ({"type": "csv", "columns": ["a"], "types": {"b": "integer"}}, "unknown column b"),
        ({"type": "csv", "columns": ["a..b"]}, "not a field path"),
        ({"type": "csv", "columns": ["a"], "delimiter": ",,"}, "match pattern"),
        ({"type": "logfmt", "types": {"a": "int"}}, "'integer'"),
    ],
)
def test_what_cannot_be_meant_is_refused(wanted: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make_parser(wanted)


def test_pairs_of_logfmt_become_typed_fields() -> None:
    line = (
        'time=2026-11-23T01:00:00Z msg="it is up" n=7 took=1.50 ok=true at=1795395600 from=::1 url=/a?b=c http.code=5'
    )
    records = make_parser(PAIRS).parse(framed(line, line))
    assert fields(records)[1] == {
        "time": "2026-11-23T01:00:00Z", "msg": "it is up", "n": 7, "took": 1.5, "ok": True,
        "at": "2026-11-23T01:00:00Z", "from": "::1", "url": "/a?b=c", "http": {"code": "5"},
    }  # fmt: skip
    assert list(records.times) == ["2026-11-23T01:00:00Z"] * 2


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ("date=2026-11-23 time=01:00:00", "2026-11-23T01:00:00Z"),
        ('date=2026-11-23 time=01:00:00 tz="+0100"', "2026-11-23T01:00:00+01:00"),
        ('date=2026-11-23 time=01:00:00 timezone="CET"', "2026-11-23T01:00:00+01:00"),
        ("time=01:00:00 device=fw date=2026-11-23", "2026-11-23T01:00:00Z"),
        ('date=2026-11-23 time="01:00:00" time="02:00:00"', "2026-11-23T02:00:00Z"),
        ("date=2026-11-23 time=01:00:00 ts=2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("date=2026-11-23 time=2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("date=2026-11-23", ""),
        ("time=01:00:00", ""),
        ("date=2026-11-23 time=12ms", ""),
        ('date=2026-11-23 time=01:00:00 tz="no zone"', ""),
    ],
)
def test_the_time_may_be_a_date_a_clock_and_a_zone(pairs: str, expected: str) -> None:
    line = f"{pairs} msg=up"
    assert make_parser("logfmt").parse(framed(line, "a=1")).times == [expected, ""]
    assert make_parser("logfmt").parse(framed(line, 'a=1 "b', line)).times == [expected, "", expected]
    values = dict(pair.split("=") for pair in pairs.replace('"', "").split(" ") if "=" in pair)
    if len(values) == pairs.count("="):
        parser = make_parser({"type": "csv", "columns": list(values)})
        assert parser.parse(framed(",".join(values.values()))).times == [expected]


def test_a_configured_field_is_the_only_time() -> None:
    lines = framed("date=2026-11-23 time=01:00:00", "date=2026-11-23 time=01:00:00 when=2026-11-22T00:00:00Z")
    assert make_parser("logfmt", field="when").parse(lines).times == ["", "2026-11-22T00:00:00Z"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r'm="say \"hi\" \u00e4\n" path="C:\x" e= q="" flag', {"m": 'say "hi" ä\n', "path": r"C:\x", "e": "", "q": "",
                                                                "flag": True}),
        ("a=1 a=2 n=3 n=4", {"a": ["1", "2"], "n": [3, 4]}),
        ("  a=1\t b=2  ", {"a": "1", "b": "2"}),
        ("a=1 a.b=2", {"a": "1", "a_": {"b": "2"}}),
    ],
)  # fmt: skip
def test_lines_of_logfmt_that_are_looked_at_one_by_one(line: str, expected: Any) -> None:
    records = make_parser(PAIRS).parse(framed(line))
    assert fields(records) == [expected]
    assert not records.errors


@pytest.mark.parametrize("line", ["hello world", "hello a=1", 'a="open', 'a="x"y', "=1", 'a=b"c', " "])
def test_what_is_no_logfmt_is_a_message(line: str) -> None:
    records = make_parser(PAIRS).parse(framed("a=1", line))
    assert records.errors == {1: "the line is not logfmt"}
    assert fields(records) == [{"a": "1"}, {"message": line}]


def test_a_value_that_does_not_convert_stays_text_and_is_told_in_a_list_of_parsers_too() -> None:
    lines = framed("{}", "n=many from=here b=1", "n=1")
    records = ParserChain([make_parser("json"), make_parser(PAIRS)]).parse(lines)
    assert fields(records)[1:] == [{"n": "many", "from": "here", "b": "1"}, {"n": 1}]
    assert (
        json.loads(records.annotations[1]["error.message"])
        == "from cannot be read as ip; n cannot be read as integer"
    )
    assert records.annotations.keys() == {1}


WORD = st.text(st.sampled_from('a1.=", \\\t\u00a0\u2028ä-'), max_size=6)
NUMBER = st.sampled_from(["1", "01", "-0", "1.5", "1e5", "9" * 19, "x", ""])
LOGFMT = st.builds("n={} a={} took={}".format, NUMBER, WORD, NUMBER) | st.builds('k="{}" n={}'.format, WORD, NUMBER)
CSV = st.builds(",{},{},{}".format, WORD, NUMBER, WORD) | st.builds(',"{}",{},'.format, WORD, NUMBER)


@given(st.one_of(
    st.tuples(st.just(ROWS), st.lists(CSV | WORD, min_size=1, max_size=4)),
    st.tuples(st.just(PAIRS), st.lists(LOGFMT | WORD, min_size=1, max_size=4)),
))  # fmt: skip
def test_lines_at_a_stroke_are_what_each_of_them_is_by_itself(drawn: tuple[Any, list[str]]) -> None:
    wanted, texts = drawn
    lines = framed(*texts)
    one = make_parser(wanted)
    together = one.parse(lines)
    again = one.parse(lines)
    assert (again.bodies, again.times, again.annotations) == (together.bodies, together.times, together.annotations)
    for index in range(lines.count):
        alone = make_parser(wanted).parse(replace(lines.select([index]), texts=[lines.texts[index]]))
        assert together.bodies[index] == alone.bodies[0]
        assert together.times[index] == alone.times[0]
        assert together.errors.get(index) == alone.errors.get(0)
        assert together.annotations.get(index) == alone.annotations.get(0)


def test_lines_with_other_names_or_quotes_than_before_come_out_as_they_are() -> None:
    one = make_parser(PAIRS)
    for _ in range(2):
        assert fields(one.parse(framed("a=1 n=2", 'a="x y" n=3'))) == [{"a": "1", "n": 2}, {"a": "x y", "n": 3}]
    assert fields(one.parse(framed("a=1 n=2", "b=1"))) == [{"a": "1", "n": 2}, {"b": "1"}]
    assert fields(one.parse(framed("a=1 n=2"))) == [{"a": "1", "n": 2}]
    assert fields(one.parse(framed("a= n=2"))) == [{"a": "", "n": 2}]


def test_a_long_word_is_looked_at_once_not_from_each_of_its_letters() -> None:
    word, began = "x" * 250_000, time.process_time()
    assert make_parser(PAIRS).parse(framed(word, f"a=1 {word}")).errors.keys() == {0}
    assert time.process_time() - began < 5


@example(['"', "b=", "a"], True)
@given(st.lists(st.sampled_from(["a", "b=", "=", '"', " ", "a=b ", 'c="d e" ', "x=1"]), max_size=12), st.booleans())
def test_what_a_line_of_pairs_becomes_does_not_depend_on_its_neighbours(parts: list[str], second: bool) -> None:
    lines = framed("".join(parts) or "a", *(["n=1"] if second else []))
    together, alone = (
        make_parser("logfmt").parse(lines),
        make_parser("logfmt").parse(replace(lines, is_uniform=False, text="")),
    )
    assert fields(together) == fields(alone)
    assert together.errors == alone.errors


KNOWN = st.sampled_from(
    ["a=1", 'b="c d"', "n=7", "n=x", "n=", "flag", 'e="\\"ä"', "at=1795395600", "ts=1795395600", "q=%s"]
)


@given(st.lists(st.lists(KNOWN, unique_by=lambda pair: pair[0]).map(lambda pairs: ["x=1", *pairs]), min_size=1))
def test_pairs_of_differing_names_come_out_the_same_beside_a_line_that_needs_its_shape(
    lines: list[list[str]],
) -> None:
    texts = [" ".join(pairs) for pairs in lines]
    flat = make_parser(PAIRS).parse(framed(*texts))
    for needs_shape in ("a=1 a=2", "x=1 a.b=2"):
        shaped = make_parser(PAIRS).parse(framed(*texts, needs_shape))
        assert flat.bodies == shaped.bodies[:-1]
        assert list(flat.times) == list(shaped.times)[:-1]
        assert flat.annotations == shaped.annotations
        assert flat.root_names is not None
        assert shaped.root_names is not None
        assert flat.root_names <= shaped.root_names


OCTET = st.sampled_from(
    ["0", "9", "99", "100", "199", "200", "249", "250", "255", "256", "260", "300", "00", "01", "1e1", "", "²"]
)
ADDRESS = st.lists(OCTET, min_size=3, max_size=5).map(".".join) | st.sampled_from(
    ["::1", "fe80::1%eth0", "web-1", "a\\b"]
)


@given(st.lists(ADDRESS, min_size=1, max_size=4))
def test_addresses_are_told_from_other_texts_for_a_column_as_for_each(texts: list[str]) -> None:
    wanted = {"type": "regex", "pattern": "a(?P<a>.*)", "types": {"a": "ip"}}
    records = make_parser(wanted).parse(framed(*(f"a{text}" for text in texts)))
    assert [found["a"] for found in fields(records)] == texts
    assert records.annotations.keys() == {place for place, text in enumerate(texts) if text and not is_address(text)}


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


@pytest.mark.parametrize("texts", [["", "a=1"], ["a=1", ""], ["a=1", "", "b=2"], [""]])
def test_a_text_of_nothing_is_no_logfmt_and_takes_nothing_of_its_neighbours(texts: list[str]) -> None:
    # A container may have written an empty line, which stands within another format.
    lines = replace(framed(*(text or "x" for text in texts)), is_uniform=False, text="", texts=texts)
    records = make_parser("logfmt").parse(lines)
    assert fields(records) == [{text[0]: text[2:]} if text else {"message": ""} for text in texts]
    assert records.errors.keys() == {place for place, text in enumerate(texts) if not text}
