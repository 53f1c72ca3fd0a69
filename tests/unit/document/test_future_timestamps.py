"""Times from the future: the time at which the line was read counts, and what was written is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.lib.clock import iso
from sidecar.model.file import Generation
from sidecar.model.lines import Chunk
from sidecar.pipeline.builder import build_stages
from sidecar.testing import ManualClock

GENERATION = Generation(1, "app", "/var/log/app/a.log", 0.0)
NOW = "2026-11-23T01:00:00.000000Z"


def documents(*lines: str) -> list[dict[str, Any]]:
    data = "".join(f"{line}\n" for line in lines).encode()
    rooms = build_stages(PipelineSettings(paths=("*",), parser=("json",)), ManualClock(), "h", {})  # type: ignore[arg-type]
    records = rooms.records(rooms.framing.frame(Chunk(GENERATION, 0, data, len(data))))
    return [json.loads(text) for text in rooms.finisher.build(records).json_lines()]


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-24T01:00:01Z",
        "2099-01-01T00:00:00.123456789+01:00",
        "2026-11-23T22:00:00-12:00",
        "9999-12-31T23:59:59Z",
    ],
)
@pytest.mark.parametrize("field", ["time", "@timestamp"])
def test_a_time_more_than_a_day_ahead_is_not_believed(field: str, time: str) -> None:
    nonsense, sound = documents(f'{{"{field}":"{time}","a":1}}', f'{{"{field}":"2026-11-23T00:59:00Z","a":2}}')
    assert nonsense["@timestamp"] == iso(ManualClock().now()) == NOW
    assert nonsense["log"]["time_ahead"] == time
    assert nonsense["a"] == 1
    assert sound["@timestamp"] == "2026-11-23T00:59:00Z"
    assert "time_ahead" not in sound["log"]


@pytest.mark.parametrize(
    "time", ["2026-11-24T00:59:59Z", "2026-11-24T14:59:59+14:00", "2026-11-23T12:00:00-12:00", "1970-01-01T00:00:00Z"]
)
def test_a_time_within_a_day_or_long_ago_may_be_true(time: str) -> None:
    (document,) = documents(f'{{"time":"{time}"}}')
    assert document["@timestamp"] == time
    assert "time_ahead" not in document["log"]
