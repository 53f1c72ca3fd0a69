"""What the settings of several pipelines and sinks come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.deliver.batcher import EXPANSION
from sidecar.pipeline.builder import batch_limits, boundary_rules, hostname
from tests.support.builders.supervisor import build_settings

MEMORY = 64 << 20


def limits_of(folder: Path, pipelines: int, concurrency: int) -> int:
    names = [f"app{number}" for number in range(pipelines)]
    settings = build_settings(
        folder, limits={"memory": MEMORY}, pipelines={name: {"paths": [f"{folder}/{name}.log"]} for name in names},
        sinks={"db": {"type": "sqlite", "path": f"{folder}/logs.db", "batch_bytes": 1 << 30}},
    )  # fmt: skip
    return batch_limits(settings, settings.sinks["db"], concurrency).bytes


@pytest.mark.parametrize(("pipelines", "concurrency"), [(1, 1), (1, 3), (4, 1)])
def test_all_batches_together_fit_into_the_memory(tmp_path: Path, pipelines: int, concurrency: int) -> None:
    batches = pipelines * (2 * concurrency + 1)  # a batch is also in memory as rows while it is written
    assert limits_of(tmp_path, pipelines, concurrency) * batches * EXPANSION == pytest.approx(MEMORY, rel=0.01)


@pytest.mark.parametrize(("workers", "expected"), [("auto", (2, 16)), (5, (5, 5)), (1, (1, 1))])
def test_a_sink_over_a_distance_gets_more_workers(
    tmp_path: Path, workers: int | str, expected: tuple[int, int]
) -> None:
    sink = {"type": "elasticsearch", "url": "elasticsearch://e/app", "workers": workers}
    settings = build_settings(tmp_path, limits={"memory": MEMORY}, sinks={"db": sink})
    limits = batch_limits(settings, settings.sinks["db"], *settings.sinks["db"].worker_range(2))
    assert (limits.concurrency, limits.max_concurrency) == expected


@pytest.mark.parametrize(
    ("sink", "copies"),
    [
        ({"type": "elasticsearch", "url": "elasticsearch://e/app-%Y"}, 1),
        ({"type": "elasticsearch", "url": "elasticsearch://e", "index": "app-{team:none}"}, 2),
        ({"type": "mongodb", "url": "mongodb://m/app"}, 3),
    ],
)
def test_documents_in_flight_and_their_requests_fit_into_the_memory_beside_the_next_batch(
    tmp_path: Path, sink: dict[str, Any], copies: int
) -> None:
    pipelines = {name: {"paths": [f"{tmp_path}/{name}.log"]} for name in ("a", "b")}
    settings = build_settings(tmp_path, limits={"memory": MEMORY}, pipelines=pipelines, sinks={"db": sink})
    limits = batch_limits(settings, settings.sinks["db"], 2, 16)
    used = len(pipelines) * (copies * limits.in_flight_bytes + EXPANSION * limits.bytes)
    assert used == pytest.approx(MEMORY, rel=0.01)


def test_a_batch_has_64_kib_in_any_case(tmp_path: Path) -> None:
    assert limits_of(tmp_path, 500, 3) == 64 * 1024


def rules_of(**settings: Any) -> str:
    return boundary_rules(PipelineSettings.model_validate({"paths": ["*.log"], **settings}))


def test_only_settings_that_group_lines_change_the_boundary_rules() -> None:
    assert rules_of() == rules_of(max_line="1KiB") == rules_of(parser="json") == ""
    python = rules_of(multiline="python")
    assert python not in ("", rules_of(multiline="java"))
    assert python != rules_of(multiline="python", max_line="1KiB")
    assert rules_of(encoding="latin-1") != ""


def test_the_node_gives_its_name_to_the_documents_in_kubernetes() -> None:
    assert hostname({"NODE_NAME": "node-1"}) == "node-1"
    assert hostname({}) == hostname({"NODE_NAME": ""}) != ""
