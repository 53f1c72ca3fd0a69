"""Lines that are one event: the boundaries are the same however much of the file is there."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from sidecar.decode.multiline import EventGrouper, Events
from sidecar.decode.presets import PRESETS
from sidecar.decode.settings import MultilineSettings
from tests.chaos.fuzz.fuzzed_input import FuzzedInput

_RULES = (
    *({"preset": name} for name in PRESETS),
    {"start": r"^\d"}, {"start": "[ab]"}, {"continuation": r"^\s|^$"}, {"continuation": "^\\s+at |^Caused by"},
    {"end": ";$"}, {"end": "^$|b$"},
)  # fmt: skip
_BEGINNINGS = (
    b"", b" ", b"\t", b"\tat A.b(A.java:1)", b"Caused by: x.Y", b"java.io.IOException: a", b"2026-11-23 10:00:00 ",
    b"Traceback (most recent call last):", b'  File "a.py", line 1', b"ValueError: 1", b"panic: a", b"\r",
    b"goroutine 1 [running]:", b"exit status 2", b"thread 'a' panicked at src/main.rs:2:5:", b"note: run with `",
    b"2026-11-23 10:00:00 UTC [12] STATEMENT:  select", b"# Time: 2026-11-23T01:00:02.1Z", b"# User@Host: a[a]",
    b"2026-11-23T01:00:00.1Z stdout P one", b"2026-11-23T01:00:00.2Z stderr F end",
    b'{"log":"one\\n","stream":"stdout"}',
    b'{"log":"one","stream":"stdout"}', b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
    b"#0 /app/a.php(1): b()", b"    at b (a.js:1:2)",
    b"   at Net.Read()", b"System.IO.IOException: closed", b"a.rb:1:in `b': c (RuntimeError)", b"\xff\x00",
)  # fmt: skip


@cache
def _grouping(rule: int, max_lines: int, max_bytes: int) -> EventGrouper:
    return MultilineSettings.model_validate({**_RULES[rule], "max_lines": max_lines}).make_grouper(max_bytes)


def _line(fuzzed: FuzzedInput) -> bytes:
    return fuzzed.one_of(_BEGINNINGS) + fuzzed.take(fuzzed.below(8)).replace(b"\n", b"")


def check(data: bytes) -> None:
    """Group all lines at once, and again as they come."""
    fuzzed = FuzzedInput(data)
    rule, limits = fuzzed.below(len(_RULES)), (2 + fuzzed.below(12), fuzzed.one_of((1 << 20, 300, 40, 1)))
    grouping = _grouping(rule, *limits)
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
    bounds = [*events.starts, events.complete_bytes]
    assert bounds[0] == 0
    assert all(begin < end and data[end - 1 : end] == b"\n" for begin, end in pairwise(bounds))
    assert all(0 <= index < len(events.starts) for index in events.split)
    return [(data[begin:end], index in events.split) for index, (begin, end) in enumerate(pairwise(bounds))]
