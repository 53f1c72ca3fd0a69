"""journald: entries as JSON and in the export format, their times, levels and fields, and what is no entry."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.document.builder import DocumentBuilder
from sidecar.model.documents import SplicedDocuments
from sidecar.parse.journald import parse_entry
from sidecar.parse.json import JsonParser
from sidecar.parse.plugin import PluginParser
from sidecar.parse.time.timestamps import Timestamps
from sidecar.testing import ManualClock
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


NAMES = ["MESSAGE", "PRIORITY", "_PID", "SYSLOG_FACILITY", "_COMM", "_BOOT_ID", "BOOT_ID", "ODD", "odd", "A.B"]
ASCII = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=4)
TEXTS = st.sampled_from(["6", "9", "007", "", "x", 'say "hi" = \\', "4 2"]) | ASCII
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["1795395600123456", "1795395600000001", "12", "99999999999999999", "x", "\u0661"]),
        st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4),
        st.sampled_from(["json", "json", "export", "odd", "text"]),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def write(time: str, entry: dict[str, str], kind: str) -> str:
    if kind == "text":
        return "no entry"
    members: dict[str, Any] = {"__REALTIME_TIMESTAMP": time, **entry}
    if kind == "export":
        return "".join(f"{name}={value}\n" for name, value in members.items()).rstrip("\n")
    return json.dumps({**members, "ODD": [104, 105]} if kind == "odd" else members, separators=(",", ":"))


@given(ENTRIES)
def test_entries_that_are_parsed_together_are_parsed_as_one_by_one(
    entries: list[tuple[str, dict[str, str], str]],
) -> None:
    texts = [write(*entry) for entry in entries]
    starts = [sum(len(text.encode()) + 1 for text in texts[:number]) for number in range(len(texts))]
    together = make_parser("journald").parse(framed(*texts, events=starts))
    general = PluginParser("journald", parse_entry, JsonParser(Timestamps())).parse(framed(*texts, events=starts))
    assert fields(together) == fields(general)
    assert list(together.times) == list(general.times)
    assert together.errors == general.errors
    finisher = DocumentBuilder(ManualClock(), "node")
    built, expected = finisher.build(together).json_lines(), finisher.build(general).json_lines()
    assert list(map(json.loads, built)) == list(map(json.loads, expected))


def test_ordinary_entries_are_spliced_whatever_fields_they_have() -> None:
    other = JSON.replace('"_BOOT_ID"', '"_CMDLINE":"x","_BOOT_ID"')
    records = make_parser("journald").parse(framed(JSON, other, JSON))
    documents = DocumentBuilder(ManualClock(), "node").build(records)
    assert isinstance(documents, SplicedDocuments)
    assert json.loads(documents.json_lines()[0])["log"]["level"] == "info"
