"""plain, nginx, apache, regex and lists of parsers."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse.access_log import AccessLogParser, apache, nginx
from tests.support.builders.records import fields, framed

ORDINARY = (
    '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5"'
)
SHORT = '203.0.113.7 - - [23/Nov/2026:01:00:00 +0100] "POST /a HTTP/1.0" 304 -'


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
