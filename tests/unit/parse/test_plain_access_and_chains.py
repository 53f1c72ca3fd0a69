"""plain, nginx, apache, regex and lists of parsers."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse.access_log import AccessLogParser, apache, nginx
from sidecar.parse.chain import ParserChain
from sidecar.parse.json import JsonParser
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.regex import RegexParser
from sidecar.parse.time.rfc3339 import all_rfc3339, is_rfc3339
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.typed_fields import TypedFields
from tests.support.builders.records import fields, framed

ORDINARY = (
    '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5"'
)
SHORT = '203.0.113.7 - - [23/Nov/2026:01:00:00 +0100] "POST /a HTTP/1.0" 304 -'


def test_plain_text_is_the_message_whatever_it_holds() -> None:
    texts = ['say "hi" \\ \t', "ä\x01\U0001f600", "{}"]
    assert fields(PlainTextParser().parse(framed(*texts))) == [{"message": text} for text in texts]


def test_an_ordinary_line_of_nginx_becomes_typed_fields_with_its_time() -> None:
    records = nginx().parse(framed(ORDINARY))
    assert fields(records) == [
        {
            "source": {"address": "203.0.113.7"},
            "user": {"name": "ann"},
            "http": {
                "request": {"method": "GET", "referrer": "https://shop.example/"},
                "version": "1.1",
                "response": {"status_code": 200, "body": {"bytes": 512}},
            },
            "url": {"original": "/a?b=1"},
            "user_agent": {"original": "curl/8.5"},
        }
    ]
    assert list(records.times) == ["2026-11-23T01:00:00Z"]


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [("\\x16\\x03\\x01", "\\x16\\x03\\x01"), ('say \\"hi\\"', 'say \\"hi\\"'), ("a\tb", "a\tb")],
)
def test_what_scanners_send_is_kept_whole(request_text: str, expected: str) -> None:
    records = nginx().parse(framed(ORDINARY, ORDINARY.replace("GET /a?b=1 HTTP/1.1", request_text)))
    assert not records.errors
    assert fields(records)[1]["url"]["original"] == expected


@pytest.mark.parametrize("nothing", ["-", ""])
def test_a_connection_without_a_request_has_no_url(nothing: str) -> None:
    records = nginx().parse(framed(ORDINARY.replace("GET /a?b=1 HTTP/1.1", nothing)))
    assert not records.errors
    assert fields(records)[0].keys() == {"source", "user", "http", "user_agent"}
    assert fields(records)[0]["http"].keys() == {"request", "response"}


def test_a_line_is_the_same_at_a_stroke_and_beside_one_that_is_not_ordinary() -> None:
    for parser, line in (
        (nginx(), ORDINARY),
        (apache(), ORDINARY),
        (apache(), SHORT),
        (nginx(), ORDINARY.replace("ann", "-")),
        (nginx(), ORDINARY.replace("ann", "[")),
    ):
        assert parser.parse(framed(line)).bodies[0] == parser.parse(framed(line, "garbage")).bodies[0]


FIELD = st.text(st.sampled_from('ab-1/?. "[]\t\u00a0\u2028ä\\é'), min_size=1, max_size=6)


@given(
    st.lists(
        st.one_of(
            st.sampled_from([ORDINARY, SHORT]),
            st.builds(
                '{} - {} [23/Nov/2026:01:00:00 +0000] "GET {} HTTP/1.1" 200 {} "{}" "{}"'.format,
                FIELD, FIELD, FIELD, st.sampled_from(["0", "07", "12", "-", ""]), FIELD, FIELD,
            ),
            st.builds(lambda extra, line: extra + line, FIELD, st.just(ORDINARY)),
        ),
        min_size=1, max_size=4,
    ),
    st.sampled_from([nginx, apache]),
)  # fmt: skip
def test_lines_at_a_stroke_are_what_each_of_them_is_by_itself_beside_garbage(
    lines: list[str], server: Callable[[], AccessLogParser]
) -> None:
    together = server().parse(framed(*lines))
    alone = [server().parse(framed(line, "garbage")) for line in lines]
    assert list(together.bodies) == [records.bodies[0] for records in alone]
    assert list(together.times) == [records.times[0] for records in alone]


def test_apache_may_be_short_and_leaves_out_what_is_a_dash() -> None:
    records = apache().parse(framed(SHORT, SHORT))
    assert fields(records)[0] == {
        "source": {"address": "203.0.113.7"},
        "http": {"request": {"method": "POST"}, "version": "1.0", "response": {"status_code": 304}},
        "url": {"original": "/a"},
    }
    assert records.times[0] == "2026-11-23T01:00:00+01:00"


def test_garbage_between_ordinary_lines_is_a_message_with_the_reason() -> None:
    records = nginx().parse(framed(ORDINARY, "garbage", ORDINARY))
    assert list(records.errors) == [1]
    assert fields(records)[1] == {"message": "garbage"}


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


def test_a_list_gives_each_line_to_the_first_that_can() -> None:
    chain = ParserChain([JsonParser(Timestamps()), nginx(), PlainTextParser()])
    records = chain.parse(framed('{"a":1}', ORDINARY, "text"))
    assert not records.errors
    assert [sorted(found)[0] for found in fields(records)] == ["a", "http", "message"]
    assert list(records.times) == ["", "2026-11-23T01:00:00Z", ""]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-23T01:00:00.123456789+01:00", "2026-11-23T01:00:00.123456789+01:00"),
        ("2026-11-23 01:00:00,123", "2026-11-23T01:00:00.123Z"),
        ("2026-11-23T01:00:00+0530", "2026-11-23T01:00:00+05:30"),
        ("2026-11-23T01:00z", "2026-11-23T01:00:00Z"),
        ("1795395600", "2026-11-23T01:00:00Z"),
        ("1795395600123", "2026-11-23T01:00:00.123Z"),
        ("1795395600123456789", "2026-11-23T01:00:00.123456789Z"),
        ("2026-13-23T01:00:00Z", ""),
        ("2026-02-30T01:00:00Z", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_times_of_all_usual_shapes(written: str, expected: str) -> None:
    assert Timestamps().read(written) == expected


def test_a_time_without_a_zone_is_in_the_one_that_was_told() -> None:
    assert Timestamps(zone="Europe/Berlin").read("2026-07-01 12:00:00") == "2026-07-01T12:00:00+02:00"
    berlin = Timestamps(["%d/%b/%Y %H:%M:%S"], "Europe/Berlin")
    assert berlin.read("23/Nov/2026 01:00:00") == "2026-11-23T01:00:00+01:00"
    assert berlin.read("2026-11-23T01:00:00Z") == ""


def test_an_offset_with_seconds_is_no_time_because_no_database_takes_it() -> None:
    assert Timestamps(["%Y-%m-%d %H:%M:%S"], "Europe/Berlin").read("1850-01-01 00:00:00") == ""
    assert Timestamps(["%Y-%m-%d %H:%M:%S%z"]).read("2026-11-23 01:00:00+00:00:01") == ""


@pytest.mark.parametrize(
    "time",
    ["2026-11-23t01:00:00Z", "2026-11-23T01:00:00z", "2026-11-23 01:00:00Z", "2026-11-23T01:00:00.1234567890Z",
     "2026-11-23T01:00:00", "2026-11-23T01:00:00+0100", "2026-11-23T24:00:00Z", "", '2026-11-23T01:00:00Z","'],
)  # fmt: skip
def test_what_elasticsearch_would_not_take_is_never_passed_at_a_stroke(time: str) -> None:
    assert not is_rfc3339(time)
    assert not all_rfc3339(["2026-11-23T01:00:00Z", time, "2026-11-23T01:00:00.5Z"])
    assert all_rfc3339(["2026-11-23T01:00:00Z", "2026-11-23T01:00:00.123456789Z", "2026-11-23T01:00:00+01:00"])


TIMES = [f"2026-11-23T{hour:02}:{minute:02}:{minute:02}.5Z" for hour in (0, 19, 23) for minute in (0, 9, 59)]
WRONG = ["2026-11-23T24:00:00.5Z", "2026-11-23T23:60:00.5Z", "2026-11-23T23:00:60.5Z", "2026-11-31T23:00:00.5Z",
         "2026-11-23T2\u0663:00:00.5Z", "2026-11-23T23:00:00.:Z", "2026-11-23T23:00:00.5z", "2026-11-23T23:00:00,5Z",
         '2026-11-23T23:00:00"5Z', "2026-11-23T23:00:00.55", "", "2026-11-23T23:00:00.55Z"]  # fmt: skip


@given(st.lists(st.sampled_from([*TIMES, *TIMES, *WRONG]), min_size=1, max_size=8))
def test_times_that_are_looked_at_together_are_as_good_as_one_by_one(times: list[str]) -> None:
    if all_rfc3339(times):
        assert all(map(is_rfc3339, times))
    if set(times) <= set(TIMES):
        assert all_rfc3339(times)
