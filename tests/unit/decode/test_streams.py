"""Container logs: the lines of each stream are joined, whatever the other stream writes between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.decode.presets import PRESETS
from sidecar.decode.settings import MultilineSettings
from sidecar.decode.streams import MAX_GAP_BYTES
from sidecar.lib.line_groups import Events, LineGrouping
from sidecar.model.lines import LineBatch
from tests.support.builders.records import chunk, fields, framed_events, stages
from tests.unit.decode.test_multiline import EVENTS


class Written(NamedTuple):
    """A line that the runtime wrote. `ms`: its time in milliseconds. A line in another format has the stream ""."""

    ms: int
    stream: str
    is_last_part: bool
    text: str


def time(ms: int) -> str:
    return f"2026-11-23T01:{ms // 60000:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}Z"


def cri(line: Written) -> bytes:
    if not line.stream:
        return f"{line.text}\n".encode()
    return f"{time(line.ms)} {line.stream} {'F' if line.is_last_part else 'P'} {line.text}\n".encode()


def docker(line: Written) -> bytes:
    if not line.stream:
        return f"{line.text}\n".encode()
    text = line.text + "\n" * line.is_last_part
    members = {"log": text, "stream": line.stream, "time": time(line.ms)}
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"


WRITERS: dict[str, Callable[[Written], bytes]] = {"cri": cri, "docker": docker}
OUT, ERR = "stdout", "stderr"


def grouping(name: str, preset: str | None = None, max_lines: int = 1000, max_bytes: int = 1 << 20) -> LineGrouping:
    return MultilineSettings(preset=preset or name, max_lines=max_lines).make_grouper(max_bytes, name)


def events_of(found: Events, data: bytes) -> list[tuple[int, bytes]]:
    """The offset and the lines of each event."""
    ends = [*found.starts[1:], found.complete_bytes]
    slices = [found.ranges.get(i, [(start, ends[i])]) for i, start in enumerate(found.starts)]
    return [(ranges[0][0], b"".join(data[a:b] for a, b in ranges)) for ranges in slices]


def messages(name: str, lines: Sequence[Written], **settings: Any) -> list[tuple[str, str]]:
    """The stream and the message of each event of a file that does not grow any more."""
    pipeline = PipelineSettings.model_validate({"paths": ["/a.log"], "parser": name, **settings})
    framed = framed_events(pipeline, b"".join(map(WRITERS[name], lines)))
    records = stages(parser=name).parser.parse(framed)
    assert not records.errors
    return [(each["stream"], each["message"]) for each in fields(records)]


@pytest.mark.parametrize("name", WRITERS)
def test_parts_are_joined_with_lines_and_parts_of_the_other_stream_between_them(name: str) -> None:
    lines = [
        Written(0, OUT, False, "a1 "), Written(1, ERR, True, "whole"), Written(2, OUT, False, "a2 "),
        Written(3, ERR, False, "b1 "), Written(4, OUT, True, "a3"), Written(5, ERR, True, "b2"),
    ]  # fmt: skip
    assert messages(name, lines) == [(OUT, "a1 a2 a3"), (ERR, "whole"), (ERR, "b1 b2")]


@pytest.mark.parametrize("name", WRITERS)
def test_a_stack_trace_is_joined_with_lines_of_the_other_stream_between_its_frames(name: str) -> None:
    lines = [
        Written(0, ERR, True, "java.io.IOException: closed"), Written(1, OUT, True, "GET /a 200"),
        Written(2, ERR, True, "\tat A.b(A.java:1)"), Written(3, OUT, True, "GET /b 200"),
        Written(4, ERR, False, "Caused by: x.Y: "), Written(5, OUT, True, "GET /c 200"), Written(6, ERR, True, "no"),
        Written(7, ERR, True, "\tat A.c(A.java:2)"), Written(8, ERR, True, "next"),
    ]  # fmt: skip
    trace = "java.io.IOException: closed\n\tat A.b(A.java:1)\nCaused by: x.Y: no\n\tat A.c(A.java:2)"
    assert messages(name, lines, multiline="java") == [
        (ERR, trace), (OUT, "GET /a 200"), (OUT, "GET /b 200"), (OUT, "GET /c 200"), (ERR, "next")
    ]  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_lines_with_parts_are_read_between_a_trace_whose_lines_have_parts(name: str) -> None:
    lines = [
        Written(0, ERR, False, "java.io.IOException: "), Written(1, OUT, False, "GET /a "),
        Written(2, ERR, True, "closed"), Written(3, OUT, False, "HTTP/1.1 "),
        Written(4, ERR, True, "\tat A.b(A.java:1)"), Written(5, OUT, True, "200"),
        Written(6, OUT, True, "GET /b 200"), Written(7, ERR, False, "Caused by: x.Y: "),
        Written(8, OUT, False, "GET /c "), Written(9, ERR, True, "no"), Written(10, ERR, False, "\tat A.c("),
        Written(11, OUT, True, "404"), Written(12, ERR, True, "A.java:2)"), Written(13, OUT, True, "GET /d 200"),
    ]  # fmt: skip
    trace = "java.io.IOException: closed\n\tat A.b(A.java:1)\nCaused by: x.Y: no\n\tat A.c(A.java:2)"
    assert messages(name, lines, multiline="java") == [
        (ERR, trace), (OUT, "GET /a HTTP/1.1 200"), (OUT, "GET /b 200"), (OUT, "GET /c 404"), (OUT, "GET /d 200")
    ]  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_custom_pattern_matches_the_message_and_not_what_the_runtime_writes(name: str) -> None:
    lines = [
        Written(0, OUT, True, "2026 a"), Written(1, ERR, True, "2026 x"), Written(2, OUT, True, "b"),
        Written(3, ERR, True, "y"), Written(4, OUT, True, "2026 c"),
    ]  # fmt: skip
    assert messages(name, lines, multiline={"start": r"^\d{4} "}) == [
        (OUT, "2026 a\nb"), (ERR, "2026 x\ny"), (OUT, "2026 c")
    ]  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_quiet_stream_holds_back_nothing(name: str) -> None:
    rule = grouping(name, "java")
    first = [Written(0, ERR, True, "warning"), Written(1, OUT, True, "a"), Written(1500, OUT, True, "b")]
    data = b"".join(map(WRITERS[name], first))
    assert rule.split_events(data).complete_bytes == 0
    later = data + WRITERS[name](Written(2500, OUT, True, "c"))
    assert rule.split_events(later).complete_bytes == len(data)
    line = WRITERS[name](Written(10, OUT, True, "x" * 500))
    many = data + line * (MAX_GAP_BYTES // len(line) + 1)
    assert rule.split_events(many).complete_bytes == len(many) - len(line)


@pytest.mark.parametrize("name", WRITERS)
def test_a_part_whose_rest_never_comes_is_a_partial_message(name: str) -> None:
    lines = [Written(0, OUT, False, "lost "), Written(9000, ERR, True, "a"), Written(9001, OUT, True, "b")]
    data = b"".join(map(WRITERS[name], lines))
    found = grouping(name).split_events(data)
    assert found.complete_bytes == len(data)
    records = stages(parser=name).parser.parse(Framer().frame(chunk(data).divide(found)))
    assert [each["message"] for each in fields(records)] == ["lost ", "a", "b"]
    assert records.annotations == {0: {"partial": "true"}}


def test_a_line_of_another_format_is_an_event_by_itself_and_an_over_long_one_ends_all_others() -> None:
    rule = grouping("cri", max_bytes=200)
    begin, end = cri(Written(0, OUT, False, "a")), cri(Written(1, OUT, True, "b"))
    assert [text for _, text in events_of(rule.split_events(begin + b"oops\n" + end), begin + b"oops\n" + end)] == [
        begin + end, b"oops\n"
    ]  # fmt: skip
    long = cri(Written(1, ERR, True, "x" * 300))
    assert [text for _, text in events_of(rule.split_events(begin + long + end), begin + long + end)] == [
        begin, long, end
    ]  # fmt: skip


def test_a_limit_splits_a_message_of_too_many_parts_and_says_so() -> None:
    rule = grouping("cri", max_lines=3)
    lines = [Written(n, OUT, n == 6, str(n)) for n in range(7)]
    data = b"".join(cri(line) for line in lines)
    framed = Framer().frame(chunk(data).divide(rule.split_events(data)))
    assert [text.count("\n") + 1 for text in framed.texts] == [3, 3, 1]
    assert framed.annotations == {
        0: {"log.split": "true"}, 1: {"log.split": "true", "log.continuation": "true"},
        2: {"log.continuation": "true"},
    }  # fmt: skip


LINES = st.lists(
    st.builds(
        lambda step, stream, last, indent, text: (step, stream, last, " " * indent + text),
        st.sampled_from([-700, 0, 1, 1, 1, 700, 2500]), st.sampled_from([OUT, OUT, OUT, ERR, ERR, ""]),
        st.sampled_from([True, True, True, False]), st.integers(0, 1), st.sampled_from(["a", "bb", "ccc"]),
    ),
    max_size=24,
)  # fmt: skip


def written(rows: Sequence[tuple[int, str, bool, str]]) -> list[Written]:
    at, lines = 60_000, []
    for number, (step, stream, is_last_part, text) in enumerate(rows):
        at += step
        lines.append(Written(at, stream, is_last_part, f"{text}{number}"))
    return lines


def oracle(lines: Sequence[Written], *, joins_indented: bool) -> list[list[int]]:
    """The events of a whole file, as indexes of their lines: one line after the other, as one would do it by hand."""
    events: list[list[int]] = []
    current: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        if not line.stream:
            events.append([index])
            continue
        for stream in [other for other in current if other != line.stream]:
            seconds = [lines[n].ms // 1000 for n in (current[stream][-1], index)]
            if seconds[0] != seconds[1] and abs(line.ms - lines[current[stream][-1]].ms) > 2000:
                del current[stream]
        event = current.get(line.stream)
        is_part = event is not None and not lines[event[-1]].is_last_part
        if event is not None and (is_part or (joins_indented and line.text.startswith(" "))):
            event.append(index)
        else:
            current[line.stream] = [index]
            events.append(current[line.stream])
    return events


@pytest.mark.parametrize("preset", [None, "indent"])
@pytest.mark.parametrize("name", WRITERS)
@given(rows=LINES, data=st.data())
def test_events_are_those_of_each_stream_whatever_was_read_at_once(
    name: str, preset: str | None, rows: Any, data: st.DataObject
) -> None:
    """Read as it grows, with as few or as many events at a time as there is room for."""
    rule = grouping(name, preset)
    lines = written(rows)
    raw = [WRITERS[name](line) for line in lines]
    content = b"".join(raw)
    offsets = [sum(map(len, raw[:n])) for n in range(len(raw) + 1)]
    expected = [
        (offsets[event[0]], b"".join(raw[n] for n in event))
        for event in oracle(lines, joins_indented=preset is not None)
    ]
    at, found = 0, list[tuple[int, bytes]]()
    for end in offsets[1:]:
        if data.draw(st.booleans()):
            events = rule.split_events(content[at:end])
            if events.complete_bytes:
                events = events.take(data.draw(st.integers(1, 5)))
            found += [(at + start, text) for start, text in events_of(events, content[at:end])]
            at += events.complete_bytes
    events = rule.split_events(content[at:], closed=True)
    assert at + events.complete_bytes == len(content)
    found += [(at + start, text) for start, text in events_of(events, content[at:])]
    assert sorted(found) == expected


TEXTS = st.sampled_from(sorted({line for events in EVENTS.values() for text in events for line in text.splitlines()}))


@pytest.mark.parametrize("preset", [None, *PRESETS])
@pytest.mark.parametrize("name", WRITERS)
@given(rows=LINES, texts=st.lists(TEXTS, min_size=24, max_size=24), closed=st.booleans())
def test_a_limit_that_no_event_exceeds_changes_nothing(
    name: str, preset: str | None, rows: Any, texts: Sequence[str], closed: bool
) -> None:
    """Streams with an event at the limit are divided line by line."""
    lines = [line._replace(text=text) for line, text in zip(written(rows), texts, strict=False)]
    data = b"".join(map(WRITERS[name], lines))
    whole = grouping(name, preset).split_events(data, closed=True)
    most = max([text.count(b"\n") for _, text in events_of(whole, data)], default=1)
    expected = grouping(name, preset).split_events(data, closed=closed)
    assert grouping(name, preset, max_lines=max(most, 2)).split_events(data, closed=closed) == expected
    assert not expected.split


@pytest.mark.parametrize("preset", [None, "java", "python"])
@given(rows=LINES, limits=st.tuples(st.integers(2, 5), st.integers(20, 300)), data=st.data())
def test_limits_end_events_at_the_same_lines_whatever_was_read_at_once(
    preset: str | None, rows: Any, limits: tuple[int, int], data: st.DataObject
) -> None:
    rule = MultilineSettings(preset=preset or "cri", max_lines=limits[0]).make_grouper(limits[1], "cri")
    raw = [cri(line) for line in written(rows)]
    content = b"".join(raw)
    expected = events_of(rule.split_events(content, closed=True), content)
    assert sorted(line for _, text in expected for line in text.splitlines(keepends=True)) == sorted(raw)
    at, found = 0, list[tuple[int, bytes]]()
    for n in range(1, len(raw) + 1):
        part = content[at : sum(map(len, raw[:n]))]
        events = rule.split_events(part)
        if events.complete_bytes:
            events = events.take(data.draw(st.integers(1, 3)))
        found += [(at + start, text) for start, text in events_of(events, part)]
        at += events.complete_bytes
    events = rule.split_events(content[at:], closed=True)
    assert sorted([*found, *((at + start, text) for start, text in events_of(events, content[at:]))]) == expected


@pytest.mark.parametrize("name", WRITERS)
def test_an_event_at_the_limit_has_all_that_the_runtime_writes_and_is_not_truncated(name: str) -> None:
    lines = [Written(n, OUT, True, f"{' ' * (n > 0)}{n}") for n in range(9)]
    data = b"".join(map(WRITERS[name], lines))
    framer = Framer(max_line=200)
    framed = framer.frame(chunk(data).divide(grouping(name, "indent", max_bytes=200).split_events(data, closed=True)))
    assert all(len(text) < 200 for text in framed.texts)
    assert "".join(f"{text}\n" for text in framed.texts).encode() == data
    assert not any("truncated" in noted for noted in framed.annotations.values())


def test_without_parts_and_without_a_rule_every_line_is_an_event() -> None:
    data = b"".join(cri(Written(n, (OUT, ERR)[n % 2], True, "x")) for n in range(5))
    found = grouping("cri").split_events(data)
    assert (len(found.starts), found.complete_bytes, found.ranges) == (5, len(data), {})
    lines: LineBatch = Framer().frame(chunk(data).divide(found))
    assert lines.is_uniform
