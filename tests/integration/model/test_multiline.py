"""Events of several lines, with the real tracker, reader and state: the same ones whatever happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.tail.tracked_file import TrackedFile
from tests.support.simulated_sidecar import SimulatedSidecar, streams

RULE: dict[str, Any] = {"preset": "indent", "timeout": 2}


def event(number: int, more: int = 2) -> bytes:
    return b"event %03d\n" % number + b"".join(b"  at frame %d\n" % n for n in range(more))


def texts(*events: bytes) -> list[str]:
    return sorted(each.decode().rstrip("\n") for each in events)


def found(world: SimulatedSidecar, sink: str = "sink") -> list[str]:
    return sorted(text for _, text in world.stored(sink))


def test_an_event_goes_out_when_the_next_one_begins_and_the_last_one_when_it_has_been_silent(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, multiline=RULE)
    world.write(event(1) + event(2, 0) + event(3))
    world.live(1)
    assert found(world) == texts(event(1), event(2, 0))
    world.live(2)
    assert found(world) == texts(event(1), event(2, 0), event(3))
    world.settle()
    assert found(world) == texts(event(1), event(2, 0), event(3))
    world.check_balance()


@pytest.mark.parametrize("orderly", [False, True])
def test_killed_after_an_event_was_closed_by_idle_time_and_then_the_event_goes_on(
    tmp_path: Path, *, orderly: bool
) -> None:
    world = SimulatedSidecar(tmp_path, multiline=RULE, sinks=("one", "two"))
    world.destinations["two"].is_down = True
    world.write(event(1))
    world.live(4)
    assert found(world, "one") == texts(event(1))
    world.kill()
    world.write(b"  at late frame\n" + event(2))
    world.start()
    world.live(4)
    if orderly:
        world.reload()
    world.settle()
    for sink in ("one", "two"):
        assert found(world, sink) == texts(event(1), b"  at late frame\n", event(2))
    (late,) = [d for d in world.destinations["two"].documents.values() if d["message"] == "  at late frame"]
    assert late["log"]["continuation"] is True
    world.check_balance()


@pytest.mark.parametrize("moment", range(1, 60))
def test_a_death_at_any_moment_cuts_no_event_in_another_place(tmp_path: Path, moment: int) -> None:
    world = SimulatedSidecar(tmp_path, multiline=RULE, sinks=("one", "two"))
    world.destinations["one"].faults += ["everything, then silence", "half, then silence"]
    world.write(event(1) + event(2))
    world.crash_after.left = moment
    if not world.live(4):
        world.start()
    world.write(b"  at late frame\n" + event(3))
    world.live(1)
    world.write(b"  at the end\n" + event(4))
    world.settle()
    for sink in ("one", "two"):
        lines = "\n".join(streams(world.stored(sink))).split("\n")
        assert sorted(lines) == sorted(
            (event(1) + event(2) + b"  at late frame\n" + event(3) + b"  at the end\n" + event(4))
            .decode()
            .splitlines()
        )
        assert all(text.startswith(("event", "  at late")) for text in found(world, sink))
    world.check_balance()


def test_a_partial_last_line_and_the_event_before_it_are_one_at_the_end(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, multiline=RULE)
    world.write(event(1) + event(2) + b"  at the la")
    world.scan()
    world.turn(4)
    assert world.drain()
    assert found(world) == texts(event(1), event(2) + b"  at the la")
    world.write(b"st frame\n" + event(3))
    world.start()
    world.settle()
    assert found(world) == texts(event(1), event(2) + b"  at the la", b"st frame\n", event(3))


def test_an_event_that_is_rotated_away_is_whole(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, multiline={**RULE, "timeout": "1h"})
    world.write(event(1) + event(2))
    world.live(2)
    world.path().rename(world.path("app.log.1"))
    world.write(event(3))
    world.live(20)
    assert found(world) == texts(event(1), event(2))
    world.settle()
    assert found(world) == texts(event(1), event(2), event(3))


def test_events_longer_than_a_chunk_and_than_the_limits(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, multiline={**RULE, "max_lines": 5000})
    long, longer = event(1, 4999), event(2, 12_000)
    world.write(long + event(3) + longer + event(4))
    world.settle()
    split = longer.split(b"\n")[:-1]
    parts = [b"\n".join(split[n : n + 5000]) for n in range(0, len(split), 5000)]
    assert found(world) == texts(long, event(3), *parts, event(4))
    notes = {d["message"]: (d["log"].get("split"), d["log"].get("continuation")) for d in all_of(world)}
    assert [notes[part.decode()] for part in parts] == [(True, None), (True, True), (None, True)]
    assert notes[long.decode().rstrip("\n")] == (None, None)
    world.check_balance()


def all_of(world: SimulatedSidecar) -> list[dict[str, Any]]:
    return list(world.destinations["sink"].documents.values())


def test_a_line_that_is_too_long_stands_alone(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, multiline=RULE)
    world.write(event(1) + b"  " + b"x" * (3 << 20) + b"\n" + event(2))
    world.settle()
    kept = (b"  " + b"x" * (3 << 20))[: 1 << 20]
    assert found(world) == texts(event(1), kept, event(2))


@pytest.mark.parametrize("killed", [False, True])
def test_another_rule_goes_on_under_other_ids_so_that_no_line_is_taken_for_one_that_is_there(
    tmp_path: Path, *, killed: bool
) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=True)
    world.write(event(1))
    world.destinations["sink"].faults += ["half, then silence"] * 3
    world.scan()
    world.turn(4)
    assert [text for _, text in world.stored("sink")] == ["event 001"]
    if killed:
        world.kill()
    else:
        world.destinations["sink"].is_down = True
        world.live(1)
        world.kill()
    os.unlink(world.path())
    world.multiline = RULE
    world.destinations["sink"].is_down = False
    world.destinations["sink"].faults.clear()
    world.start()
    world.settle()
    assert found(world) == texts(b"event 001\n", event(1))
    world.check_balance()


def test_a_new_rule_while_it_runs_parts_what_comes_and_nothing_twice(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(event(1))
    world.live(1)
    world.multiline = RULE
    assert world.reload()
    world.write(event(2) + event(3))
    world.live(1)
    world.restart()
    world.settle()
    assert found(world) == sorted([*event(1).decode().splitlines(), *texts(event(2), event(3))])
    assert len({name.split("-")[0] for name, _ in world.stored("sink")}) == 1


def test_thousands_of_cuts_are_not_remembered_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.tail.tracked_file._MAX_BOUNDARIES", 20)
    monkeypatch.setattr("sidecar.tail.tracked_file._KEPT_BOUNDARIES", 10)
    world = SimulatedSidecar(tmp_path, multiline=RULE)
    for number in range(60):
        world.write(event(number))
        world.live(3)
    with world.looked_at() as db:
        assert db.execute("SELECT count(*) FROM cuts").fetchone()[0] <= 20
    assert isinstance(world.tracker.unfinished_files()[0], TrackedFile)
    world.settle()
    assert found(world) == texts(*(event(number) for number in range(60)))


FAULTS = st.sampled_from(["down", "half, then silence"])
DEEDS: dict[str, Callable[[SimulatedSidecar, st.DataObject], object]] = {
    "live": lambda world, data: world.live(data.draw(st.sampled_from([0.5, 3.0]))),
    "wait": lambda world, data: waited(world),
    "kill": lambda world, data: world.restart(),
    "reload": lambda world, data: world.reload(),
    "drain": lambda world, data: world.drain(),
    "fault": lambda world, data: world.destinations["one"].faults.append(data.draw(FAULTS)),
    "burn": lambda world, data: setattr(world.crash_after, "left", data.draw(st.integers(1, 12))),
}


def waited(world: SimulatedSidecar) -> None:
    world.clock.at += 3
    world.scan()
    world.turn(2)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_however_it_is_written_and_killed_no_line_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    world = SimulatedSidecar(
        tmp_path_factory.mktemp("multiline"), multiline={**RULE, "max_lines": 4}, sinks=("one", "two")
    )
    written = b""
    for turn in range(data.draw(st.integers(1, 8))):
        sizes = data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=3))
        piece = b"".join(event(10 * turn + n, size) for n, size in enumerate(sizes))
        cut = data.draw(st.integers(0, len(piece)))
        for part in (piece[:cut], piece[cut:]):
            written += part
            world.write(part)
            DEEDS[data.draw(st.sampled_from(sorted(DEEDS)))](world, data)
            if not world.alive:
                world.start()
    world.settle()
    for sink in ("one", "two"):
        lines = "\n".join(streams(world.stored(sink))).split("\n")
        assert sorted(lines) == sorted(written.decode().splitlines())
    world.check_balance()
