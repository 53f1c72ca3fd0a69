"""Another configuration while the sidecar runs: the same files go on, each line once for each sink."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.tail.context import DELETED_GRACE_S
from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, renamed
from tests.support.simulated_sidecar import SimulatedSidecar


@pytest.mark.parametrize("turns", range(8))
def test_what_is_under_way_is_delivered_or_read_again(tmp_path: Path, turns: int) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD + b"half a li")
    world.scan()
    world.turn(turns)
    assert world.reload()
    world.write(b"ne\n" + MORE)
    world.settle()
    assert world.messages() == expected(OLD, b"half a line\n", MORE)
    assert len(world.stored("sink")) == len(world.messages())
    world.check_balance()


@pytest.mark.parametrize("is_down", [False, True])
def test_a_deleted_file_stays_in_hand(tmp_path: Path, *, is_down: bool) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].is_down = is_down
    world.write(OLD)
    world.scan()
    os.unlink(world.path())
    world.scan()
    assert world.reload()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.lost() == 0
    world.check_balance()


def test_a_truncated_file_whose_copy_is_being_made_is_not_forgotten(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.scan()
    world.path("app.log.1").write_bytes(OLD[: len(OLD) // 2])
    world.scan()
    os.truncate(world.path(), 0)
    world.touched()
    world.scan()
    assert world.reload()
    world.path("app.log.1").write_bytes(OLD)
    world.settle()
    assert world.messages() == expected(OLD)
    assert world.lost() == 0
    world.check_balance()


def test_what_was_truncated_without_a_copy_is_counted_once(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.scan()
    os.truncate(world.path(), 0)
    world.touched()
    world.scan()
    assert world.reload()
    world.live(1)
    assert world.reload()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(NEW)
    assert world.balance()["sink"]["lost:truncated"] == len(OLD)
    world.check_balance()


def test_a_new_sink_gets_the_finished_files_too_and_an_old_one_nothing_twice(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(2)
    renamed(world)
    world.write(MORE)
    world.live(20)
    world.add_sink("later")
    assert world.reload()
    world.write(NEW)
    world.settle()
    for sink in ("sink", "later"):
        assert world.messages(sink) == expected(OLD, MORE, NEW)
        assert len(world.stored(sink)) == len(world.messages(sink))
    world.check_balance()


def test_a_sink_that_is_gone_holds_no_file(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"))
    world.destinations["two"].is_down = True
    world.write(OLD)
    world.live(1)
    os.unlink(world.path())
    world.live(1)
    del world.destinations["two"]
    assert world.reload()
    world.live(DELETED_GRACE_S + 60, step=5)
    assert world.tracker.unfinished_files() == []
    assert world.messages("one") == expected(OLD)


@pytest.mark.parametrize("moment", range(1, 40))
def test_a_death_in_the_middle_of_it_is_as_any_other(tmp_path: Path, moment: int) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"))
    world.write(OLD + MORE)
    world.scan()
    world.turn(2)
    world.crash_after.left = moment
    if world.reload() and world.turn(3):
        world.reload()
    world.write(NEW)
    world.settle()
    for sink in ("one", "two"):
        assert world.messages(sink) == expected(OLD, MORE, NEW)
        assert len(world.stored(sink)) == len(world.messages(sink))
    world.check_balance()
