"""Colours for terminals are removed before parsers see a line, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.ansi import strip_colors
from sidecar.decode.framing import Framer
from sidecar.model.lines import Chunk
from sidecar.pipeline.builder import build_stages
from sidecar.testing import ManualClock
from tests.support.builders.records import GENERATION, framed


def test_colours_go_and_offsets_stay() -> None:
    lines = strip_colors(framed("\x1b[2mone\x1b[0m", "two", "\x1b[1;31mthree\x1b[K"))
    assert list(lines.texts) == ["one", "two", "three"]
    assert (lines.text, lines.chunk.data) == ("one\ntwo\nthree\n", b"one\ntwo\nthree\n")
    assert list(lines.starts) == [0, 12, 16]
    assert lines.is_uniform


@pytest.mark.parametrize("text", ["no colour", "\x1b]0;title\x07", "\x1b[2J", "[31m", "\x1b"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert list(strip_colors(framed(text, "b")).texts) == [text, "b"]


def test_a_line_of_colours_alone_is_an_empty_record_that_no_fast_path_sees() -> None:
    lines = strip_colors(framed("\x1b[0m", "b"))
    assert (list(lines.texts), lines.is_uniform) == (["", "b"], False)


def test_lines_that_are_split_one_by_one_are_stripped_too() -> None:
    data = b"\x1b[1mone\x1b[0m\r\n"
    lines = Framer(strips_colors=True).frame(Chunk(GENERATION, 0, data, len(data)))
    assert list(lines.texts) == ["one"]


@pytest.mark.parametrize(("setting", "message"), [("auto", "up"), ("never", "\x1b[32mup\x1b[0m")])
def test_the_setting_decides(setting: str, message: str) -> None:
    given: dict[str, Any] = {"paths": ["/a.log"], "strip_ansi": setting}
    stages = build_stages(PipelineSettings.model_validate(given), ManualClock(), "host", {})
    data = b"\x1b[32mup\x1b[0m\n"
    _, _, documents = stages.documents(Chunk(GENERATION, 0, data, len(data)))
    assert json.loads(documents.json_lines()[0])["message"] == message
