"""The example plug-in: installed as a user would, and what becomes of records on which one fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from sidecar.transform.plugin import PluginTransform, Record
from tests.support.builders.records import stages, transformed

LINES = ['{"customer":{"id":"G-17"},"n":64.40}', '{"customer":{"id":"X-1"},"n":1}', '{"n":2}', "no json"]


def test_what_it_did_before_it_failed_is_forgotten() -> None:
    def half(records: Sequence[Record], /) -> None:
        for record in records:
            record.set("calls", (record.get("calls") or 0) + 1)
            if record.get("n") == 1:
                record.drop("customer")
                raise RuntimeError("with text of the application")

    found = PluginTransform("half", half, {})(transformed(LINES))
    plain = transformed(LINES)
    assert found.bodies[1] == plain.bodies[1]
    assert [text.endswith('"calls":1') for text in found.bodies] == [True, False, True, True]
    (message,) = found.annotations.pop(1).values()
    assert re.fullmatch(r'"half failed: RuntimeError at test_plugin\.py:\d+"', message)
    assert not found.annotations
    assert found.failures == {"half": 1}


def test_a_record_lets_its_fields_be_read_and_changed_and_keeps_all_others() -> None:
    record = Record('"a":{"b.c":[1.50],"d":null},"e":"x"', "the line")
    assert (record.get("a.b.c"), record.get("a.d", 5), record.get("z", 5), record.line) == (
        [1.5],
        None,
        5,
        "the line",
    )
    record.set("e", {"f": 1})
    record.set("a.g", True)
    record.drop("a.d")
    assert record.members == '"a":{"b.c":[1.50],"g":true},"e":{"f":1}'
    record.set("e", 2)
    record.set("h.i", "ü")
    assert record.members == '"a":{"b.c":[1.50],"g":true},"e":2,"h":{"i":"ü"}'


@pytest.mark.parametrize("path", ["log.offset", "_id", "@timestamp", "", "e.f"])
def test_a_record_refuses_what_cannot_be_set(path: str) -> None:
    record = Record('"e":1', "")
    with pytest.raises(ValueError, match=r"cannot be set|is not an object|is not a field path"):
        record.set(path, 1)
    with (
        pytest.raises(ValueError, match=r"cannot be set or dropped|is not a field path")
        if path != "e.f"
        else nullcontext()
    ):
        record.drop(path)
    assert record.members == '"e":1'


def test_the_time_stands_once_in_a_document_whatever_a_transform_does() -> None:
    def marked(records: Sequence[Record], /) -> None:
        for record in records:
            record.set("x", 1)

    found = PluginTransform("marked", marked, {})(transformed(['{"@timestamp":"2026-11-23T01:00:00Z","a":1}']))
    (text,) = stages().finisher.build(found).json_lines()
    assert text.count('"@timestamp"') == 1
