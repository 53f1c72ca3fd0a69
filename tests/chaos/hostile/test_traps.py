"""Traps in the volume, and a sidecar as a process among them: bounded in memory and time, and never stopped."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.watch.scanner import FileScanner
from tests.chaos.hostile.test_volume import stored
from tests.integration.model.test_rotation import OLD
from tests.support.processes import BASE_AND_BUDGET, descriptors, ended, eventually, memory, running
from tests.support.simulated_sidecar import SimulatedSidecar

DEEPER_THAN_CALLS = 1500
LONGER_THAN_PATHS = 2100
BLOCK = 1 << 20


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder for what only rm(1) can remove: directories nested deeper than a path may be long."""
    folder = tmp_path / "deep"
    folder.mkdir()
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def nest(folder: Path, levels: int) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("end.log", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def arguments(folder: Path, out: Path, glob: str = "*") -> tuple[str, ...]:
    return f"{folder}/{glob}", "--to", f"sqlite:///{out}", "--state-dir", f"{out.parent}/state"


def configured(folder: Path, out: Path) -> tuple[str, ...]:
    """A pipeline that leaves nothing out, compressed files neither."""
    (out.parent / "sidecar.yaml").write_text(
        f'{{state_dir: "{out.parent}/state", sinks: {{out: "sqlite:///{out}"}},'
        f' pipelines: {{app: {{paths: ["{folder}/*"], exclude: []}}}}}}'
    )
    return "--config", f"{out.parent}/sidecar.yaml"


@pytest.mark.parametrize("levels", [DEEPER_THAN_CALLS, LONGER_THAN_PATHS])
def test_directories_nested_without_end_do_not_end_the_sweep(deep: Path, levels: int) -> None:
    nest(deep, levels)
    (deep / "z").mkdir()
    (deep / "z" / "good.log").write_text("good\n")
    scanner = FileScanner([f"{deep}/**/*.log"])
    depths = [sighting.path.count("/d") for sighting in scanner.scan()]
    assert depths[-1] <= 2, "the good one is the last"
    assert (len(depths), len(scanner.unreadable)) == ((2, 0) if levels == DEEPER_THAN_CALLS else (1, 1))


def test_a_process_between_traps_tells_of_each_once_and_ships_what_is_good(deep: Path) -> None:
    folder, out, own = deep / "log", deep / "logs.db", deep / "own.log"
    folder.mkdir()
    nest(folder, LONGER_THAN_PATHS)
    (deep / "secret").write_text("the token\n")
    for name, target in (("a", deep / "secret"), ("b", "/dev/zero"), ("c", "/proc/self/mem"), ("d", "d.log")):
        (folder / f"{name}.log").symlink_to(target)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / os.fsdecode(b"\x1b[31m\xff\n.log"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s.log"))
        (folder / "good.log").write_text("good\n")
        with running(own, *arguments(folder, out, "**/*.log")) as process:
            eventually(lambda: stored(out) == ["good"], "the good one is read")
            (folder / "later").mkdir()
            (folder / "later" / "b.log").write_text("later\n")
            eventually(lambda: sorted(stored(out)) == ["good", "later"], "a new one is found all the same")
            assert ended(process) == 0
    said = [json.loads(line) for line in own.read_bytes().splitlines()]
    refused = [event["path"] for event in said if event["event"] == "file_refused"]
    assert len(refused) == len(set(refused)) == 8
    assert f"{folder}/\x1b[31m\\xff\n.log" in refused


def test_a_line_of_hundreds_of_megabytes_and_a_gzip_bomb_take_no_memory(tmp_path: Path) -> None:
    folder, out = tmp_path / "log", tmp_path / "logs.db"
    folder.mkdir()
    with (folder / "huge.log").open("wb") as log:
        for _ in range(300):
            log.write(b"x" * BLOCK)
        log.write(b"\nthe next\n")
    with (folder / "app.log.1.gz").open("wb") as bomb:
        member = gzip.compress(b"y" * (16 * BLOCK))
        bomb.write(member * 16 + gzip.compress(b"\nbehind the bomb\n"))
    (folder / "good.log").write_text("good\n")
    with running(tmp_path / "own.log", *configured(folder, out)) as process:
        wanted = {"good", "the next", "behind the bomb", "x" * BLOCK, "y" * BLOCK}
        eventually(lambda: set(stored(out)) == wanted, "all of them are read")
        assert memory(process.pid) < BASE_AND_BUDGET
        assert ended(process) == 0


def test_a_file_truncated_in_a_loop_harms_no_other_and_leaves_nothing_open(tmp_path: Path) -> None:
    folder, out = tmp_path / "log", tmp_path / "logs.db"
    folder.mkdir()
    (folder / "good.log").write_text("0\n")
    with running(tmp_path / "own.log", *arguments(folder, out)) as process, (folder / "evil.log").open("w") as evil:

        def evil_and_good(number: int) -> bool:
            for size in range(200):
                evil.write("x" * size + "\n")
                evil.flush()
                evil.seek(0)
                evil.truncate()
            return f"{number}" in stored(out)

        for number in range(1, 20):
            with (folder / "good.log").open("a") as good:
                good.write(f"{number}\n")
            eventually(lambda number=number: evil_and_good(number), "the other goes on")  # type: ignore[misc]
        assert descriptors(process.pid) < 40
        assert memory(process.pid) < BASE_AND_BUDGET
        assert ended(process) == 0
    assert [int(text) for text in stored(out) if text.isdecimal()] == list(range(20))


def test_ten_thousand_files_that_come_and_go_harm_no_other_and_take_no_memory(tmp_path: Path) -> None:
    folder, out = tmp_path / "log", tmp_path / "logs.db"
    folder.mkdir()
    (folder / "good.log").write_text("good\n")
    with running(tmp_path / "own.log", *arguments(folder, out)) as process:
        eventually(lambda: "good" in stored(out), "it has begun")
        for number in range(10_000):
            (folder / f"{number}.log").write_text(f"short-lived {number}\n")
            (folder / f"{number - 100}.log").unlink(missing_ok=True)
        with (folder / "good.log").open("a") as good:
            good.write("still good\n")
        eventually(lambda: "still good" in stored(out), "the other goes on")
        assert memory(process.pid) < BASE_AND_BUDGET


def swapped(world: SimulatedSidecar, elsewhere: Path) -> Path:
    """A world whose directory for links became a link to another one, with a file there of the name of a link."""
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.live(1)
    (kept,) = world.path(".kept").iterdir()
    elsewhere.mkdir()
    (elsewhere / kept.name).write_text("a secret under the name of a link\n")
    world.path(".kept").rename(elsewhere.with_name("away"))
    world.path(".kept").symlink_to(elsewhere)
    world.write(b"another file\n", "app.log.other")
    world.live(1)
    world.restart()
    world.path().unlink()
    world.settle()
    return elsewhere / kept.name


def test_nothing_is_read_or_made_through_a_directory_for_links_that_was_swapped(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=True)
    there = swapped(world, tmp_path / "elsewhere")
    assert not [message for message in world.messages() if "secret" in message]
    assert "another file" in world.messages()
    assert {path.name for path in there.parent.iterdir()} <= {there.name}


def test_nothing_is_removed_through_a_directory_for_links_that_was_swapped(tmp_path: Path) -> None:
    assert swapped(SimulatedSidecar(tmp_path, keep_links=True), tmp_path / "elsewhere").exists()


SWAPS = ["a link", "a FIFO", "a directory", "a link in the path"]


@pytest.mark.parametrize("swap", SWAPS)
def test_a_file_that_was_closed_for_a_while_and_whose_name_is_a_trap_now_stops_nothing(
    tmp_path: Path, swap: str
) -> None:
    (tmp_path / "secret").write_text("secret\n")
    world = SimulatedSidecar(tmp_path, paths="**/*.log", open_files=1)
    world.path("folder").mkdir()
    names = [f"folder/{number}.log" for number in range(3)]
    for name in names:
        world.write(b"first of %b\n" % name.encode() * 10, name)
    world.live(2)
    for name in names:
        world.write(b"second\n", name)
    found_files = world.scanner.scan()
    if swap == "a link in the path":
        world.path("folder").rename(tmp_path / "away")
        world.path("folder").symlink_to(tmp_path / "away")
    for name in names if swap != "a link in the path" else ():
        world.path(name).unlink()
        if swap == "a link":
            world.path(name).symlink_to(tmp_path / "secret")
        elif swap == "a FIFO":
            os.mkfifo(world.path(name))
        else:
            world.path(name).mkdir()
    world.tracker.process_scan(found_files)
    world.turn(6)
    world.write(b"good\n", "good.log")
    world.settle()
    assert "good" in world.messages()
    assert "secret" not in world.messages()


def test_a_hole_of_a_terabyte_costs_its_neighbours_no_time(tmp_path: Path) -> None:
    folder, out = tmp_path / "log", tmp_path / "logs.db"
    folder.mkdir()
    (folder / "evil.log").touch()
    os.truncate(folder / "evil.log", 1 << 40)
    with running(tmp_path / "own.log", *arguments(folder, out)):
        (folder / "good.log").write_text("good\n")
        eventually(lambda: "good" in stored(out), "the other is read", timeout=25)


def test_a_gzip_bomb_of_many_gigabytes_costs_its_neighbours_no_time(tmp_path: Path) -> None:
    folder, out = tmp_path / "log", tmp_path / "logs.db"
    folder.mkdir()
    with (folder / "app.log.1.gz").open("wb") as bomb:
        bomb.write(gzip.compress(b"y" * (64 * BLOCK)) * 1000)
    with running(tmp_path / "own.log", *configured(folder, out)):
        (folder / "good.log").write_text("good\n")
        eventually(lambda: "good" in stored(out), "the other is read", timeout=25)


def test_files_that_are_delivered_and_deleted_take_no_memory(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=2000)

    names = [f"{number}.log" for number in range(200)]

    def come_and_go() -> None:
        for name in names:
            world.path(name).write_text(f"{name}\n")
        world.scan()
        world.turn(450)
        assert len(world.destinations["sink"].documents) == len(names)
        for name in names:
            world.path(name).unlink()
        for _ in range(3):
            world.clock.at += 6
            world.scan()
            world.turn(450)
        assert world.tracker.unfinished_files() == []
        world.destinations["sink"].documents.clear()
        world.events.clear()

    come_and_go()
    tracemalloc.start()
    try:
        for _ in range(6):
            come_and_go()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        world.kill()
    assert kept < 500 * len(names) * 6, "the last of them are followed for a while, the others leave nothing"
