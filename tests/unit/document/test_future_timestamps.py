"""Times from the future: the time at which the line was read counts, and what was written is kept."""

from __future__ import annotations

import json

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.lib.clock import iso
from sidecar.model.batch import Batch
from sidecar.pipeline.builder import build_stages
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.testing import ManualClock
from tests.support.builders.records import chunk, documents

NOW = "2026-11-23T01:00:00.000000Z"


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-24T01:00:01Z",
        "2099-01-01T00:00:00.123456789+01:00",
        "2026-11-23T22:00:00-12:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
    ],
)
@pytest.mark.parametrize("field", ["time", "@timestamp"])
def test_a_time_more_than_a_day_ahead_is_replaced(field: str, time: str) -> None:
    nonsense, sound = documents([f'{{"{field}":"{time}","a":1}}', f'{{"{field}":"2026-11-23T00:59:00Z","a":2}}'])
    assert nonsense["@timestamp"] == iso(ManualClock().now()) == NOW
    assert nonsense["log"]["time_ahead"] == time
    assert nonsense["a"] == 1
    assert sound["@timestamp"] == "2026-11-23T00:59:00Z"
    assert "time_ahead" not in sound["log"]


@pytest.mark.parametrize(
    "time", ["2026-11-24T00:59:59Z", "2026-11-24T14:59:59+14:00", "2026-11-23T12:00:00-12:00", "1970-01-01T00:00:00Z"]
)
def test_a_time_within_a_day_or_long_ago_is_kept(time: str) -> None:
    (document,) = documents([f'{{"time":"{time}"}}'])
    assert document["@timestamp"] == time
    assert "time_ahead" not in document["log"]


def test_the_name_of_the_index_is_the_same_when_a_line_is_sent_again_after_its_time_has_come() -> None:
    clock, ahead = ManualClock(), "2026-11-24T01:30:00Z"
    stages = build_stages(
        PipelineSettings.model_validate({"paths": ["/var/log/app.log"], "parser": "json"}), clock, "host", {}
    )
    template, names, times = TargetTemplate("logs-%Y.%m.%d"), set(), []
    for _ in range(2):
        documents = stages.documents(chunk([f'{{"time":"{ahead}"}}']))[2]
        names.add(template.for_batch(Batch([documents])))
        times += [json.loads(text)["@timestamp"] for text in documents.json_lines()]
        clock.advance(3600)
    assert times == [NOW, ahead]
    assert names == {"logs-2026.11.24"}
