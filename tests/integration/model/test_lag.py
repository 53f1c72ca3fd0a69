"""How old the oldest line is that a sink does not have: before and after a restart, by sink and by file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sidecar.lib.clock import iso
from tests.support.simulated_sidecar import SimulatedSidecar


def json_line(world: SimulatedSidecar, age_s: float, text: str = "line") -> str:
    return json.dumps({"time": iso(world.clock.now() - age_s), "message": text}) + "\n"


def add(world: SimulatedSidecar, text: str, name: str = "app.log") -> None:
    """The application writes this now."""
    with (world.logs / name).open("a") as file:
        file.write(text)
    os.utime(world.logs / name, (world.clock.now(),) * 2)


def built(folder: Path, **options: Any) -> SimulatedSidecar:
    return SimulatedSidecar(folder, sinks=("good", "down"), pipeline={"parser": "json"}, **options)


def lags(world: SimulatedSidecar) -> dict[str, float]:
    return {name: round(shipper.status("").lag_s) for name, shipper in world.shippers.items()}


def test_lag_is_the_age_of_the_oldest_line_by_its_own_time_also_after_a_restart(tmp_path: Path) -> None:
    world = built(tmp_path)
    world.destinations["down"].is_down = True
    add(world, json_line(world, 7200) + json_line(world, 10))
    world.live(2)
    assert lags(world) == {"good": 0, "down": 7202}
    world.restart()
    world.live(3)
    assert lags(world) == {"good": 0, "down": 7205}
    world.destinations["down"].is_down = False
    world.live(60)
    assert lags(world) == {"good": 0, "down": 0}
    world.kill()


def test_lines_without_a_time_are_as_old_as_their_file_also_after_a_restart(tmp_path: Path) -> None:
    world = built(tmp_path)
    world.destinations["down"].is_down = True
    add(world, '{"message": "no time"}\n')
    world.live(600, step=5)
    assert lags(world) == {"good": 0, "down": 600}
    world.restart()
    world.live(5)
    assert lags(world) == {"good": 0, "down": 605}
    world.kill()


def test_lines_without_a_time_keep_their_age_after_a_restart_while_their_file_grows(tmp_path: Path) -> None:
    world = built(tmp_path)
    add(world, '{"message": "stored everywhere"}\n')
    world.live(5)
    world.destinations["down"].is_down = True
    for _ in range(20):
        add(world, '{"message": "no time"}\n')
        world.live(30)
    assert 599 <= lags(world)["down"] <= 600
    for _ in range(2):
        age = lags(world)["down"]
        world.restart()
        add(world, '{"message": "after a start"}\n')
        world.live(30, step=5)
        assert lags(world) == {"good": 0, "down": age + 30}
    world.destinations["down"].is_down = False
    world.live(60)
    assert lags(world) == {"good": 0, "down": 0}
    world.destinations["down"].is_down = True
    add(world, '{"message": "later"}\n')
    world.live(30)
    assert 29 <= lags(world)["down"] <= 30, "the age of lines that are stored by now is forgotten"
    world.kill()


def test_lag_moves_on_with_what_is_settled(tmp_path: Path) -> None:
    """The chunk holds one line, so that a request settles one line."""
    world = built(tmp_path)
    add(world, json_line(world, 500, "a" * 40_000))
    add(world, json_line(world, 300, "b" * 40_000))
    world.destinations["down"].is_down = True
    world.live(1)
    assert lags(world)["down"] == 501
    world.destinations["down"].is_down = False
    world.destinations["down"].faults = ["", "down", "down", "down", "down"]
    world.live(30, step=0.5)
    assert lags(world)["down"] in (0, 331), "the first line is stored"
    world.kill()


def test_each_file_has_its_own_lag_for_each_sink(tmp_path: Path) -> None:
    world = built(tmp_path, paths="*.log")
    world.destinations["down"].is_down = True
    add(world, json_line(world, 100), "a.log")
    add(world, json_line(world, 900), "b.log")
    world.live(2)
    found = {
        Path(file.name).name: {
            name: round(each.lag_of_file(file.generation.id)) for name, each in world.shippers.items()
        }
        for file in world.tracker.unfinished_files()
    }
    assert found == {"a.log": {"good": 0, "down": 102}, "b.log": {"good": 0, "down": 902}}
    world.kill()
