"""`parser: auto`: the format of a file is decided once, from its first events, whatever happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sidecar.pipeline.auto_format import MAX_WAIT_S
from sidecar.telemetry.events import FormatDetected
from tests.integration.model.test_rotation import packed, renamed
from tests.support.simulated_sidecar import SimulatedSidecar

AUTO = {"parser": "auto"}
MOMENTS = 60
"""More than the life below has."""


def java(number: int, frames: int = 0) -> bytes:
    """One event of Logback, with a stack trace if it has frames."""
    head = b"2026-11-23 01:00:%02d.123 [main] ERROR c.e.shop.Shop - failed %d\n" % (number % 60, number)
    trace = b"".join(b"\tat com.example.Shop.run%d(Shop.java:17)\n" % frame for frame in range(frames))
    return head + (b"com.example.ShopError: no disk\n" + trace if frames else b"")


def access(number: int) -> bytes:
    return b'203.0.113.7 - - [23/Nov/2026:01:00:%02d +0000] "GET /%d HTTP/1.1" 200 5 "-" "c"\n' % (
        number % 60,
        number,
    )


def json_line(number: int) -> bytes:
    return b'{"time":"2026-11-23T01:00:00Z","level":"info","message":"order %d"}\n' % number


def documents(world: SimulatedSidecar, sink: str = "sink") -> list[dict[str, Any]]:
    """The stored documents in the order of their ids."""
    stored = world.destinations[sink].documents
    return [stored[name] for name in sorted(stored, key=lambda name: int(name.partition("-")[2]))]


def contents(world: SimulatedSidecar, sink: str) -> list[dict[str, Any]]:
    """The documents without times, which may be those at which they were read."""
    return [
        {name: value for name, value in each.items() if name not in ("event", "@timestamp")}
        for each in documents(world, sink)
    ]


def told(world: SimulatedSidecar) -> list[str]:
    return [event.parser for event in world.events if isinstance(event, FormatDetected)]


def formats(world: SimulatedSidecar) -> list[str | None]:
    with world.looked_at() as db:
        return [text for (text,) in db.execute("SELECT format FROM generations ORDER BY born, number")]


def written_now(world: SimulatedSidecar, data: bytes, name: str = "app.log") -> None:
    """Append, with the current time of the world as that of the file."""
    world.write(data, name)
    os.utime(world.path(name), (world.clock.now(), world.clock.now()))


def test_each_file_gets_its_own_parser_and_the_lines_of_an_event_are_joined(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", pipeline=AUTO)
    world.write(java(1) + java(2, frames=3) + java(3), "java.log")
    world.write(access(1) + access(2), "access.log")
    world.settle()
    by_file: dict[str, list[dict[str, Any]]] = {}
    for each in documents(world):
        by_file.setdefault(Path(each["log"]["file"]["path"]).name, []).append(each)
    assert [each["message"].count("\n") for each in by_file["java.log"]] == [0, 4, 0]
    assert {each["log"]["level"] for each in by_file["java.log"]} == {"error"}
    assert [each["http"]["response"]["status_code"] for each in by_file["access.log"]] == [200, 200]
    assert sorted(told(world)) == ["log4j (multiline: java)", "nginx"]
    world.check_balance()


def test_the_first_lines_of_a_new_file_wait_for_more_but_not_for_long(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.scan()
    written_now(world, json_line(1))
    world.live(MAX_WAIT_S / 2)
    assert (documents(world), told(world)) == ([], [])
    written_now(world, json_line(2))
    world.live(MAX_WAIT_S / 2 + 1)
    assert [each["message"] for each in documents(world)] == ["order 1", "order 2"]
    written_now(world, json_line(3))
    world.live(0.5)
    assert len(documents(world)) == 3
    assert told(world) == ["json"]


def test_lines_that_are_there_for_a_while_and_a_full_sample_do_not_wait(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", pipeline=AUTO)
    world.write(json_line(1), "old.log")
    written_now(world, b"".join(map(json_line, range(2000))), "large.log")
    world.scan()
    world.turn(12)
    assert told(world) == ["json", "json"]


def test_a_file_that_ends_in_the_meantime_is_decided_at_once(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    written_now(world, json_line(1).rstrip(b"\n"))
    assert world.drain()
    assert [each["message"] for each in documents(world)] == ["order 1"]


@pytest.mark.parametrize("empty", [b"\n", b"\n\n\r\n", b"2026-11-23 01:"])
def test_nothing_is_decided_before_there_is_a_line_with_text(tmp_path: Path, empty: bytes) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(empty)
    world.live(10)
    assert formats(world) == [None]
    world.write((java(1) + java(2)).removeprefix(empty))
    world.live(10)
    assert told(world) == ["log4j (multiline: java)"]
    world.settle()
    world.check_balance()


def test_a_hole_and_blank_lines_before_the_first_text_are_skipped(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", pipeline=AUTO)
    world.write(b"\n" * 200_000 + java(1) + java(2), "blank.log")
    world.write(b"\0" * 100_000, "hole.log")
    with world.path("sparse.log").open("wb") as file:
        file.truncate(1 << 20)
    world.live(5)
    for name in ("hole.log", "sparse.log"):
        world.write(java(1) + java(2), name)
    world.settle()
    assert told(world) == ["log4j (multiline: java)"] * 3
    assert len(documents(world)) == 6
    world.check_balance()


def test_blank_lines_are_read_to_the_end_and_decide_nothing(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(b"\n\n")
    world.settle()
    assert world.balance()["sink"]["skipped:empty"] == 2
    assert formats(world) == [None]
    world.write(java(1) + java(2))
    world.start()
    world.settle()
    assert told(world) == ["log4j (multiline: java)"]
    world.check_balance()


def test_the_format_stays_for_other_lines_a_restart_and_the_rest_of_a_rotated_file(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(java(1) + java(2))
    world.live(3)
    world.destinations["sink"].is_down = True
    world.write(b"".join(map(access, range(300))))
    world.live(3)
    world.restart()
    world.live(3)
    renamed(world)
    world.write(java(7) + java(8))
    packed(world, "app.log.1", "app.log.1.gz")
    world.restart()
    world.settle()
    assert {each["message"][:9] for each in documents(world) if "error" in each} == {"203.0.113"}
    assert not any("http" in each for each in documents(world))
    assert told(world) == ["log4j (multiline: java)"] * 2
    world.check_balance()


def test_a_truncated_file_is_decided_anew_and_its_copy_is_not(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(java(1) + java(2))
    world.live(3)
    world.destinations["sink"].is_down = True
    world.write(java(3))
    world.live(1)
    world.copytruncate("app.log.1")
    world.write(access(1) + access(2))
    world.settle()
    assert told(world) == ["log4j (multiline: java)", "nginx"]
    assert sum("error" in each for each in documents(world)) == 0
    assert len(documents(world)) == 5


def test_a_new_file_of_the_same_name_keeps_the_format_that_still_fits(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(java(1) + java(2, frames=3))
    world.live(8)
    renamed(world)
    world.write(java(3))
    world.live(8)
    assert told(world) == ["log4j (multiline: java)"] * 2
    world.write(java(4, frames=2))
    world.settle()
    assert documents(world)[-1]["message"].count("\n") == 3


def test_two_sinks_agree_and_one_log_line_tells_it(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"), pipeline=AUTO)
    world.destinations["two"].is_down = True
    world.write(java(1) + java(2, frames=3))
    world.live(5)
    world.write(access(3) * 100)
    world.settle()
    assert contents(world, "one") == contents(world, "two")
    assert told(world) == ["log4j (multiline: java)"]


def test_a_format_of_another_file_is_used_again_only_if_it_surely_fits(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", pipeline=AUTO)
    for number in range(20):
        world.write(b"2026-11-23 01:00:00.123 <> %d unknown\n" % number, "a.log")
    world.live(3)
    assert told(world) == ["regex"]
    world.write(java(1) + java(2), "b.log")
    world.live(3)
    world.write(java(3), "c.log")
    world.live(3)
    assert told(world)[1:] == ["log4j (multiline: java)"] * 2


def test_text_that_no_parser_reads_is_plain(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline=AUTO)
    world.write(b"the quick brown fox\njumps over the lazy dog\n")
    world.settle()
    assert [each["message"] for each in documents(world)] == ["the quick brown fox", "jumps over the lazy dog"]
    assert told(world) == ["plain"]


def test_other_settings_of_the_pipeline_count(tmp_path: Path) -> None:
    settings = {**AUTO, "encoding": "utf-16", "timestamp": {"zone": "Europe/Berlin"}}
    world = SimulatedSidecar(tmp_path, multiline={"start": "^20"}, pipeline=settings)
    world.write((java(1) + b"at the end\n" + java(2)).decode().encode("utf-16"))
    world.settle()
    assert [each["message"].count("\n") for each in documents(world)] == [1, 0]
    assert documents(world)[0]["@timestamp"] == "2026-11-23T01:00:01.123+01:00"


@pytest.mark.parametrize("moment", range(1, MOMENTS))
def test_a_death_at_any_moment_changes_no_id_and_no_document(tmp_path: Path, moment: int) -> None:
    """Other lines follow while it is dead, and would be decided otherwise."""
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"), pipeline=AUTO)
    world.write(java(1) + java(2, frames=3))
    world.crash_after.left = moment
    if not (world.scan() and world.turn(12) and world.live(3)):
        world.write(b"".join(map(json_line, range(50))) + java(3, frames=2))
        world.start()
    world.settle()
    for sink in ("one", "two"):
        (text,) = set(formats(world))
        assert text is not None
        assert not world.destinations[sink].altered
        assert ["\n" in each["message"] for each in documents(world, sink)][:2] == [False, True]
        assert contents(world, sink) == contents(world, "one")
    world.check_balance()


def test_the_life_above_has_fewer_moments_than_are_tried(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"), pipeline=AUTO)
    world.write(java(1) + java(2, frames=3))
    assert world.scan()
    assert world.turn(12)
    assert world.live(3)
    assert 10 < world.crash_after.passed < MOMENTS


def test_a_file_whose_pipeline_becomes_auto_is_decided_by_its_beginning(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline={"parser": "json"})
    world.write(java(1) + java(2))
    world.live(3)
    assert all("error" in each for each in documents(world))
    world.kill()
    world.pipeline = AUTO
    world.write(java(3, frames=2))
    world.start()
    world.settle()
    assert told(world) == ["log4j (multiline: java)"]
    assert documents(world)[-1]["log"]["level"] == "error"
