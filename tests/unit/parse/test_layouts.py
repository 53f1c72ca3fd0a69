"""Lines in the layouts of widespread programs, with time, level and fields; and texts that only look like them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sidecar.decode.ansi import strip_colors
from sidecar.lib.jsontext.nested import flatten
from sidecar.parse import registry
from sidecar.parse.formats import FORMATS
from sidecar.parse.settings import TimestampSettings, detected_parser
from sidecar.pipeline.detection import propose
from sidecar.testing import ManualClock
from tests.support.builders.records import framed

NOVEMBER = 1795395600.0
"""2026-11-23T01:00:00Z."""

CASES = [json.loads(line) for line in (Path(__file__).parent / "layout_lines.ndjson").read_text().splitlines()]


def read(name: str, line: str) -> tuple[dict[str, Any], str] | None:
    """The fields by path and the time of a line, or None if this parser does not read it."""
    parser = registry.create_parser((detected_parser(name),), TimestampSettings(), frozenset(), ManualClock(NOVEMBER))
    records = parser.parse(strip_colors(framed(line, events=(0,) if "\n" in line else None)))
    return None if records.errors else (flatten(f"{{{records.bodies[0]}}}"), records.times[0])


def in_utc(time: str) -> str:
    """The instant of a timestamp, to the microsecond."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}" if time else ""


@pytest.mark.parametrize("case", CASES, ids=[case["kind"] for case in CASES])
def test_a_line_has_its_time_its_level_and_its_fields(case: dict[str, Any]) -> None:
    found = read(case["parser"], case["line"])
    assert found, "not read"
    fields, time = found
    wanted = case["time"] or ""
    assert time.startswith(wanted) if len(wanted) == 10 else in_utc(time) == in_utc(wanted)
    assert fields.get("log.level") == case["level"]
    assert {path: fields.get(path) for path in case["fields"]} == case["fields"]


REST = 'extra=1 "more"'
LINES = [
    *((case["parser"], case["line"]) for case in CASES),
    *((name, line) for name, form in FORMATS.items() for line in form.examples),
    ("nginx", '203.0.113.7 - ann [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5"'),
    ("apache", 'shop.example:443 203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 512'),
    ("cri", "2026-11-23T01:00:00.123456789Z stdout F listening"),
    ("logfmt", "level=info msg=listening"),
    ("plain", "listening"),
]
ENDS = {
    "A broker of ActiveMQ writes the name of the thread, which may contain spaces, at the end of the line.":
        ("process.thread.name", re.compile(r"(?s).*\| main$")),
    "The lines after an event of zap are its stack.": ("error.stack_trace", re.compile(r"(?s).*\nmain\.query.*")),
}  # fmt: skip
"""Reason → the field that keeps a text after a line, and the lines for which this holds."""
UNREAD = {
    "Kafka writes the logger at the end of a line, in parentheses. `python` reads a line without it.":
        re.compile(r"\[2026-11-23 01:00:00,123\] INFO started \(kafka\.server\.KafkaServer\)"),
    "A quoted text without a name is not logfmt.": re.compile("level=info msg=listening"),
}  # fmt: skip
"""Reason → the lines that are not read with a text after them."""


@pytest.mark.parametrize(("name", "line"), LINES)
def test_a_line_that_carries_more_than_its_layout_is_read_and_the_rest_is_kept(name: str, line: str) -> None:
    fields, time = read(name, line) or ({}, "")
    found = read(name, f"{line.rstrip()} {REST}")
    if any(pattern.fullmatch(line) for pattern in UNREAD.values()):
        assert found is None
        return
    assert found, "not read"
    kept, time_beside_rest = found
    ends = {"message", "log.extra", *(path for path, lines in ENDS.values() if lines.fullmatch(line))}
    assert any(REST in str(value) for path, value in kept.items() if path in ends)
    assert time_beside_rest == time
    assert {path: kept.get(path) for path in fields.keys() - ends} == {
        path: fields[path] for path in fields.keys() - ends
    }


LOOKALIKES = [
    ("log4j", "2026-11-23 01:00:00,123 INFO spawned: 'shop' with pid 812"),
    ("log4j", "2026-11-23 01:00:00,123 the shop is in ERROR state [shop] open"),
    (
        "log4j",
        "2026-11-23 01:00:00,123 http-1 ERROR ann 60x42x1 0a1b2c 203.0.113.777 /cart [c.a.jira.web.Cart] failed",
    ),
    ("log4j", "2026-11-23T01:00:00.123456Z I think that the shop is open"),
    ("node", " warning --- the shop is open"),
    ("node", "info: --- the shop is open"),
    ("node", "I20261123 01:00:00.123 the shop is open"),
    ("python", "INFO:  the shop is open"),
    ("python", "01:00:00 PM the shop is open"),
    ("daemons", "2026-11-23 01:00:00: the shop ERROR : open"),
    ("daemons", "lxc 2026112301 ERROR the shop is open"),
    ("daemons", "2026-11-23-02.00.00.123456+060 the shop is open"),
    ("esp", "I (think) the shop: open"),
    ("esp", "[01:00:00][X][shop:1]: open"),
    ("rust", "01:00:00 [INFOS] the shop is open"),
    ("rust", "INFO [shop] the shop is open"),
    ("weblogic", "####<see below> <Info> the shop is open"),
    ("weblogic", "<Nov 23, 2026 1:00:00 AM UTC> <Hello> <Shop> <BEA-000360> <open>"),
    ("weblogic", "[2026-11-23T01:00:00.123+0000] [shop] [INFO] open"),
    ("websphere", "[23/11/26, 1:00:00:123 UTC] 0000002a com.example.Shop  A open"),
    ("websphere", "[05/11/26, 1:00:00:123 UTC] 0000002a com.example.Shop  A open"),
    ("websphere", "[11/23/26, 1:00:00:123 UTC] to be done in the shop"),
    ("websphere", "[WARNING] the shop is open"),
    ("log4j", "2026-11-23 01:00:00 www.example.com is not reachable [ERROR] from here"),
    ("log4j", "2026-11-23 01:00:00 INFO www.example.com is up"),
    ("log4j", "[INFO] [23/11/2026 01:00:00.123] [main] [shop] open"),
    ("go", "2026-11-23T01:00:00Z I!open"),
    ("go", "2026-11-23T01:00:00Z Hello! [shop] open"),
    ("go", "Date: 2026/11/23 01:00:00 open"),
    ("go", "API: the shop\nTime: soon\nis open"),
    ("go", "[2026/11/23 01:00:00.123 +00:00] [INFO] the shop is open"),
    ("ruby", "** [the shop] 812: open"),
    ("ruby", "2026-11-23 01:00:00 +0000 the shop (open): yes"),
    ("elixir", "01:00:00.123 [open] the shop"),
    ("elixir", "2026-11-23T01:00:00Z shop: open"),
    ("node", "[Nest] 812  - 23/11/2026, 01:00:00     LOG [Shop] open"),
    ("node", "2026-11-23T01:00:00.123Z http://shop.example is open"),
    ("node", "2026-11-23T01:00:00.123Z localhost:8080 is open"),
    ("node", "2026-11-23 01:00:00 shop: open"),
    ("php", "2026-11-23 01:00:00 [shop] [open]"),
    ("php", "2026-11-23 01:00:00 [shop.exa mple][42][-][error][db] no stock"),
    ("dotnet", "<6>Shop is open"),
    ("dotnet", "<13>Shop[0] open"),
    ("python", "2026-11-23T01:00:00+0000 [GET] /cart"),
    ("python", "INFO  [shop] open"),
    ("klog", "[W1123 of 01:00:00] the shop.py:42] is open"),
    ("suricata", "11/23/2026-01:00:00.123456 the shop is open"),
    ("suricata", "11/23-01:00:00.123456 [**] the shop [**] {TCP} 203.0.113.7 -> 192.0.2.7"),
    ("suricata", "23/11/2026 -- 01:00:00 - the shop is open"),
    ("cluster", "Nov 23 01:00:00 node1 shop [812] is open"),
    ("cluster", "[2026-11-23 01:00:00.123456] I think that the shop is open"),
    ("cluster", "2026-11-23 01:00:00 1234567890 12 items"),
    ("mail", "Nov 23 01:00:00 the shop: Info: open"),
    ("mail", "Nov 23 01:00:00 shop: open"),
    ("mail", "2026-11-23 01:00:00 the shop is open"),
    ("mail", "Mon Nov 23 01:00:00 2026 the shop is open"),
    ("daemons", "E [23/Nov/2026] the shop is open"),
    ("daemons", "A [23/Foo/2026:01:00:00 +0000] the shop is open"),
    ("daemons", "[12.345] seconds in the shop"),
    ("daemons", "[1795395600] the shop is open"),
    ("daemons", "1795395600 the shop: open"),
    ("daemons", "[Nov 23 01:00:00] SHOP[812]: shop.c: open"),
    ("daemons", "2026-11-23 01:00:00 shop: open"),
    ("syslog", "2026-11-23T01:00:00+0000 error shop : id=42 [Shop] open"),
    ("log4j", "2026-11-23 01:00:00,123 INFO     WARN - disk: full"),
    ("log4j", "2026-11-23 01:00:00.123 UTC 0002 WARN [shop.orders] open"),
    ("rust", "2026-11-23 01:00:00.123+0000 ERROR id:43 - open"),
    ("daemons", "23 Nov 01:00:00 the shop is open"),
    ("daemons", "Nov 23 01:00:00 13 items in the shop"),
    ("dpkg", "Nov 23 01:00:00 Installed the shop"),
    ("dpkg", "Start-Date: soon"),
    ("squid", "2026/11/23 01:00:00 the shop | is open"),
    ("envoy", '[2026-11-23T01:00:00.123Z] "GET /cart HTTP/1.1" 200'),
    ("envoy", '[2026-11-23T01:00:00.123Z] "GET /cart HTTP/1.1" 099 - 0 512 12 11 "-" "-" "-" "-" "-"'),
    ("syslog", "Nov 23 01:00:00 [error] the shop is closed"),
    ("daemons", "<W>eather in the shop"),
    ("daemons", "L 11/23/2026: the shop is open"),
    ("daemons", "(N) the shop is open"),
    ("daemons", "2026-11-23 01:00:00 milk,bread are sold"),
    ("daemons", "2026-11-23 01:00:00 - ! the shop is open"),
    ("daemons", "Nov 23 01:00:00 [info] the shop is open"),
    ("daemons", "Nov 23 01:00:00: %5 of the shop is open"),
    ("daemons", "[2026-11-23 01:00:00.123 of the shop] open"),
    ("daemons", "2026-11-23T01:00:00.123Z In the shop - open"),
    ("daemons", "11/23/2026 01:00:00|the shop|open"),
    ("daemons", "2026-11-23 01:00:00, Error Shop is closed"),
    ("daemons", "[11.23 01:00:00] the shop - open"),
    ("syslog", "2026-11-23T01:00:01.12+0000 [RTR/1] OUT shop.example - [x] open"),
    ("syslog", "avr. 23 of 01:00:00 the shop is open"),
    ("mysql", "2026-11-23T01:00:00.123456Z\t    9 the shop"),
    ("log4j", "[01:00:00,123][INFO] the shop is open"),
    ("log4j", "[info 2026/11/23 01:00:00.123 UTC] the shop is open"),
    ("log4j", "Shop 2026-11-23 01:00:00.123 INFO: [1] the shop is open"),
    ("python", "2026-11-23 01:00:00,123::the shop is open"),
    ("klog", "[2026-11-23 01:00:00,123 E 766] the shop is open"),
    ("php", "Mon, 23 Nov 2026 01:00:00 +0000 [ERROR] the shop is closed"),
]


@pytest.mark.parametrize(("name", "line"), LOOKALIKES)
def test_a_text_that_only_looks_like_a_layout_is_not_read_as_one(name: str, line: str) -> None:
    assert read(name, line) is None


@pytest.mark.parametrize(
    "message",
    [
        "Listening for queries on 192.0.2.7:53", "Done launching threads, ready to distribute questions",
        "gmysql Connection successful. Connected to database 'pdns' on '192.0.2.7'.",
    ],
)  # fmt: skip
def test_syslog_has_no_host_where_a_program_writes_none(message: str) -> None:
    assert read("syslog", f"Nov 23 01:00:00 {message}") == ({"message": message}, "2026-11-23T01:00:00Z")


def test_an_ipv6_address_that_may_end_with_a_port_is_no_address_field() -> None:
    found = read(
        "suricata", "11/23-01:00:00.123456  [**] [1:42:1] echo [**] {IPV6-ICMP} 2001:db8::7:0 -> 2001:db8::9:0"
    )
    assert found
    assert not {"source.address", "source.port", "destination.address"} & found[0].keys()
    assert found[0]["suricata.alert.flow"] == "2001:db8::7:0 -> 2001:db8::9:0"


BLOCKS = [
    (
        "dpkg",
        "Start-Date: 2026-11-23  01:00:00\nCommandline: apt-get install -y curl\nInstall: curl:amd64 (8.5.0-2)\n"
        "End-Date: 2026-11-23  01:00:02\n\n",
    ),
    ("go", "API: SYSTEM()\nTime: 01:00:00 UTC 11/23/2026\nDeploymentID: 0a1b\nError: no drive\n  1: cmd/a.go:42\n\n"),
    ("rabbitmq", "=ERROR REPORT==== 23-Nov-2026::01:00:00 ===\n** Generic server shop terminating\n** Reason\n"),
    (
        "weblogic",
        "####<Nov 23, 2026 1:00:00 AM UTC> <Error> <HTTP> <web-1> <shop> <main> <<anonymous>> <> <> <1795395600123> "
        "<BEA-101017> <failed\njava.lang.IllegalStateException: closed\n\tat com.example.Shop.get(Shop.java:42)> \n",
    ),
]


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_the_lines_of_a_block_are_found_to_be_one_event(name: str, block: str) -> None:
    proposed = propose(block.encode() * 3, ManualClock(NOVEMBER))
    assert (proposed.parser, proposed.confidence, proposed.times) == (name, 1.0, 1.0)
