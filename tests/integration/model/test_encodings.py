"""Files in UTF-16 with the real tracker, reader and state: killed anywhere, the byte order is still known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.simulated_sidecar import SimulatedSidecar

MARKED = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


def events(first: int, last: int) -> list[str]:
    return [f"Zeile {n} äöü ਊ 😀\n  noch eine" for n in range(first, last)]


def text(first: int, last: int) -> str:
    return "".join(f"{event}\n" for event in events(first, last))


def expected(first: int, last: int, multiline: Any) -> list[str]:
    return sorted(events(first, last) if multiline else text(first, last).splitlines())


@pytest.mark.parametrize("multiline", [None, {"preset": "indent", "timeout": 2}])
@pytest.mark.parametrize("order", MARKED)
@pytest.mark.parametrize("moment", range(1, 40, 3))
def test_a_death_at_any_moment_loses_no_line_and_no_byte_order(
    tmp_path: Path, moment: int, order: str, multiline: dict[str, Any] | None
) -> None:
    world = SimulatedSidecar(tmp_path, multiline=multiline, pipeline={"encoding": "utf-16"})
    data = MARKED[order] + text(0, 9).encode(order)
    world.write(data[:101])
    world.crash_after.left = moment
    if not world.live(1):
        world.start()
    world.write(data[101:])
    if not world.live(1):
        world.start()
    world.restart()
    world.write(text(9, 12).encode(order))
    world.settle()
    assert sorted(message for _, message in world.stored("sink")) == expected(0, 12, multiline)
    world.check_balance()


@pytest.mark.parametrize(("age", "pieces"), [(3600.0, ["tw�", "�"]), (0.0, ["tw", "o"])])
def test_a_file_whose_last_character_is_half_there_ends_and_goes_on(
    tmp_path: Path, age: float, pieces: list[str]
) -> None:
    """The character is complete in the next run if the application may still be writing it, and broken otherwise."""
    world = SimulatedSidecar(tmp_path, pipeline={"encoding": "utf-16"})
    data = MARKED["utf-16-le"] + "one\ntwo\nthree\n".encode("utf-16-le")
    world.write(data[:15])
    os.utime(world.path(), (0, world.clock.now() - age))
    world.live(1)
    assert [message for _, message in world.stored("sink")] == ["one"]
    world.drain()
    world.write(data[15:])
    world.start()
    world.settle()
    messages = [message for _, message in world.stored("sink")]
    assert messages == ["one", *pieces, "three"]
    world.check_balance()


def test_a_truncated_file_may_come_back_in_another_byte_order(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline={"encoding": "utf-16"})
    for order, mark in MARKED.items():
        world.write(mark + text(0, 3).encode(order))
        world.live(1)
        world.copytruncate("app.log.1")
        world.live(8)
    world.settle()
    assert sorted(message for _, message in world.stored("sink")) == sorted(expected(0, 3, None) * 2)
    world.check_balance()
