"""Times, durations and patterns mean the same after the conversion."""

from __future__ import annotations

import pytest
import regex

from sidecar.convert.patterns import (
    escape_pattern,
    expand_braces,
    from_go_layout,
    from_strptime,
    to_duration,
    to_glob,
    to_whole_line,
    to_zone,
)
from sidecar.lib.clock import SystemClock
from sidecar.lib.units import parse_duration
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones

ZONES = Zones("UTC", {})


@pytest.mark.parametrize(
    ("layout", "text", "read"),
    [
        ("2006-01-02T15:04:05Z07:00", "2026-11-23T01:00:00+01:00", "2026-11-23T01:00:00+01:00"),
        ("2006-01-02 15:04:05,000", "2026-11-23 01:00:00,250", "2026-11-23T01:00:00.250Z"),
        ("02/Jan/2006:15:04:05 -0700", "23/Nov/2026:01:00:00 +0100", "2026-11-23T01:00:00+01:00"),
        ("Jan _2 15:04:05 2006", "Nov  3 01:00:00 2026", "2026-11-03T01:00:00Z"),
        ("Mon Jan 2 15:04:05 2006", "Mon Nov 23 01:00:00 2026", "2026-11-23T01:00:00Z"),
        ("2006/01/02 03:04:05 PM", "2026/11/23 01:00:00 PM", "2026-11-23T13:00:00Z"),
        ("20060102-150405.000000", "20261123-010000.000250", "2026-11-23T01:00:00.000250Z"),
        ("RFC3339", "2026-11-23T01:00:00Z", "2026-11-23T01:00:00Z"),
        ("Unix", "1795395600", "2026-11-23T01:00:00Z"),
        ("UNIX_MS", "1795395600250", "2026-11-23T01:00:00.250Z"),
    ],
)
def test_a_layout_of_go_reads_the_time(layout: str, text: str, read: str) -> None:
    assert Timestamps([from_go_layout(layout)], ZONES, SystemClock()).read(text) == read


@pytest.mark.parametrize(
    ("form", "text", "read"),
    [
        ("%d/%b/%Y:%H:%M:%S %z", "23/Nov/2026:01:00:00 +0100", "2026-11-23T01:00:00+01:00"),
        ("%Y-%m-%d %H:%M:%S.%L", "2026-11-23 01:00:00.250", "2026-11-23T01:00:00.250Z"),
        ("%F %T%.3f", "2026-11-23 01:00:00.250", "2026-11-23T01:00:00.250Z"),
        ("%d.%m.%Y %T", "23.11.2026 01:00:00", "2026-11-23T01:00:00Z"),
        ("%s.%L", "1795395600.250", "2026-11-23T01:00:00.250Z"),
        ("%s", "1795395600", "2026-11-23T01:00:00Z"),
    ],
)
def test_a_format_of_strptime_reads_the_time(form: str, text: str, read: str) -> None:
    assert Timestamps([from_strptime(form)], ZONES, SystemClock()).read(text) == read


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("1h30m", 5400), ("48h", 172800), ("250ms", 0.25), ("90", 90), ("1.5s", 1.5)]
)
def test_a_duration_stays_as_long(text: str, seconds: float) -> None:
    duration = to_duration(text)
    assert duration is not None
    assert parse_duration(duration) == seconds


@pytest.mark.parametrize("text", ["", "x", "5y", "-1s", "5s x"])
def test_other_text_is_no_duration(text: str) -> None:
    assert to_duration(text) is None


@pytest.mark.parametrize(
    ("pattern", "line", "groups"),
    [
        ("(?<a>\\d+)", "x 12 y", {"a": "12"}),
        ("^(?<a>\\d+) (?P<b>.*)$", "12 y", {"a": "12", "b": "y"}),
        ("^(?P<a>x)|(?P<b>y)$", "zzy", {"a": None, "b": "y"}),
        ("(?i)(?P<a>ERROR)", "an error\nat", {"a": "error"}),
        ("(?P<a>a)\\$", "xa$", {"a": "a"}),
        ("(?<=x)(?P<a>a)", "xab", {"a": "a"}),
    ],
)
def test_a_pattern_matches_the_whole_line_with_the_same_groups(
    pattern: str, line: str, groups: dict[str, str | None]
) -> None:
    match = regex.fullmatch(to_whole_line(pattern), line)
    assert match is not None
    assert match.groupdict() == groups


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        (r"\.gz$", "*.gz"),
        ("^/var/log/old", "/var/log/old*"),
        (r"^/a/.*\.log$", "/a/*.log"),
        ("debug", "*debug*"),
        (r"a|b", None),
        (r"[ab]\.log", None),
    ],
)
def test_a_simple_pattern_of_files_is_a_glob(pattern: str, glob: str | None) -> None:
    assert to_glob(pattern) == glob


def test_braces_are_expanded() -> None:
    assert expand_braces("/log/{a,b}/{c,d}.log") == ["/log/a/c.log", "/log/a/d.log", "/log/b/c.log", "/log/b/d.log"]
    assert expand_braces("${A}/*.log") == ["${A}/*.log"]
    assert len(expand_braces("{a,b}" * 40)) <= 200


def test_an_offset_is_a_zone() -> None:
    assert [to_zone(text) for text in ("+0200", "-05:00", "+0000", "Europe/Berlin")] == [
        "Etc/GMT-2", "Etc/GMT+5", "UTC", "Europe/Berlin",
    ]  # fmt: skip


def test_an_escaped_text_is_matched_as_it_is() -> None:
    text = r"a.b*c$d\e[f](g){h}|^+?#"
    assert regex.fullmatch(escape_pattern(text), text)
