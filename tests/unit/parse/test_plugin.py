"""A parser of a plug-in: what becomes of lines on which it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.parse.json import JsonParser
from sidecar.parse.plugin import PluginParser
from sidecar.parse.time.timestamps import Timestamps
from tests.support.builders.records import framed


def parsed(function: Any, *lines: str) -> Any:
    return PluginParser("mine", function, JsonParser(Timestamps())).parse(framed(*lines))


def test_a_line_on_which_it_fails_is_its_own_message_and_does_not_touch_the_others() -> None:
    def parse_line(line: str) -> Mapping[str, Any]:
        if line == "odd":
            raise KeyError("with text of the application")
        return {"n": int(line)}

    records = parsed(parse_line, "1", "odd", "x", "4")
    assert records.bodies == ['"n":1', '"message":"odd"', '"message":"x"', '"n":4']
    assert re.fullmatch(r"mine failed: KeyError at test_plugin\.py:\d+", records.errors.pop(1))
    assert records.errors == {2: "invalid literal for int() with base 10: 'x'"}
    assert records.lines.texts == ["1", "odd", "x", "4"]


@pytest.mark.parametrize("returned", [None, [1], "text", {"a": object()}, {"a": "\ud800"}])
def test_what_cannot_be_fields_is_an_error_of_the_parser(returned: object) -> None:
    records = parsed(lambda _: returned, "x")
    assert records.bodies == ['"message":"x"']
    assert records.errors[0].startswith("mine failed: ")


def test_times_may_be_times_of_python() -> None:
    records = parsed(lambda _: {"time": datetime(2026, 11, 23, 1, tzinfo=UTC), "n": None}, "x")
    assert records.times == ["2026-11-23T01:00:00Z"]


def test_a_reason_without_end_is_cut() -> None:
    def parse_line(line: str) -> Mapping[str, Any]:
        raise ValueError("x" * 1_000_000)

    assert len(parsed(parse_line, "x").errors[0]) == 300
