"""Known formats: fields with their types, times without a part, and the same results in both paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from time import process_time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.document.builder import DocumentBuilder
from sidecar.lib.jsontext.nested import flatten
from sidecar.model.documents import SplicedDocuments
from sidecar.parse.chain import Parser, ParserChain
from sidecar.parse.format_parser import FormatParser
from sidecar.parse.formats import FORMATS
from sidecar.parse.formats.pieces import FIRST_LEVEL
from sidecar.parse.plain import PlainTextParser
from sidecar.parse.time.date_shapes import local_time
from sidecar.parse.time.format_times import FormatTimes
from sidecar.parse.time.rfc3339 import is_rfc3339
from sidecar.parse.time.zones import Zones
from sidecar.testing import ManualClock
from tests.support.builders.records import framed, parsed
from tests.support.fits import assert_fits

NOVEMBER = 1795395600.0
"""2026-11-23T01:00:00Z."""


def parser(name: str, zone: str = "UTC", now: float = NOVEMBER, **zones: str) -> FormatParser:
    return FormatParser(FORMATS[name], FormatTimes(FORMATS[name].to_iso, Zones(zone, zones), ManualClock(now)))


def read(parser: Parser, line: str) -> tuple[dict[str, Any], str]:
    """The fields and the time of a line that parses."""
    records = parser.parse(framed(line, events=(0,) if "\n" in line else None))
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


VARIANTS = [
    ("coredns", '[INFO] 192.0.2.7:6 - 2 "A IN a.example. udp 4 false 5" - - 0 6.01s', {"dns.response_code": None}),
    ("coredns", '[INFO] 192.0.2.7:6332 - 28 "A IN a.example. udp 49 false 4096" NOERROR - 0 6.01s',
     {"dns.response_code": "NOERROR", "dns.header_flags": None}),
    ("coredns", "2026/11/23 01:00:00 [INFO] Reloading complete", {"log.level": "info"}),
    ("coredns", "[PANIC] plugin/ready: no", {"log.level": "panic"}),
    ("auditd", "audit: type=1400 audit(1795395600.123:77): avc: denied", {"auditd.log.record_type": "1400"}),
    ("rabbitmq", "2026-11-23 01:00:00.462 [error] <0.31.1>@mqtt_fsm:publish:66 refused",
     {"log.origin.function": "mqtt_fsm:publish", "log.origin.file.line": 66, "message": "refused"}),
    ("redis", "[7] 3 Nov 14:35:22 # Server started, Redis version 2.4", {"process.pid": 7}),
    ("logcat", "11-23 01:00:00.651: D/AndroidRuntime(4376): START", {"log.logger": "AndroidRuntime"}),
    ("logcat", "11-23 01:00:00.123  u0_a12  1234  5678 I Tag: x",
     {"user.id": "u0_a12", "process.pid": 1234, "process.thread.id": 5678}),
    ("logcat", "11-23 01:00:00.123 +0200 1234 5678 I Tag: x", {"user.id": None, "process.pid": 1234}),
    ("haproxy", "[WARNING] 326/010000 (1) : Server app/app1 is DOWN", {"log.level": "warning", "process.pid": 1}),
    ("haproxy", "Nov 3 00:00:00 lb haproxy[1]: Connect from 192.0.2.7:4 to 192.0.2.8:80", {"process.pid": 1}),
    ("dmesg", "[   68.770307][ T1498] CPU: 0", {"dmesg.caller": "T1498", "message": "CPU: 0"}),
    ("dmesg", "[    5.408731]", {"message": None}),
    ("dotnet", "[2026-11-23 01:00:00 INF] up", {"log.level": "info"}),
    ("dotnet", "2026-11-23T01:00:00.1234567Z [Information] up", {"log.level": "info"}),
    ("dotnet", "2026-11-23 01:00:00,123 [12] ERROR App.Main - no", {"log.logger": "App.Main", "log.extra": None}),
    ("python", "[2026-11-23, 01:00:00 UTC] {task.py:7} INFO - done", {"log.origin.file.line": 7}),
    ("python", "[W 261123 01:00:00 web:2238] 404 GET /a", {"log.level": "warning", "log.logger": "web"}),
    ("go", "INFO[2026-11-23T01:00:00Z] up", {"log.level": "info", "process.uptime": None}),
    ("postgresql", "LOG:  database system is ready", {"log.level": "log"}),
    ("dotnet", "2026-11-23 01:00:00.1234|0|INFO|App.X|up|url: /a", {"dotnet.event_id": 0, "message": "up|url: /a"}),
]  # fmt: skip
"""Lines of other versions and options of a program, and some of their values; None for a field that is absent."""


@pytest.mark.parametrize(("name", "line", "expected"), VARIANTS)
def test_what_other_versions_write_is_read_too(name: str, line: str, expected: dict[str, Any]) -> None:
    records = parsed(name, line)
    assert not records.errors
    found = flatten(f"{{{records.bodies[0]}}}")
    assert {path: found.get(path) for path in expected} == expected


SAMPLES = [(name, number, line) for name, form in FORMATS.items() for number, line in enumerate(form.examples)]


@pytest.mark.parametrize(("name", "number", "line"), SAMPLES)
def test_each_pattern_is_the_first_to_match_its_example(name: str, number: int, line: str) -> None:
    form = FORMATS[name]
    assert len(form.examples) == len(form.patterns)
    matching = [n for n, pattern in enumerate(form.patterns) if re.fullmatch(pattern, line, re.DOTALL | re.ASCII)]
    assert matching[:1] == [number]


@pytest.mark.parametrize(("name", "number", "line"), SAMPLES)
def test_an_example_has_its_time_and_its_level(name: str, number: int, line: str) -> None:
    found, time = read(parser(name), line)
    groups = re.compile(FORMATS[name].patterns[number]).groupindex
    may_lack_time = "time" not in groups or (name, number) in {("coredns", 0), ("coredns", 2), ("dotnet", 0)}
    assert time.startswith("2026-11-23T") or may_lack_time
    may_lack_level = "level" not in groups or name in LEVELLESS or FIRST_LEVEL in FORMATS[name].patterns[number]
    assert may_lack_level or found["log"]["level"]
    assert found.get("log", {}).get("extra") != ""


class OneLineAtMost(list[str]):
    """The texts of a chunk, of which only single ones may be read."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the lines were parsed one by one")


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, _, line in SAMPLES if "\n" not in line])
def test_a_chunk_of_one_layout_is_parsed_in_one_pass(name: str, line: str) -> None:
    lines = framed(*[line] * 1000)
    records = parser(name).parse(replace(lines, texts=OneLineAtMost(lines.texts)))
    assert (len(set(records.bodies)), len(records.bodies), records.errors) == (1, 1000, {})


LEVELLESS = {"dmesg", "go"}
"""In some of its layouts the level may be missing."""


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, line, *_ in EXAMPLES])
def test_fields_of_ours_are_put_beside_those_of_log_at_a_stroke_as_one_by_one(name: str, line: str) -> None:
    finisher = DocumentBuilder(ManualClock(), "node")
    at_a_stroke = finisher.build(parser(name).parse(framed(line)))
    assert isinstance(at_a_stroke, SplicedDocuments)
    beside_garbage = finisher.build(parser(name).parse(framed(line, "garbage")))
    assert at_a_stroke.json_lines()[0] == beside_garbage.json_lines()[0]
    assert json.loads(at_a_stroke.json_lines()[0])["log"]["offset"] == 0


@pytest.mark.parametrize("name", ["dmesg", "squid"])
def test_a_field_that_no_line_has_is_no_conflict(name: str) -> None:
    records = parser(name).parse(framed(FORMATS[name].examples[0]))
    assert "log" not in (records.root_names or "log")
    assert isinstance(DocumentBuilder(ManualClock(), "node").build(records), SplicedDocuments)


PIECE = st.sampled_from(
    ['"', "\\", "\t", "ä", "\u0663", " ", "[", "]", "-", ":", "\u2028", "%s", "\U0001f600", "007"]
)


@given(
    st.sampled_from(sorted(FORMATS.keys() - {"mysql_slow"})).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(
                st.tuples(
                    st.sampled_from([line for other, _, line in SAMPLES if other == name and "\n" not in line]),
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
    times = FormatTimes(local_time, Zones(), ManualClock(datetime.fromisoformat(f"{now}+00:00").timestamp()))
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
    times = FormatTimes(local_time, Zones("Europe/Berlin"), ManualClock())
    assert times.convert_all({"time": [written]}, 1) == [expected]


@pytest.mark.parametrize(
    ("zone", "name", "expected"),
    [
        ("Europe/Berlin", "CET", "+01:00"), ("UTC", "CEST", "+02:00"), ("UTC", "EDT", "-04:00"),
        ("America/Chicago", "CST", "-06:00"), ("Asia/Shanghai", "CST", "+08:00"), ("Asia/Kolkata", "IST", "+05:30"),
        ("Europe/London", "BST", "+01:00"), ("UTC", "GMT", "Z"), ("UTC", "Z", "Z"),
    ],
)  # fmt: skip
def test_the_name_of_a_zone_is_that_of_the_configured_zone_or_the_usual_one(
    zone: str, name: str, expected: str
) -> None:
    records = parser("postgresql", zone).parse(framed(f"2026-07-23 01:00:00.123 {name} [12] LOG:  ready"))
    assert list(records.times) == [f"2026-07-23T01:00:00.123{expected}"]
    assert not records.annotations


def test_an_unknown_zone_is_utc_with_a_note_and_may_be_configured() -> None:
    line = "2026-11-23 01:00:00.123 IST [12] LOG:  ready"
    for lines in ([line], [line, "garbage"]):
        records = parser("postgresql", "Europe/Berlin").parse(framed(*lines))
        assert records.times[0] == "2026-11-23T01:00:00.123Z"
        assert records.annotations == {0: {"log.unknown_zone": '"IST"'}}
    assert read(parser("postgresql", IST="+05:30"), line)[1] == "2026-11-23T01:00:00.123+05:30"
    assert read(parser("postgresql", IST="Asia/Jerusalem"), line)[1] == "2026-11-23T01:00:00.123+02:00"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("apache_error", "[Mon Nov 23 01:00:00 2026] [error] [client 999.0.113.7] File does not exist"),
        ("nginx_error", "2026/11/23 01:00:00 [error] 31#32: *5 open() failed, client: 203.0.113.700, server: _"),
        ("syslog", "Foo 23 01:00:00 web-1 sshd[812]: Accepted"),
        ("syslog", "2026-11-23T01:00:00Z info server: listening"),
        ("haproxy", FORMATS["haproxy"].examples[1].replace(":51234", ":91234")),
    ],
)
def test_a_value_that_does_not_fit_its_field_makes_the_line_a_message(name: str, line: str) -> None:
    for lines in ([line], ["garbage", line]):
        records = parser(name).parse(framed(*lines))
        assert len(records.errors) == len(lines)
        assert json.loads("{" + records.bodies[-1] + "}") == {"message": line}


ODD = st.sampled_from(
    ["999.1.2.3", "::ffff:1.2.3.4", "fe80::1%eth0", "-", "- ann", "a b", "000", "099", "0", "65536", "99999", "x",
     "shop.example.com:443", "unix:", "10.0.0.1, 10.0.0.2", "[::1]", "+5", "-1", "١٢٣", "", "1e5", "00:00:60"]
)  # fmt: skip
WORDS = re.compile(r"[^\s\[\]\"/:]+|\S+")


@given(st.sampled_from(SAMPLES).flatmap(lambda sample: st.tuples(st.just(sample), st.integers(0, 40), ODD)))
def test_whatever_a_line_holds_each_field_has_values_that_fit(drawn: tuple[tuple[str, int, str], int, str]) -> None:
    (name, _, line), place, odd = drawn
    words = list(WORDS.finditer(line))
    word = words[place % len(words)]
    written = line[: word.start()] + odd + line[word.end() :]
    assume(written.strip())  # no event is empty
    records = parser(name).parse(framed(written, events=(0,)))
    if records.errors:
        assert json.loads("{" + records.bodies[0] + "}") == {"message": written.rstrip("\n")}
        return
    assert_fits(json.loads("{" + records.bodies[0] + "}"))
    assert not records.times[0] or is_rfc3339(records.times[0])


def test_each_pattern_takes_work_in_proportion_to_the_line() -> None:
    """Counted exactly by `make linear`; this finds the worst mistakes in a second."""
    for name, _, line in SAMPLES:
        for unit in (" ", "[a] ", "a.", "1:", '"', "(a", " - ", "a=b "):
            for place in (len(line) // 2, len(line)):
                began = process_time()
                parser(name).parse(framed(line[:place].replace("\n", " ") + unit * (8_000 // len(unit))))
                assert process_time() - began < 0.5, (name, line[:place], unit)


def test_what_was_converted_is_forgotten_before_there_is_too_much_of_it() -> None:
    times = FormatTimes(local_time, Zones(), ManualClock())
    many = [f"2026-11-23 {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}" for n in range(5000)]
    assert times.convert_all({"time": many}, 5000)[-1] == "2026-11-23T01:23:19Z"
    assert times.convert_all({"time": many[:1]}, 1) == ["2026-11-23T00:00:00Z"]
