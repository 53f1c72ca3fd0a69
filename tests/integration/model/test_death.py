"""The process dies at each moment that matters, one after the other; the next one stores every line once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.state.dead_letters import DeadLetterLimit
from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, renamed
from tests.support.simulated_sidecar import SimulatedSidecar, streams

MOMENTS = 80
"""More than a whole life has; beyond its last moment the process simply ends in order."""


def lived(world: SimulatedSidecar) -> bool:
    """A life with everything in it. Whether it came to its end."""
    world.destinations["one"].faults += ["everything, then silence", "one is poison"]
    return world.scan() and world.turn(12) and world.live(3) and rotated(world) and world.live(8) and world.drain()


def rotated(world: SimulatedSidecar) -> bool:
    world.copytruncate("app.log.1")
    world.write(NEW + b"half a li")
    return True


@pytest.mark.parametrize("moment", range(1, MOMENTS))
def test_a_death_at_any_moment_loses_nothing_and_stores_nothing_twice(tmp_path: Path, moment: int) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"))
    world.write(OLD + MORE)
    world.crash_after.left = moment
    if not lived(world):
        world.start()
        if world.path().stat().st_size > len(NEW) + 100:
            rotated(world)
    world.write(b"ne\n")
    world.settle()
    for sink in ("one", "two"):
        found = [*world.stored(sink), *world.dead(sink)]
        assert sorted("\n".join(streams(found)).split("\n")) == expected(OLD, MORE, NEW, b"half a line\n")
        assert len(found) == len({name for name, _ in found})
    world.check_balance()


def test_a_life_has_fewer_moments_than_are_tried(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"))
    world.write(OLD + MORE)
    assert lived(world)
    assert 20 < world.crash_after.passed < MOMENTS


def test_a_death_while_the_next_one_starts_is_no_different(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.destinations["sink"].is_down = True
    world.live(1)
    world.kill()
    renamed(world)
    world.write(NEW)
    for moment in range(1, 8):
        world.start()
        world.crash_after.left = moment
        world.scan()
        world.kill()
    world.settle()
    assert world.messages() == expected(OLD, NEW)


def test_full_dead_letters_block_the_sink_that_has_refused_and_no_other(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"), bound=DeadLetterLimit(300, "block"))
    for number in range(6):
        world.destinations["one"].faults = ["one is poison"]
        world.write(b"line %d\n" % number)
        world.live(3)
    assert [message for _, message in world.dead("one")] == ["line 0"]
    assert len(world.stored("two")) == 6
    assert any("the dead letters are full" in event.text() for event in world.events)
    with world.store.transaction() as db:
        db.execute("DELETE FROM dead_letters")
    world.live(3)
    assert [message for _, message in world.dead("one")] == ["line 1"]


def test_full_dead_letters_drop_the_oldest_and_count_them(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, bound=DeadLetterLimit(500, "drop_oldest"))
    for number in range(6):
        world.destinations["sink"].faults = ["one is poison"]
        world.write(b"line %d\n" % number)
        world.live(3)
    world.settle()
    kept = [message for _, message in world.dead("sink")]
    dropped = 6 - len(kept)
    assert kept == [f"line {number}" for number in range(dropped, 6)]
    assert 0 < dropped < 6
    assert world.balance()["sink"] == {"dead_letter": 7 * len(kept), "lost:dead_letters_full": 7 * dropped}
