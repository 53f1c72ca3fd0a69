"""cri and docker: what containers wrote, its parts joined as the bytes say, and read by a parser of its own."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.document.builder import DocumentBuilder
from sidecar.model.documents import SplicedDocuments
from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.pipeline.builder import build_stages
from sidecar.testing import ManualClock
from tests.support.builders.records import chunk, fields, framed_events, stages

TIME = "2026-11-23T01:00:00.123456789Z"


def pipeline(wanted: Any, **settings: Any) -> PipelineSettings:
    return PipelineSettings.model_validate({"paths": ["/a.log"], "parser": wanted, **settings})


def cri(text: str, tag: str = "F", stream: str = "stdout") -> str:
    return f"{TIME} {stream} {tag} {text}"


def docker(text: str, stream: str = "stdout", **more: Any) -> str:
    return json.dumps({"log": text, "stream": stream, **more, "time": TIME}, separators=(",", ":"))


def parsed(wanted: Any, lines: list[str], **settings: Any) -> tuple[LineBatch, RecordBatch]:
    """Lines grouped as the pipeline groups them, and read by its parser."""
    chosen = pipeline(wanted, **settings)
    framed = framed_events(chosen, lines)
    return framed, build_stages(chosen, ManualClock(), "node", {}).parser.parse(framed)


@pytest.mark.parametrize(("name", "line"), [("cri", cri('say "hi"')), ("docker", docker('say "hi"\n'))])
def test_a_line_of_a_container_is_its_message_with_stream_and_time(name: str, line: str) -> None:
    _, records = parsed(name, [line, line])
    assert fields(records) == [{"stream": "stdout", "message": 'say "hi"'}] * 2
    assert list(records.times) == [TIME] * 2
    assert isinstance(DocumentBuilder(ManualClock(), "node").build(records), SplicedDocuments)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cri", [cri("one"), cri("two ", "P"), cri("three ", "P:x"), cri("four"), cri("", stream="stderr"),
                 cri("six")]),
        ("docker", [docker("one\n"), docker("two "), docker("three "), docker("four\n"), docker("\n", "stderr"),
                    docker("six\r\n")]),
    ],
)  # fmt: skip
def test_parts_of_a_line_are_one_record_at_the_offset_of_the_first(name: str, lines: list[str]) -> None:
    framed, records = parsed(name, lines)
    assert [found["message"] for found in fields(records)] == ["one", "two three four", "", "six"]
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in (0, 1, 4, 5)]
    assert list(records.starts) == list(framed.starts) == starts
    assert not records.annotations
    assert not records.errors


@pytest.mark.parametrize("name", ["cri", "docker"])
def test_the_content_has_a_parser_of_its_own_and_its_time_wins(name: str) -> None:
    wrap = cri if name == "cri" else lambda text: docker(f"{text}\n")
    inner = ['{"time":"2026-11-23T02:00:00Z","n":64.40}', '{"n":2,"stream":"mine"}', "plain", '{"n":3}']
    _, records = parsed({"type": name, "content": "json"}, [wrap(text) for text in inner])
    assert fields(records) == [
        {"stream": "stdout", "time": "2026-11-23T02:00:00Z", "n": 64.4},
        {"n": 2, "stream": "mine"},
        {"stream": "stdout", "message": "plain"},
        {"stream": "stdout", "n": 3},
    ]
    assert "64.40" in records.bodies[0]
    assert list(records.times) == ["2026-11-23T02:00:00Z", TIME, TIME, TIME]
    assert records.errors == {2: "the line is not one JSON object"}
    _, whole = parsed({"type": name, "content": "json"}, [wrap(inner[3])] * 2)
    assert fields(whole) == [{"stream": "stdout", "n": 3}] * 2
    assert whole.root_names == frozenset({"stream"})
    _, below = parsed({"type": name, "content": "json"}, [wrap('{"stream.id":1}')] * 2)
    assert fields(below) == [{"stream.id": 1}] * 2


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("cri", "hello"), ("cri", f"{TIME} stdin F x"), ("docker", "hello"), ("docker", '{"log":"x"}'),
        ("docker", '{"log":"x\\n","stream":"stdout","time":"t","other":1}'),
    ],
)  # fmt: skip
def test_a_line_of_no_container_is_a_message_with_the_reason(name: str, line: str) -> None:
    good = cri("good") if name == "cri" else docker("good\n")
    _, records = parsed(name, [good, line])
    assert fields(records) == [{"stream": "stdout", "message": "good"}, {"message": line}]
    assert list(records.errors) == [1]
    assert "the line is not in the format of" in records.errors[1]


def test_labels_that_docker_adds_stay() -> None:
    _, records = parsed("docker", [docker("a\n", attrs={"tag": "x"})])
    assert fields(records) == [{"stream": "stdout", "attrs": {"tag": "x"}, "message": "a"}]


def test_a_container_within_a_container_is_refused() -> None:
    with pytest.raises(ValidationError):
        pipeline({"type": "cri", "content": {"type": "cri"}})


@pytest.mark.parametrize("at", range(1, len("a€😀ä".encode())))
def test_a_character_that_is_divided_between_two_parts_is_whole_again(at: int) -> None:
    text = "a€😀ä".encode()
    head, rest = cri("", "P").encode(), cri("").encode()
    chosen = pipeline("cri")
    framed = framed_events(chosen, head + text[:at] + b"\n" + rest + text[at:] + b"\n" + cri("next").encode() + b"\n")
    records = build_stages(chosen, ManualClock(), "node", {}).parser.parse(framed)
    assert [each["message"] for each in fields(records)] == ["a€😀ä", "next"]
    assert framed.replacement_count == 0


def test_invalid_bytes_in_a_divided_line_are_replaced_once_and_nothing_else_changes() -> None:
    chosen = pipeline("cri")
    lines = cri("a", "P").encode() + b"\xff\n" + cri("b").encode() + b"\xc3\n"
    framed = framed_events(chosen, lines)
    records = build_stages(chosen, ManualClock(), "node", {}).parser.parse(framed)
    assert [each["message"] for each in fields(records)] == ["a�b�"]
    assert framed.replacement_count == 1


EVENTS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["P", "F", "F", "F:x"]), st.sampled_from(["stdout", "stderr"]),
            st.sampled_from(["a", "", "b ", "c\r", '{"n":1}', "P stdout F x", "\\", '{"stream":2}']),
        ),
        min_size=1, max_size=3,
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@pytest.mark.parametrize("inner", ["plain", "json"])
@pytest.mark.parametrize("name", ["cri", "docker"])
@given(events=EVENTS)
def test_events_that_are_parsed_together_are_parsed_as_one_by_one(
    name: str, inner: str, events: list[list[tuple[str, str, str]]]
) -> None:
    """A line in another format at the end makes the parser read each event separately."""

    def write(tag: str, stream: str, text: str) -> str:
        return cri(text, tag, stream) if name == "cri" else docker(text + "\n" * (tag != "P"), stream)

    def parse(texts: list[str]) -> RecordBatch:
        data = "".join(f"{text}\n" for text in texts).encode()
        starts = list(accumulate([len(text.encode()) + 1 for text in texts], initial=0))[:-1]
        framed = Framer().frame(chunk(data, event_starts=starts))
        return stages(parser={"type": name, "content": inner}).parser.parse(framed)

    texts = ["\n".join(write(*line) for line in event) for event in events]
    together, separate = parse(texts), parse([*texts, "oops"])
    assert list(together.bodies) == list(separate.bodies[:-1])
    assert list(together.times) == list(separate.times[:-1])
    assert together.annotations == separate.annotations
    assert together.errors == {i: text for i, text in separate.errors.items() if i < len(texts)}
