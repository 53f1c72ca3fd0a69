"""The application owns the volume and is not trusted: whatever it puts there, nothing of ours gets out or stops."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.telemetry.events import LinkRefused
from tests.integration.model.test_rotation import OLD, expected, lines
from tests.support.processes import BASE_AND_BUDGET, eventually, memory, running, sidecar
from tests.support.simulated_sidecar import SimulatedSidecar

NAMES = [
    b"in\xff\xfevalid.log",
    b"new\nline.log",
    b"\x1b[31mred\x07.log",
    b"quote'\".log",
    b"-rf.log",
    "ä€😀.log".encode(),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_followed_over_a_kill_and_a_rename(tmp_path: Path, name: bytes) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log*")
    path = world.path(os.fsdecode(name))
    path.write_bytes(OLD)
    world.live(1)
    world.restart()
    world.live(1)
    older = path.rename(path.with_name(f"{path.name}.1"))
    with older.open("ab") as file:
        file.write(b"the last\n")
    world.settle()
    assert world.messages() == expected(OLD, b"the last\n")
    (shown,) = {document["log"]["file"]["path"] for document in world.destinations["sink"].documents.values()}
    assert shown == os.fsencode(path).decode(errors="backslashreplace")


def test_a_file_that_becomes_a_link_between_look_and_open_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the token of the sidecar\n")
    world = SimulatedSidecar(tmp_path, paths="**/*.log")
    for name in ("a.log", "folder/b.log", "good.log"):
        world.path(name).parent.mkdir(exist_ok=True)
        world.path(name).write_text("harmless\n")
    found_files = world.scanner.scan()
    world.path("a.log").unlink()
    world.path("a.log").symlink_to(tmp_path / "secret")
    world.path("folder").rename(tmp_path / "away")
    (tmp_path / "b.log").write_text("another secret\n")
    world.path("folder").symlink_to(tmp_path)
    world.tracker.process_scan(found_files)
    world.turn(5)
    world.settle()
    assert world.messages() == ["harmless"]


def test_links_fifos_devices_and_loops_are_refused_and_the_others_go_on(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="**/*.log")
    (tmp_path / "secret.log").write_text("secret\n")
    for name, target in (("a", tmp_path / "secret.log"), ("b", "/dev/zero"), ("c", "/proc/self/environ")):
        world.path(f"{name}.log").symlink_to(target)
    os.mkfifo(world.path("d.log"))
    world.path("loop").symlink_to(world.logs)
    world.path("good.log").write_text("good\n")
    world.settle()
    assert world.messages() == ["good"]
    assert {Path(path).name for path in world.scanner.refused} == {"a.log", "b.log", "c.log", "d.log", "loop"}


def test_a_truncation_again_and_again_leaves_nothing_open(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(200):
        world.write(b"%d\n" % number * 50)
        world.scan()
        os.truncate(world.path(), 0)
        world.scan()
        world.turn(2)
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    world.settle()
    world.check_balance()


def test_a_flood_of_files_that_begin_like_a_followed_one_is_held_for_a_moment_and_not_all_of_it(
    tmp_path: Path,
) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.write(OLD)
    world.live(1)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(300):
        world.write(OLD[:2100], f"{number}.log")
    world.scan()
    assert len(os.listdir("/proc/self/fd")) <= before + 64 + 64
    world.settle()
    assert world.messages() == expected(OLD, *[OLD[:2100]] * 300)


def test_a_directory_for_links_that_became_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    world = SimulatedSidecar(tmp_path, keep_links=True)
    world.path(".kept").symlink_to(tmp_path / "elsewhere")
    world.write(OLD)
    world.settle()
    assert world.messages() == expected(OLD)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [event for event in world.events if isinstance(event, LinkRefused)]


def test_a_directory_of_a_hundred_thousand_names_does_not_stop_the_one_that_matters(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    for number in range(100_000):
        os.close(os.open(world.path(f"{number}.tmp"), os.O_CREAT | os.O_WRONLY))
    world.write(OLD)
    world.live(1)
    os.truncate(world.path(), 0)
    world.write(lines(9000, 10))
    world.live(1)
    world.settle()
    assert world.messages() == expected(OLD, lines(9000, 10))


def stored(out: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{out}?mode=ro", uri=True)) as db:
            return [message for (message,) in db.execute("SELECT json_extract(document, '$.message') FROM logs")]
    except sqlite3.Error:
        return []


@pytest.mark.slow
def test_a_line_of_a_gigabyte_takes_no_memory_and_no_other_file_waits(tmp_path: Path) -> None:
    out = tmp_path / "logs.db"
    block = b"x" * (8 << 20)
    with (tmp_path / "huge.log").open("wb") as log:
        for _ in range(128):
            log.write(block)
    arguments = (f"{tmp_path}/*.log", "--to", f"sqlite:///{out}", "--state-dir", f"{tmp_path}/state")
    with running(tmp_path / "own", *arguments) as process:
        (tmp_path / "small.log").write_text("small\n")
        eventually(lambda: "small" in stored(out), "the other file is read")
        with (tmp_path / "huge.log").open("ab") as log:
            log.write(b"\nthe next\n")
        eventually(lambda: "the next" in stored(out), "the file goes on", timeout=90)
        assert memory(process.pid) < BASE_AND_BUDGET
    assert max(map(len, stored(out))) == 1 << 20


@pytest.mark.slow
def test_a_pattern_that_backtracks_for_ever_holds_up_neither_its_file_nor_another(tmp_path: Path) -> None:
    out = tmp_path / "logs.db"
    (tmp_path / "evil.log").write_text(f"{'a' * 40}!\n" * 20)
    (tmp_path / "good.log").write_text("good\n")
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
sinks: {{out: "sqlite:///{out}"}}
pipelines:
  evil: {{paths: ["{tmp_path}/evil.log"], parser: {{type: regex, pattern: "(?P<x>(a|aa)+)$"}}}}
  good: {{paths: ["{tmp_path}/good.log"]}}
""")
    done = sidecar("run", "--config", f"{tmp_path}/sidecar.yaml", "--once")
    assert done.returncode == 0, done.stderr
    assert sorted(stored(out)) == [*[f"{'a' * 40}!"] * 20, "good"]
