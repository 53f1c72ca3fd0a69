"""What the sidecar promises beyond rotation: fairness, independence of sinks, and the traps of positions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sidecar.deliver.evidence import UNIFORM_REJECTION_LIMIT
from sidecar.telemetry import events
from sidecar.telemetry.events import TooManyTargets
from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, lines
from tests.support.simulated_sidecar import SimulatedSidecar


def test_a_file_with_a_long_backlog_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.write(lines(0, 100_000), "a.log")
    world.write(NEW, "b.log")
    world.scan()
    world.turn(4)
    assert [message for message in world.messages() if message.startswith("005")]
    assert len(world.messages()) < 50_000


def test_a_dead_sink_keeps_its_place_and_the_other_gets_everything_on_time(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("up", "dead"))
    world.destinations["dead"].is_down = True
    for number in range(20):
        world.write(lines(1000 * number, 1000))
        world.live(1)
    assert len(world.messages("up")) == 20_000
    settled, seen = world.shippers["dead"].progress()
    assert (settled, seen) == (0, world.path().stat().st_size)
    world.settle()
    assert world.messages("dead") == world.messages("up")


def test_a_sink_that_asked_to_be_left_alone_is_tried_again_when_the_sidecar_ends(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    destination, shipper = world.destinations["sink"], world.shippers["sink"]
    destination.is_down, destination.retry_after = True, 86400.0
    world.write(lines(0, 10))
    world.live(5)
    destination.is_down = False
    world.live(20)
    assert world.messages() in ([], [""])
    shipper.drain(world.clock.at + 25)
    world.turn(20)
    assert world.messages() == expected(lines(0, 10))


def test_a_sink_that_still_fails_at_the_end_is_tried_once_more_before_the_time_is_over(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    destination, shipper = world.destinations["sink"], world.shippers["sink"]
    destination.is_down, destination.retry_after = True, 86400.0
    world.write(lines(0, 10))
    world.live(5)
    shipper.drain(world.clock.at + 25)
    world.turn(20)
    destination.is_down = False
    world.clock.at += 22
    world.turn(20)
    assert world.messages() in ([], [""])
    world.clock.at += 1.5
    world.turn(20)
    assert world.messages() == expected(lines(0, 10))


def test_a_sink_is_left_alone_for_five_minutes_at_most(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    destination = world.destinations["sink"]
    destination.is_down, destination.retry_after = True, float("inf")
    world.write(lines(0, 10))
    world.live(5)
    destination.is_down = False
    world.live(310, step=5)
    assert world.messages() == expected(lines(0, 10))


def test_documents_for_too_many_targets_are_counted_always_and_told_of_once_a_day(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].diverts = True
    for number in range(3):
        world.write(lines(10 * number, 10))
        world.live(2)
    told = [event for event in world.events if isinstance(event, TooManyTargets)]
    assert (len(told), world.shippers["sink"].counters.diverted) == (1, 30)
    world.clock.at += 86400
    world.write(lines(100, 10))
    world.live(2)
    assert len([event for event in world.events if isinstance(event, TooManyTargets)]) == 2


def test_a_truncation_between_the_look_and_the_read_is_seen_by_the_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(2)
    world.write(MORE)
    world.scan()
    os.truncate(world.path(), 0)
    world.write(lines(7000, 1000))
    world.turn(10)
    world.settle()
    found = set(world.messages())
    assert found >= set(expected(OLD, lines(7000, 1000)))
    assert len(world.messages()) == len(found)
    assert world.lost() == len(MORE)


@pytest.mark.parametrize("kind", ["read-only index", "missing pipeline", "limit of fields"])
def test_every_document_refused_alike_waits_and_floods_no_dead_letters(tmp_path: Path, kind: str) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].refuses = kind
    world.write(lines(0, 10 * UNIFORM_REJECTION_LIMIT))
    world.live(30)
    assert world.dead("sink") == []
    assert world.messages() in ([], [""])
    world.destinations["sink"].refuses = ""
    world.settle()
    assert world.messages() == expected(lines(0, 10 * UNIFORM_REJECTION_LIMIT))


def test_a_new_sink_gets_what_was_finished_already(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(1)
    world.path().rename(world.path("app.log.1"))
    world.live(20)
    world.add_sink("new")
    world.restart()
    world.settle()
    assert world.messages("sink") == world.messages("new") == expected(OLD)


def test_a_new_sink_loses_nothing_of_what_was_delivered_and_deleted_before(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.drain()
    world.path().unlink()
    world.write(MORE, "app.log.2")
    world.add_sink("new")
    world.start()
    world.settle()
    assert world.messages("new") == expected(MORE)
    assert world.messages("sink") == expected(OLD, MORE)
    assert world.lost() == 0
    assert not [event for event in world.events if isinstance(event, events.BytesLost)]


def test_a_sink_that_was_down_all_the_time_loses_what_was_deleted(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("sink", "down"))
    world.destinations["down"].is_down = True
    world.write(OLD)
    world.live(3)
    world.restart()
    world.kill()
    world.path().unlink()
    world.settle()
    assert world.balance()["down"] == {"lost:deleted": len(OLD)}
    assert "lost:deleted" not in world.balance()["sink"]


def test_equal_lines_stay_two_documents_also_across_a_restart(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(b"the same\n" * 3)
    world.live(1)
    world.restart()
    world.write(b"the same\n" * 2)
    world.settle()
    assert world.messages() == ["the same"] * 5


def test_a_small_file_is_read_from_its_first_byte(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    for number in range(10):
        world.write(b"a\n", f"{number}.log")
    world.settle()
    assert world.messages() == ["a"] * 10


def test_a_new_file_in_an_old_inode_begins_at_its_first_line(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    contents = []
    for number in range(10):
        contents.append(lines(100 * number, 50))
        world.write(contents[-1])
        world.live(8 if number % 2 else 1)
        if number % 3 == 0:
            world.restart()
            world.live(1)
        world.path().unlink()
    world.settle()
    assert world.messages() == expected(*contents)


def test_idle_files_are_not_opened_again_by_a_look(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=16)
    for number in range(300):
        world.write(b"a line\n", f"{number}.log")
    world.live(90)
    assert len(world.messages()) == 300
    opened: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).endswith(".log"):
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)
    world.live(10)
    watching.clear()
    assert opened == []
