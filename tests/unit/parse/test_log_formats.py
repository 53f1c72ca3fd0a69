"""Known formats: fields with their types, times with what they leave out, and the same at a stroke as one by one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.document.builder import DocumentBuilder
from sidecar.model.documents import SplicedDocuments
from sidecar.parse.chain import Parser, ParserChain
from sidecar.parse.format_parser import FormatParser
from sidecar.parse.log_formats import FORMATS
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.settings import BUILT_IN
from sidecar.parse.time.format_times import FormatTimes, iso_times, month_first_times
from sidecar.testing import ManualClock
from tests.support.builders.records import framed

NOVEMBER = 1795395600.0
"""2026-11-23T01:00:00Z."""


def parser(name: str, zone: str = "UTC", now: float = NOVEMBER) -> FormatParser:
    return FormatParser(FORMATS[name], FormatTimes(FORMATS[name].to_iso, zone, ManualClock(now)))


def read(parser: Parser, line: str) -> tuple[dict[str, Any], str]:
    """The fields and the time of a line that parses."""
    records = parser.parse(framed(line))
    assert not records.errors
    found: dict[str, Any] = json.loads("{" + records.bodies[0] + "}")
    return found, records.times[0]


def syslog_priority(number: int, facility: tuple[int, str], severity: tuple[int, str]) -> dict[str, Any]:
    return {
        "priority": number,
        "facility": {"code": facility[0], "name": facility[1]},
        "severity": {"code": severity[0], "name": severity[1]},
    }


AUTH_CRITICAL = syslog_priority(34, (4, "security/authorization"), (2, "critical"))
LOCAL_NOTICE = syslog_priority(165, (20, "local4"), (5, "notice"))
EXAMPLES: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "syslog", "<34>1 2026-11-23T01:00:00.003Z shop.example su - ID47 - \ufeff'su root' failed for lonvick",
        "2026-11-23T01:00:00.003Z",
        {"message": "'su root' failed for lonvick", "log": {"level": "critical", "syslog": AUTH_CRITICAL | {
            "version": 1, "hostname": "shop.example", "appname": "su", "msgid": "ID47"}}},
    ),
    (
        "syslog", r'<165>1 2026-11-23T01:00:00-07:00 - app 12 - [a@1 iut="3" q="\"x\]\\" iut="4"][b] done',
        "2026-11-23T01:00:00-07:00",
        {"message": "done", "log": {"level": "notice", "syslog": LOCAL_NOTICE | {
            "version": 1, "appname": "app", "procid": "12",
            "structured_data": {"a@1": {"iut": ["3", "4"], "q": '"x]\\'}, "b": {}}}}},
    ),
    (
        "syslog", "<191>1 - - - - - -", "",
        {"log": {"level": "debug", "syslog": syslog_priority(191, (23, "local7"), (7, "debug")) | {"version": 1}}},
    ),
    (
        "syslog", "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "2026-10-11T22:14:15Z",
        {"message": "'su root' failed", "log": {"level": "critical", "syslog": AUTH_CRITICAL | {
            "hostname": "mymachine", "appname": "su"}}},
    ),
    (
        "syslog", "Nov  3 01:00:00 node sshd[812]: Accepted publickey", "2026-11-03T01:00:00Z",
        {"message": "Accepted publickey",
         "log": {"syslog": {"hostname": "node", "appname": "sshd", "procid": "812"}}},
    ),
    (
        "syslog", "2026-11-23T01:00:00.123456+01:00 node kernel: [ 1.0] eth0: up", "2026-11-23T01:00:00.123456+01:00",
        {"message": "[ 1.0] eth0: up", "log": {"syslog": {"hostname": "node", "appname": "kernel"}}},
    ),
    (
        "klog", 'I1123 01:00:00.123456    0007 main.go:42] "Started" addr="[::]:10250"',
        "2026-11-23T01:00:00.123456Z",
        {"message": '"Started" addr="[::]:10250"', "process": {"thread": {"id": 7}},
         "log": {"level": "info", "origin": {"file": {"name": "main.go", "line": 42}}}},
    ),
    (
        "python", "2026-11-23 01:00:00,123 - shop.db - WARNING - slow", "2026-11-23T01:00:00.123Z",
        {"message": "slow", "log": {"level": "warning", "logger": "shop.db"}},
    ),
    ("python", "ERROR:root:boom", "", {"message": "boom", "log": {"level": "error", "logger": "root"}}),
    (
        "python", "2026-11-23 01:00:00 [INFO] shop.db: connected", "2026-11-23T01:00:00Z",
        {"message": "connected", "log": {"level": "info", "logger": "shop.db"}},
    ),
    (
        "log4j", "00:59:00.123 [main] DEBUG c.e.Shop - Hi", "2026-11-23T00:59:00.123Z",
        {"message": "Hi", "process": {"thread": {"name": "main"}}, "log": {"level": "debug", "logger": "c.e.Shop"}},
    ),
    (
        "log4j", "2026-11-23 01:00:00,123 INFO  [pool-1] c.e.Shop - two - three", "2026-11-23T01:00:00.123Z",
        {"message": "two - three", "process": {"thread": {"name": "pool-1"}},
         "log": {"level": "info", "logger": "c.e.Shop"}},
    ),
    (
        "log4j", "2026-11-23T01:00:00.123+01:00  WARN 1 --- [shop] [           main] c.e.Shop                 : Up",
        "2026-11-23T01:00:00.123+01:00",
        {"message": "Up", "process": {"pid": 1, "thread": {"name": "main"}}, "service": {"name": "shop"},
         "log": {"level": "warn", "logger": "c.e.Shop"}},
    ),
    (
        "postgresql", '2026-11-23 01:00:00.123 UTC [12] shop@orders ERROR:  duplicate key "a"',
        "2026-11-23T01:00:00.123Z",
        {"message": 'duplicate key "a"', "process": {"pid": 12}, "user": {"name": "shop"},
         "postgresql": {"log": {"database": "orders"}}, "log": {"level": "error"}},
    ),
    (
        "mysql", "2026-11-23T01:00:00.123456Z 0 [System] [MY-010116] [Server] mysqld starting as process 1",
        "2026-11-23T01:00:00.123456Z",
        {"message": "mysqld starting as process 1", "process": {"thread": {"id": 0}},
         "mysql": {"error": {"code": "MY-010116", "subsystem": "Server"}}, "log": {"level": "system"}},
    ),
    (
        "java_gc", "[2026-11-23T01:00:00.123+0000][0,015s][info][gc,start    ] GC(0) Pause Young",
        "2026-11-23T01:00:00.123Z",
        {"message": "GC(0) Pause Young", "jvm": {"uptime": 0.015, "log": {"tags": ["gc", "start"]}},
         "log": {"level": "info"}},
    ),
    (
        "nginx_error", '2026/11/23 01:00:00 [error] 31#32: *5 open() "/a" failed (2: No), client: ::1, server: _',
        "2026-11-23T01:00:00Z",
        {"message": 'open() "/a" failed (2: No), client: ::1, server: _',
         "process": {"pid": 31, "thread": {"id": 32}}, "source": {"address": "::1"},
         "nginx": {"error": {"connection_id": 5}}, "log": {"level": "error"}},
    ),
    (
        "nginx_error", "2026/11/23 01:00:00 [notice] 1#1: signal 15 received", "2026-11-23T01:00:00Z",
        {"message": "signal 15 received", "process": {"pid": 1, "thread": {"id": 1}}, "log": {"level": "notice"}},
    ),
    (
        "apache_error", "[Mon Nov 23 01:00:00.123456 2026] [core:error] [pid 35:tid 43] [client ::1:123] AH1: File",
        "2026-11-23T01:00:00.123456Z",
        {"message": "File", "process": {"pid": 35, "thread": {"id": 43}}, "source": {"address": "::1", "port": 123},
         "apache": {"error": {"code": "AH1", "module": "core"}}, "log": {"level": "error"}},
    ),
    (
        "apache_error", "[Mon Nov 23 01:00:00 2026] [core:error] [pid 35] (13)Permission: [client ::1:123] AH35: no",
        "2026-11-23T01:00:00Z",
        {"message": "no", "process": {"pid": 35}, "source": {"address": "::1", "port": 123},
         "apache": {"error": {"code": "AH35", "status": "(13)Permission", "module": "core"}},
         "log": {"level": "error"}},
    ),
    (
        "mysql", "2026-11-23  1:00:00 0 [Note] InnoDB: ready", "2026-11-23T01:00:00Z",
        {"message": "InnoDB: ready", "process": {"thread": {"id": 0}}, "log": {"level": "note"}},
    ),
    (
        "syslog", "<2>Nov 23 01:00:00 node last message repeated 3 times", "2026-11-23T01:00:00Z",
        {"message": "last message repeated 3 times", "log": {"level": "critical", "syslog": {
            "priority": 2, "facility": {"code": 0, "name": "kernel"}, "severity": {"code": 2, "name": "critical"},
            "hostname": "node"}}},
    ),
    (
        "log4j", "2026-11-23 01:00:00.123 [main] INFO  c.e.Shop -- two dashes", "2026-11-23T01:00:00.123Z",
        {"message": "two dashes", "process": {"thread": {"name": "main"}},
         "log": {"level": "info", "logger": "c.e.Shop"}},
    ),
    (
        "apache_error", "[Mon Nov 23 01:00:00 2026] [error] [client ::1] File does not exist", "2026-11-23T01:00:00Z",
        {"message": "File does not exist", "source": {"address": "::1"}, "log": {"level": "error"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "line", "time", "fields"), EXAMPLES)
def test_a_line_becomes_typed_fields_with_its_time(name: str, line: str, time: str, fields: dict[str, Any]) -> None:
    assert read(parser(name), line) == (fields, time)


def test_every_format_is_known_by_its_name_and_has_an_example() -> None:
    assert set(FORMATS) < set(BUILT_IN)
    assert {name for name, *_ in EXAMPLES} == set(FORMATS)


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, line, *_ in EXAMPLES])
def test_fields_of_ours_are_put_beside_those_of_log_at_a_stroke_as_one_by_one(name: str, line: str) -> None:
    finisher = DocumentBuilder(ManualClock(), "node")
    at_a_stroke = finisher.build(parser(name).parse(framed(line)))
    assert isinstance(at_a_stroke, SplicedDocuments)
    beside_garbage = finisher.build(parser(name).parse(framed(line, "garbage")))
    assert at_a_stroke.json_lines()[0] == beside_garbage.json_lines()[0]
    assert json.loads(at_a_stroke.json_lines()[0])["log"]["offset"] == 0


PIECE = st.sampled_from(
    ['"', "\\", "\t", "ä", "\u0663", " ", "[", "]", "-", ":", "\u2028", "%s", "\U0001f600", "007"]
)


@given(
    st.sampled_from(sorted(FORMATS)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(
                st.tuples(
                    st.sampled_from([line for other, line, *_ in EXAMPLES if other == name]),
                    st.integers(0, 120),
                    st.one_of(st.just(""), PIECE),
                ),
                min_size=1,
                max_size=4,
            ),
        )
    )
)
def test_lines_at_a_stroke_are_what_each_of_them_is_by_itself_beside_garbage(
    drawn: tuple[str, list[tuple[str, int, str]]],
) -> None:
    name, parts = drawn
    lines = [line[:place] + piece + line[place:] for line, place, piece in parts]
    together = parser(name).parse(framed(*lines))
    alone = [parser(name).parse(framed(line, "garbage")) for line in lines]
    assert list(together.bodies) == [records.bodies[0] for records in alone]
    assert list(together.times) == [records.times[0] for records in alone]
    for members in together.bodies:
        json.loads("{" + members + "}")
    assert set(together.errors) == {index for index, records in enumerate(alone) if 0 in records.errors}


def test_an_event_of_several_lines_is_one_message() -> None:
    lines = [
        "2026-11-23 01:00:00,123 - shop - ERROR - boom",
        "Traceback:",
        "2026-11-23 01:00:01,123 - shop - INFO - on",
    ]
    begins = (0, sum(len(line) + 1 for line in lines[:2]))
    records = parser("python").parse(framed(*lines, events=begins))
    assert [json.loads("{" + members + "}")["message"] for members in records.bodies] == ["boom\nTraceback:", "on"]
    assert isinstance(DocumentBuilder(ManualClock(), "node").build(records), SplicedDocuments)


def test_a_line_of_another_format_is_a_message_with_the_reason() -> None:
    records = parser("klog").parse(framed("hello", EXAMPLES[6][1]))
    assert records.errors == {0: "the line is not in the format of klog"}
    assert records.bodies[0] == '"message":"hello"'
    chain = ParserChain([parser("klog"), parser("postgresql"), PlainTextParser()])
    assert not chain.parse(framed("hello", EXAMPLES[6][1])).errors


@pytest.mark.parametrize(
    ("now", "written", "expected"),
    [
        ("2027-01-01T00:00:30", "Dec 31 23:59:59", "2026-12-31T23:59:59Z"),
        ("2026-12-31T23:59:59", "Jan  1 00:00:01", "2027-01-01T00:00:01Z"),
        ("2026-11-23T01:00:00", "Nov 24 00:59:59", "2026-11-24T00:59:59Z"),
        ("2026-11-23T01:00:00", "Nov 24 01:00:01", "2025-11-24T01:00:01Z"),
        ("2026-11-23T01:00:00", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"),
        ("2103-01-01T00:00:00", "Feb 29 12:00:00", "2096-02-29T12:00:00Z"),
        ("2026-11-23T01:00:00", "Feb 30 12:00:00", ""),
        ("2026-11-23T01:00:00", "Foo 11 12:00:00", ""),
        ("2026-11-23T01:00:00", "Nov 11 25:00:00", ""),
    ],
)
def test_a_time_without_its_year_is_the_last_one_that_is_not_ahead(now: str, written: str, expected: str) -> None:
    times = FormatTimes(month_first_times, "UTC", ManualClock(datetime.fromisoformat(f"{now}+00:00").timestamp()))
    assert times.convert_all({"time": [written]}, 1) == [expected]


def test_a_clock_alone_is_of_today_or_of_yesterday() -> None:
    shortly_after_midnight = NOVEMBER - 50 * 60
    _, time = read(parser("log4j", now=shortly_after_midnight), "23:59:59.5 [main] INFO a - b")
    assert time == "2026-11-22T23:59:59.5Z"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-07-01 12:00:00", "2026-07-01T12:00:00+02:00"),
        ("2026-12-01 12:00:00", "2026-12-01T12:00:00+01:00"),
        ("2026-03-29 02:30:00", "2026-03-29T02:30:00+01:00"),
        ("2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-02-30 12:00:00", ""),
        ("1850-01-01 00:00:00", ""),
    ],
)
def test_a_time_without_its_zone_is_in_the_one_that_was_told(written: str, expected: str) -> None:
    assert FormatTimes(iso_times, "Europe/Berlin", ManualClock()).convert_all({"time": [written]}, 1) == [expected]


def test_a_zone_by_a_name_that_is_no_offset_is_the_one_that_was_told() -> None:
    _, time = read(parser("postgresql", "Europe/Berlin"), "2026-11-23 01:00:00.123 CET [12] LOG:  ready")
    assert time == "2026-11-23T01:00:00.123+01:00"


def test_what_was_converted_is_forgotten_before_there_is_too_much_of_it() -> None:
    times = FormatTimes(iso_times, "UTC", ManualClock())
    many = [f"2026-11-23 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(5000)]
    assert times.convert_all({"time": many}, 5000)[-1] == "2026-11-23T01:23:19Z"
    assert times.convert_all({"time": many[:1]}, 1) == ["2026-11-23T00:00:00Z"]
