"""Lines for an index that takes no documents wait in their files, and all others are delivered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sidecar.telemetry.events import TargetAvailable, TargetMisconfigured
from tests.support.simulated_sidecar import SimulatedSidecar

MOMENTS = 30
"""More than a whole run has."""


def lines(first: int, count: int, targets: str = "ab") -> bytes:
    """Lines for these targets in turn."""
    return b"".join(b"%c line %06d\n" % (ord(targets[n % len(targets)]), n) for n in range(first, first + count))


def closed_world(folder: Path, *closed: str, **options: Any) -> SimulatedSidecar:
    world = SimulatedSidecar(folder, **options)
    world.destinations["sink"].has_many_targets = True
    world.destinations["sink"].closed = set(closed)
    world.restart()
    world.crash_after.passed = 0
    return world


def messages(data: bytes, targets: str = "ab") -> list[str]:
    return sorted(line for line in data.decode().splitlines() if line[0] in targets)


def checkpoint(world: SimulatedSidecar) -> int:
    with world.looked_at() as db:
        (offset,) = db.execute("SELECT max(offset) FROM checkpoints").fetchone()
    return int(offset)


def parked_lines(world: SimulatedSidecar) -> int:
    (status,) = [shipper.status("") for shipper in world.shippers.values()]
    return sum(target.lines for target in status.parked)


def test_only_the_lines_for_a_closed_target_wait_and_the_checkpoint_stays_before_them(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    data = lines(0, 10, "a") + lines(10, 3000)
    world.write(data)
    world.live(3)
    assert world.messages() == messages(data, "a")
    assert parked_lines(world) == 1500
    assert checkpoint(world) <= len(lines(0, 10, "a"))


def test_lines_whose_target_refuses_while_the_state_cannot_be_written_are_not_forgotten(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    data = lines(0, 100)
    world.write(data)
    world.scan()
    world.turn()
    world.crash_after.is_disk_full = True
    world.live(60)
    world.crash_after.is_disk_full = False
    world.live(30)
    assert parked_lines(world) == 50
    assert not [event for event in world.events if isinstance(event, TargetAvailable)]
    world.destinations["sink"].closed.clear()
    world.live(400)
    assert world.messages() == messages(data)
    world.settle()
    world.check_balance()


def test_lines_that_waited_are_delivered_when_the_target_takes_documents_again(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    data = lines(0, 3000)
    world.write(data)
    world.live(30)
    world.destinations["sink"].closed.clear()
    world.live(90)
    assert world.messages() == messages(data)
    assert (parked_lines(world), checkpoint(world)) == (0, len(data))
    assert world.destinations["sink"].repeated == []
    kinds = [type(event) for event in world.events if isinstance(event, TargetMisconfigured | TargetAvailable)]
    assert kinds == [TargetMisconfigured, TargetAvailable]


def test_new_lines_for_a_target_that_was_closed_pass_as_well(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 100))
    world.live(3)
    world.destinations["sink"].closed.clear()
    world.live(90)
    world.write(lines(100, 100))
    world.live(3)
    assert world.messages() == messages(lines(0, 200))
    assert world.destinations["sink"].repeated == []


def test_a_closed_target_is_tried_with_one_line_and_less_and_less_often(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 1000))
    world.live(3)
    requests = world.destinations["sink"].requests
    requests.clear()
    for number in range(300):
        world.write(lines(1000 + number, 1, "a"))
        world.live(1)
    tried = [request.count("b") for request in requests if "b" in request]
    assert set(tried) == {1}
    assert 4 <= len(tried) <= 12


def test_lines_wait_over_a_restart_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 2000))
    world.live(3)
    world.restart()
    world.write(lines(2000, 1000))
    world.live(10)
    assert world.messages() == messages(lines(0, 3000), "a")
    assert parked_lines(world) == 1500
    world.destinations["sink"].closed.clear()
    world.settle()
    assert world.messages() == messages(lines(0, 3000))
    assert world.destinations["sink"].repeated == []
    world.check_balance()


def test_lines_wait_over_a_reload(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 2000))
    world.live(3)
    assert world.reload()
    world.destinations["sink"].closed.clear()
    world.settle()
    assert world.messages() == messages(lines(0, 2000))
    assert world.destinations["sink"].repeated == []


def test_an_end_does_not_wait_for_a_closed_target(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 100))
    world.live(3)
    before = world.clock.at
    assert world.drain()
    assert world.clock.at - before < 5
    assert world.messages() == messages(lines(0, 100), "a")


@pytest.mark.parametrize("moment", range(1, MOMENTS))
def test_a_death_at_any_moment_loses_no_waiting_line_and_stores_none_twice(tmp_path: Path, moment: int) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 500))
    world.crash_after.left = moment
    if world.scan() and world.live(2):
        world.destinations["sink"].closed.clear()
        world.live(10, step=1)
    if not world.alive:
        world.start()
    world.write(lines(500, 500))
    world.live(3)
    world.destinations["sink"].closed.clear()
    world.settle()
    assert world.messages() == messages(lines(0, 1000))
    world.check_balance()


def test_a_run_has_fewer_moments_than_are_tried(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 500))
    world.scan()
    world.live(2)
    world.destinations["sink"].closed.clear()
    world.live(10, step=1)
    assert 10 < world.crash_after.passed < MOMENTS


@pytest.mark.parametrize("rotation", ["rename", "rename and delete", "copytruncate"])
def test_waiting_lines_of_a_rotated_file_are_delivered(tmp_path: Path, rotation: str) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 1000))
    world.live(3)
    if rotation == "copytruncate":
        world.copytruncate("app.log.1")
    else:
        world.path().rename(world.path("app.log.1"))
    world.write(lines(1000, 1000))
    world.live(3)
    if rotation == "rename and delete":
        world.path("app.log.1").unlink()
    world.live(30)
    world.destinations["sink"].closed.clear()
    world.settle()
    assert world.messages() == messages(lines(0, 2000))
    assert world.lost() == 0
    world.check_balance()


def test_of_a_file_that_is_gone_only_the_waiting_lines_are_lost(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b")
    world.write(lines(0, 1000))
    world.live(3)
    world.kill()
    world.path().unlink()
    world.start()
    world.settle()
    waiting = "".join(f"{line}\n" for line in messages(lines(0, 1000), "b"))
    assert world.lost() == len(waiting)
    assert world.messages() == messages(lines(0, 1000), "a")
    world.check_balance()


def test_lines_of_a_pattern_for_several_lines_wait_as_a_whole(tmp_path: Path) -> None:
    world = closed_world(tmp_path, "b", multiline={"start": "^[ab] "})
    data = b"".join(b"%c event %d\n  more of it\n" % (ord("ab"[n % 2]), n) for n in range(200))
    world.write(data)
    world.live(10)
    world.destinations["sink"].closed.clear()
    world.settle()
    assert sorted(message for _, message in world.stored("sink")) == sorted(
        f"{'ab'[n % 2]} event {n}\n  more of it" for n in range(200)
    )
    assert world.destinations["sink"].repeated == []
