"""Access logs: the formats of servers, and what stands before and after them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse import access_log
from sidecar.parse.access_log import AccessLogParser
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.zones import Zones
from tests.support.builders.records import fields, framed
from tests.support.fits import assert_fits

ORDINARY = (
    '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5"'
)
SHORT = '203.0.113.7 - - [23/Nov/2026:01:00:00 +0100] "POST /a HTTP/1.0" 304 -'


def nginx(zone: str = "UTC") -> AccessLogParser:
    return access_log.nginx(Zones(zone))


def apache(zone: str = "UTC") -> AccessLogParser:
    return access_log.apache(Zones(zone))


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
        (nginx(), f'{ORDINARY} "-"'),
        (nginx(), f'{ORDINARY} "198.51.100.4, 192.0.2.1"'),
        (nginx(), f'{ORDINARY} "-" 0.005 0.004'),
        (nginx(), f'{ORDINARY} 1 "shop@docker" "http://10.0.0.1:80" 3ms'),
        (apache(), f'{SHORT} "-"'),
        (nginx(), f"shop.example.com:443 {ORDINARY}"),
        (nginx(), f"shop.example.com {ORDINARY} 0.005"),
        (apache(), f"shop.example.com:443 {SHORT}"),
        (nginx(), f"shop.example.com:99999 {ORDINARY}"),
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


def test_addresses_behind_the_user_agent_are_those_of_proxies_and_all_else_is_kept() -> None:
    def extra(text: str) -> dict[str, Any]:
        (found,) = fields(nginx().parse(framed(f"{ORDINARY} {text}")))
        return {name: value for name, value in found.items() if name in ("network", "log")}

    assert extra('"-"') == {}
    assert extra('"198.51.100.4"') == {"network": {"forwarded_ip": "198.51.100.4"}}
    assert extra('"198.51.100.4, unknown, 2001:db8::1" rt=0.1') == {
        "network": {"forwarded_ip": ["198.51.100.4", "2001:db8::1"]}, "log": {"extra": "rt=0.1"},
    }  # fmt: skip
    assert extra('"my gateway" 0.005') == {"log": {"extra": '"my gateway" 0.005'}}


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (
            "shop.example.com:443 203.0.113.7 - ann",
            {"address": "203.0.113.7", "user": "ann", "domain": "shop.example.com", "port": 443},
        ),
        ("shop.example.com 203.0.113.7 - -", {"address": "203.0.113.7", "domain": "shop.example.com"}),
        (
            "203.0.113.7, 192.0.2.1, 192.0.2.2 - ann",
            {"address": "203.0.113.7", "user": "ann", "proxies": ["192.0.2.1", "192.0.2.2"]},
        ),
        ("- - ann", {"user": "ann"}),
        ("web-1 - ann b", {"address": "web-1", "user": "ann b"}),
        ("2001:db8::7 ident -", {"address": "2001:db8::7", "ident": "ident"}),
        ("203.0.113.7 - - ann", None),
        ("203.0.113.777 - ann", None),
        ("{what} - -", None),
        ("shop.example.com:99999 203.0.113.7 - ann", None),
        ("203.0.113.7", None),
    ],
)  # fmt: skip
def test_before_the_time_are_an_address_and_a_user_and_perhaps_a_host_or_proxies(
    front: str, expected: dict[str, Any] | None
) -> None:
    line = ORDINARY.replace("203.0.113.7 - ann", front)
    records = nginx().parse(framed(line))
    if expected is None:
        assert fields(records) == [{"message": line}]
        assert records.errors
        return
    (found,) = fields(records)
    source, url = found.get("source", {}), found["url"]
    values = {
        "address": source.get("address"), "ident": source.get("user", {}).get("name"), "domain": url.get("domain"),
        "user": found.get("user", {}).get("name"), "port": url.get("port"),
        "proxies": found["http"]["request"].get("proxies"),
    }  # fmt: skip
    assert {name: value for name, value in values.items() if value is not None} == expected


def test_a_time_without_a_zone_is_local() -> None:
    line = SHORT.replace("23/Nov/2026:01:00:00 +0100", "23/Nov/2026 01:00:00")
    assert list(apache("Europe/Berlin").parse(framed(line)).times) == ["2026-11-23T01:00:00+01:00"]


@pytest.mark.parametrize("status", ["000", "009", "-"])
def test_what_is_no_status_makes_no_field(status: str) -> None:
    records = nginx().parse(framed(ORDINARY.replace(" 200 ", f" {status} ")))
    assert not records.errors
    assert fields(records)[0]["http"]["response"] == {"body": {"bytes": 512}}


@given(st.sampled_from([nginx, apache]), st.integers(0, 40), st.text(st.sampled_from('0129.:,-[]" aé٣%'), max_size=6))
def test_every_field_of_an_access_log_has_a_value_that_fits(
    server: Callable[[], AccessLogParser], place: int, odd: str
) -> None:
    words = ORDINARY.split(" ")
    words[place % len(words)] = odd
    records = server().parse(framed(" ".join(words)))
    for found in fields(records):
        assert_fits(found)
    assert records.errors or is_rfc3339(records.times[0])


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
