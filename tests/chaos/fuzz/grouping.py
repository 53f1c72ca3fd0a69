"""Lines that are one event: the boundaries are the same however much of the file is there."""

from __future__ import annotations

import re
from functools import cache

from sidecar.decode.presets import PRESET_NAMES
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.line_groups import Events, LineGrouping
from tests.chaos.fuzz.fuzzed_input import FuzzedInput

_RULES = (
    *({"preset": name} for name in PRESET_NAMES),
    {"start": r"^\d"}, {"start": "[ab]"}, {"continuation": r"^\s|^$"}, {"continuation": "^\\s+at |^Caused by"},
    {"end": ";$"}, {"end": "^$|b$"},
)  # fmt: skip
_CONTAINERS = (None, None, "cri", "docker")
"""What wrote the lines that a rule groups."""

_BEGINNINGS = (
    b"", b" ", b"\t", b"\tat A.b(A.java:1)", b"Caused by: x.Y", b"java.io.IOException: a", b"2026-11-23 10:00:00 ",
    b"Traceback (most recent call last):", b'  File "a.py", line 1', b"ValueError: 1", b"panic: a", b"\r",
    b"goroutine 1 [running]:", b"exit status 2", b"thread 'a' panicked at src/main.rs:2:5:", b"note: run with `",
    b"2026-11-23 10:00:00 UTC [12] STATEMENT:  select", b"# Time: 2026-11-23T01:00:02.1Z", b"# User@Host: a[a]",
    b"2026-11-23T01:00:00.1Z stdout P one", b"2026-11-23T01:00:00.2Z stderr F end",
    b"2026-11-23T01:00:09.1Z stdout F  at one", b"2026-11-23T01:00:00.2Z stderr P  at end",
    b'{"log":"one\\n","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}',
    b'{"log":" at one\\n","stream":"stderr","time":"2026-11-23T01:00:09.1Z"}',
    b'{"log":"one","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}',
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
    b"#0 /app/a.php(1): b()", b"    at b (a.js:1:2)",
    b"   at Net.Read()", b"System.IO.IOException: closed", b"a.rb:1:in `b': c (RuntimeError)", b"\xff\x00",
)  # fmt: skip


@cache
def _grouping(rule: int, container: str | None, max_lines: int, max_bytes: int) -> LineGrouping:
    settings = MultilineSettings.model_validate({**_RULES[rule], "max_lines": max_lines})
    return settings.make_grouper(max_bytes, container)


def _line(fuzzed: FuzzedInput) -> bytes:
    return fuzzed.one_of(_BEGINNINGS) + fuzzed.take(fuzzed.below(8)).replace(b"\n", b"")


def check(data: bytes) -> None:
    """Group all lines at once, and again as they come."""
    fuzzed = FuzzedInput(data)
    rule, container = fuzzed.below(len(_RULES)), fuzzed.one_of(_CONTAINERS)
    grouping = _grouping(rule, container, 2 + fuzzed.below(12), fuzzed.one_of((1 << 20, 300, 40, 1)))
    written = b""
    while fuzzed.is_left and len(written) < 1 << 13:
        written += _line(fuzzed) + b"\n"
    whole = _cut(grouping.split_events(written, closed=True), written, closed=True)
    at, found = 0, []
    for match in re.finditer(rb"\n", written):
        part = written[at : match.end()]
        events = grouping.split_events(part)
        found += _cut(events, part)
        at += events.complete_bytes
    assert found == whole[: len(found)]
    rest = written[at:]
    assert _cut(grouping.split_events(rest, closed=True), rest, closed=True) == whole[len(found) :]


def _cut(events: Events, data: bytes, *, closed: bool = False) -> list[tuple[bytes, bool]]:
    """The events, and whether a limit has closed each."""
    assert 0 <= events.complete_bytes <= len(data)
    assert not closed or events.complete_bytes == len(data)
    if not events.starts:
        assert events.complete_bytes == 0
        return []
    ends = [*events.starts[1:], events.complete_bytes]
    assert events.starts[0] == 0
    assert list(events.starts) == sorted(set(events.starts))
    ranges = [events.ranges.get(index, [(start, ends[index])]) for index, start in enumerate(events.starts)]
    covered = sorted(each for of_event in ranges for each in of_event)
    assert [begin for begin, _ in covered] == [0, *(end for _, end in covered[:-1])]
    assert covered[-1][1] == events.complete_bytes
    assert all(begin < end and data[end - 1 : end] == b"\n" for begin, end in covered)
    assert all(0 <= index < len(events.starts) for index in events.split)
    texts = [b"".join(data[begin:end] for begin, end in of_event) for of_event in ranges]
    return [(text, index in events.split) for index, text in enumerate(texts)]
