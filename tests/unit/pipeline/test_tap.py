"""What a tap shows, and that it neither slows down the shippers nor shows what they do not ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from sidecar.app.tap_routes import make_matcher, poll_tap
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk
from sidecar.pipeline.tap import (
    HIDDEN,
    MAX_EVENTS_PER_S,
    MAX_TAPS,
    MAX_TEXT_CHARACTERS,
    STAGES,
    Matcher,
    Stage,
    Tap,
    TappedChunk,
    Taps,
    render_parsed,
)
from sidecar.testing import ManualClock
from tests.support.builders.records import stages

SECRET = "s3cret"


class TapFixture:
    """A tap, and the stages of a pipeline that offer chunks to it."""

    def __init__(
        self, stage: Stage = "document", *transforms: Any, pipeline: str | None = None,
        matcher: Matcher | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        self.clock = ManualClock()
        self.tap = Tap(pipeline, stage, matcher, self.clock)
        self._stages = stages(*transforms, **settings)
        self._end = 0

    def offer(self, lines: Sequence[str], offset: int | None = None, generation: int = 35) -> None:
        """Ship these lines of a file, which follow those before."""
        data = "".join(f"{line}\n" for line in lines).encode()
        offset = self._end if offset is None else offset
        chunk = Chunk(Generation(generation, "app", "/a.log", 0.0), offset, data, offset + len(data))
        self._end = chunk.end
        parsed, (_, records, documents) = self._stages.trace(chunk)
        self.tap.offer(TappedChunk("app", parsed, records, documents))

    def records(self) -> list[Any]:
        return [json.loads(event.text) for event in self.tap.poll().events]


def test_each_stage_shows_the_record_as_it_is_there() -> None:
    line = '{"time":"2026-11-28T10:00:00Z","a":1}'
    shown = {}
    for stage in STAGES:
        fixture = TapFixture(stage, {"rename": {"a": "b"}})
        fixture.offer([line])
        (shown[stage],) = fixture.records()
    assert shown["parsed"] == {"time": "2026-11-28T10:00:00Z", "a": 1}
    assert shown["transformed"]["b"] == 1
    assert "@timestamp" not in shown["transformed"]
    assert shown["document"]["log"]["file"]["path"] == "/a.log"


@pytest.mark.parametrize(
    "transforms",
    [
        [{"redact": [{"pattern": SECRET}]}],
        [{"drop_fields": ["password", "list"]}, {"redact": [{"pattern": SECRET}]}],
        [{"keep_fields": ["user"]}],
        [{"rename": {"password": "p"}}, {"redact": [{"pattern": SECRET}]}],
    ],
)
@pytest.mark.parametrize("stage", ["parsed", "transformed", "document"])
def test_no_stage_shows_what_the_document_does_not_have(transforms: list[Any], stage: Stage) -> None:
    fixture = TapFixture(stage, *transforms)
    secret = {"user": "joe", "password": SECRET, "list": [f"x {SECRET}"], "nested": {"deep": f"a {SECRET} b"}}
    documents = (
        stages(*transforms)
        .documents(Chunk(Generation(1, "app", "/a.log", 0.0), 0, json.dumps(secret).encode() + b"\n", 200))[2]
        .json_lines()
    )
    fixture.offer([json.dumps(secret)])
    (event,) = fixture.tap.poll().events
    if SECRET not in documents[0]:
        assert SECRET not in event.text
    assert "joe" in event.text


def test_a_parsed_value_that_a_transform_changed_is_hidden_and_its_name_is_not() -> None:
    shown = json.loads(
        render_parsed('"n":"5","m":"A","o":{"p":[1]},"q":null', '{"n":5,"m":"a","o":{"p":[1]},"r":null}')
    )
    assert shown == {"n": "5", "m": HIDDEN, "o.p": [1], "q": None}


def test_dropped_and_invalid_records_are_not_shown() -> None:
    fixture = TapFixture("parsed", {"drop_when": "a == 2"}, encoding_errors="strict")
    fixture.offer(['{"a":1}', '{"a":2}'])
    assert [record["a"] for record in fixture.records()] == [1]


def test_lines_that_another_sink_or_a_retry_reads_again_are_shown_once() -> None:
    fixture = TapFixture()
    lines = ['{"a":1}', '{"a":2}', '{"a":3}']
    fixture.offer(lines[:2], 0)
    fixture.offer(lines, 0)
    fixture.offer(lines, 0)
    assert [record["a"] for record in fixture.records()] == [1, 2, 3]
    fixture.offer(lines[:1], 0, generation=36)
    assert [record["a"] for record in fixture.records()] == [1], "another file"


def test_what_exceeds_the_rate_or_the_room_is_counted() -> None:
    fixture = TapFixture()
    fixture.offer([f'{{"a":{n}}}' for n in range(1_000)])
    result = fixture.tap.poll()
    assert (len(result.events), result.sampled_out) == (100, 900)
    assert json.loads(result.events[50].text)["a"] == 500, "evenly spread"
    for _ in range(600):
        fixture.offer([f'{{"a":"{"x" * 1000}"}}'])
    fixture.clock.advance(1.0)
    result = fixture.tap.poll()
    shown, hidden = len(result.events), result.sampled_out
    assert shown == MAX_EVENTS_PER_S
    assert hidden >= 600 - 256
    while True:
        fixture.clock.advance(1.0)
        result = fixture.tap.poll()
        if not result.events:
            break
        shown, hidden = shown + len(result.events), hidden + result.sampled_out
    assert shown + hidden == 600, "every line was shown or counted"


def test_a_filter_uses_the_expressions_of_transforms_on_what_is_shown() -> None:
    fixture = TapFixture(matcher=make_matcher('level == "error" and message ~ "time.?out"', ""))
    fixture.offer([
        '{"level":"error","message":"timeout"}', '{"level":"error","message":"other"}', '{"level":"info"}',
    ])  # fmt: skip
    result = fixture.tap.poll()
    assert (len(result.events), result.unmatched) == (1, 2)
    by_path = TapFixture(matcher=make_matcher('log.file.path == "/a.log"', ""))
    by_path.offer(['{"a":1}'])
    assert len(by_path.records()) == 1
    by_text = TapFixture(matcher=make_matcher("", "TimeOut"))
    by_text.offer(['{"message":"timeout"}', '{"message":"x"}'])
    assert len(by_text.records()) == 1


def test_a_pattern_that_takes_too_long_matches_nothing_and_ends() -> None:
    fixture = TapFixture(matcher=make_matcher('message ~ "(a|a)*(a|a)*(a|a)*x$"', ""))
    fixture.offer(['{"message":"' + "a" * 2_000 + '"}'] * 3)
    assert fixture.tap.poll().unmatched == 3


def test_a_filter_does_not_see_what_was_redacted() -> None:
    fixture = TapFixture("parsed", {"redact": [{"pattern": SECRET}]}, matcher=make_matcher(f'p ~ "{SECRET}"', ""))
    fixture.offer([f'{{"p":"{SECRET}"}}'])
    assert fixture.tap.poll().unmatched == 1


def test_a_long_record_is_cut() -> None:
    fixture = TapFixture()
    fixture.offer([f'{{"a":"{"x" * MAX_TEXT_CHARACTERS}"}}'])
    (event,) = fixture.tap.poll().events
    assert (len(event.text), event.is_cut) == (MAX_TEXT_CHARACTERS, True)


def test_a_tap_of_one_pipeline_shows_no_other() -> None:
    fixture = TapFixture(pipeline="web")
    fixture.offer(['{"a":1}'])
    assert fixture.records() == []


# ── the taps of a process ───────────────────────────────────────────────────────────────────────────────────


class TapsFixture:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.taps = Taps(self.clock)

    def count(self) -> int:
        return len(self.taps.open)

    def poll(self, name: str = "me", kind: str = "socket", **query: str) -> tuple[int, dict[str, Any]]:
        reply = poll_tap(self.taps, kind, {"name": name, **query}, ["app"], self.clock)
        assert not isinstance(reply.body, bytes)
        return reply.status, dict(reply.body)


def test_a_tap_is_open_while_its_client_polls() -> None:
    fixture = TapsFixture()
    assert fixture.count() == 0
    assert [fixture.poll()[1]["is_new"] for _ in range(2)] == [True, False]
    assert fixture.count() == 1
    fixture.clock.advance(29)
    fixture.taps.expire()
    assert fixture.count() == 1
    fixture.clock.advance(2)
    fixture.taps.expire()
    assert fixture.count() == 0
    assert fixture.poll()[1]["is_new"]
    fixture.taps.end("socket", "me")
    assert fixture.count() == 0


def test_another_view_replaces_the_tap_of_a_client() -> None:
    fixture = TapsFixture()
    fixture.poll()
    assert fixture.poll(stage="parsed")[1]["is_new"]
    assert fixture.count() == 1


def test_the_number_of_taps_is_limited_for_each_kind_of_client() -> None:
    fixture = TapsFixture()
    assert [fixture.poll(str(n))[0] for n in range(MAX_TAPS + 1)] == [200] * MAX_TAPS + [503]
    assert fixture.poll("x", "page")[0] == 200
    fixture.clock.advance(2)
    assert [fixture.poll(name)[0] for name in ("0", "y")] == [200, 503]
    fixture.clock.advance(2)
    assert [fixture.poll(name)[0] for name in ("0", "y")] == [200, 200], "the other one is not polled any more"
    assert fixture.count() == MAX_TAPS + 1


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": "x" * 65}, 400, "name"),
        ({"stage": "raw"}, 400, "there is no stage 'raw'; use one of parsed, transformed, document"),
        ({"pipeline": "web"}, 404, "there is no pipeline 'web'; use one of app"),
        ({"filter": "level = 1"}, 400, "the filter is invalid: at character 7"),
        ({"filter": 'a ~ "("'}, 400, "the pattern does not compile"),
    ],
)
def test_a_wrong_request_opens_nothing_and_says_what_is_wrong(query: dict[str, str], status: int, text: str) -> None:
    fixture = TapsFixture()
    code, body = fixture.poll(**query)
    assert (code, text in body["text"]) == (status, True), body
    assert fixture.count() == 0


def test_text_of_an_application_cannot_control_what_shows_it() -> None:
    fixture = TapsFixture()
    fixture.poll()
    source = TapFixture()
    source.tap = fixture.taps.open[0]
    source.offer(['{"a":"\\u001b[31m \u202e \x9b"}'])
    (event,) = fixture.poll()[1]["events"]
    assert event["text"].isprintable()
    assert json.loads(event["text"])["a"] == "\x1b[31m \u202e \x9b"
