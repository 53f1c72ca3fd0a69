"""journald: entries as JSON and in the export format, their times, levels and fields, and what is no entry."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders.records import fields, framed, make_parser

ENTRY = {
    "@timestamp": "2026-11-23T01:00:00.123456Z", "message": "Accepted publickey", "systemd": {"unit": "ssh.service"},
    "log": {"level": "info", "syslog": {"appname": "sshd", "hostname": "web-1"}}, "process": {"pid": 812},
    "journald": {"boot_id": "9c1d"},
}  # fmt: skip
EXPORT = (
    "__REALTIME_TIMESTAMP=1795395600123456\n_BOOT_ID=9c1d\nPRIORITY=6\nSYSLOG_IDENTIFIER=sshd\n_PID=812\n"
    "_HOSTNAME=web-1\n_SYSTEMD_UNIT=ssh.service\nMESSAGE=Accepted publickey"
)
JSON = "{" + ",".join('"{}":"{}"'.format(*line.split("=", 1)) for line in EXPORT.splitlines()) + "}"


@pytest.mark.parametrize("event", [EXPORT, f"{EXPORT}\n", JSON])
def test_an_entry_has_its_time_level_and_fields(event: str) -> None:
    records = make_parser("journald").parse(framed(event, events=(0,)))
    assert (fields(records), list(records.times)) == ([ENTRY], ["2026-11-23T01:00:00.123456Z"])


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ('"MESSAGE":[98,255,97,100]', {"message": "b\ufffdad"}),
        ('"MESSAGE":null', {"journald": {"message": None}}),
        ('"PRIORITY":"9"', {"journald": {"priority": "9"}}),
        ('"_PID":"x"', {"journald": {"pid": "x"}}),
        ('"_COMM":["a","b"]', {"journald": {"comm": ["a", "b"]}}),
    ],
)
def test_a_value_that_does_not_fit_its_field_stays_below_journald(members: str, found: dict[str, Any]) -> None:
    records = make_parser("journald").parse(framed(f'{{"__REALTIME_TIMESTAMP":"1795395600123456",{members}}}'))
    assert fields(records) == [{"@timestamp": "2026-11-23T01:00:00.123456Z", **found}]


@pytest.mark.parametrize(
    "event",
    ["hello", "{", "{}", '{"MESSAGE":"x"}', "[1]", "MESSAGE=x", "__REALTIME_TIMESTAMP=1", "a=b\nMESSAGE=x",
     '{"__REALTIME_TIMESTAMP":"x","MESSAGE":"y"}'],
)  # fmt: skip
def test_what_is_no_entry_stays_a_message_or_has_no_time(event: str) -> None:
    records = make_parser("journald").parse(framed(event, events=(0,)))
    assert list(records.times) == [""]
    assert fields(records)[0].get("message") == event or "journald" in fields(records)[0]
