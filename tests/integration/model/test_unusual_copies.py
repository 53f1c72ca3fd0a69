"""Copies, renamed directories and late lines that come together in an unusual order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, lines
from tests.support.simulated_sidecar import SimulatedSidecar

LONG = lines(0, 100)


def test_a_copy_of_a_log_that_is_replaced_by_a_longer_copy_of_itself_before_the_second_scan(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(LONG)
    world.scan()
    for copy, content in (("app.log.bak1", LONG), (".new", LONG + NEW)):
        world.path(copy).write_bytes(content)
    world.path(".new").rename(world.path())
    world.settle()
    assert world.messages() == expected(LONG, NEW)


@pytest.mark.parametrize("last", [b"", MORE], ids=["shorter", "longer"])
def test_the_copy_of_one_of_two_logs_that_begin_alike(tmp_path: Path, last: bytes) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log*")
    world.write(LONG + last, "a.log")
    world.write(LONG + NEW, "b.log")
    world.live(1)
    world.restart()
    world.path("b.log.1").write_bytes(LONG[: len(LONG) // 2])
    world.scan()
    world.path("b.log.1").write_bytes(LONG + NEW)
    world.scan()
    world.path("b.log").write_bytes(b"")
    world.settle()
    assert world.messages() == expected(LONG, last, LONG, NEW)


def test_the_directory_of_a_log_is_renamed_and_the_log_truncated_after_a_copy_while_the_sidecar_is_down(
    tmp_path: Path,
) -> None:
    world = SimulatedSidecar(tmp_path, paths="*/app.log*")
    world.path("a").mkdir()
    world.write(b"short\n", "a/app.log")
    world.live(2)
    assert world.drain()
    world.path("a").rename(world.path("b"))
    world.copytruncate("b/app.log.1", "b/app.log")
    world.restart()
    world.write(NEW, "b/app.log")
    world.settle()
    assert world.messages() == expected(b"short\n", NEW)


def test_a_delivered_file_that_grows_while_the_state_cannot_be_written_and_is_deleted_is_accounted_for(
    tmp_path: Path,
) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    world.write(OLD)
    world.live(2)
    world.path().rename(world.path("app.log.1"))
    world.live(20)
    world.crash_after.is_disk_full = True
    world.write(MORE, "app.log.1")
    world.live(1)
    world.path("app.log.1").unlink()
    world.crash_after.is_disk_full = False
    world.settle()
    assert world.messages() == expected(OLD, MORE)
    world.check_balance()


def test_a_late_line_in_a_rotated_file_whose_hard_link_was_kept_before_the_volume_was_missing(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log", keep_links=True)
    world.write(OLD)
    world.live(2)
    world.kill()
    world.path().rename(world.path("app.log.1"))
    world.start()
    assert world.drain()
    world.start()
    away = world.logs.rename(tmp_path / "volume")
    world.live(1)
    away.rename(world.logs)
    world.write(MORE, "app.log.1")
    world.restart()
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_log_is_renamed_before_a_scan_finds_its_volume_again_and_written_two_hours_later(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    world.write(OLD)
    world.live(1)
    away = world.logs.rename(tmp_path / "away")
    world.scan()
    away.rename(world.logs)
    world.path().rename(world.path("app.log.1"))
    world.live(7200, step=720)
    world.write(NEW, "app.log.1")
    world.settle()
    assert world.messages() == expected(OLD, NEW)


def test_a_copy_is_made_before_the_last_line_of_a_log_that_is_then_replaced(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*")
    world.write(LONG)
    world.scan()
    world.path("app.log.bak1").write_bytes(LONG)
    world.write(NEW)
    world.path().unlink()
    world.write(MORE)
    world.settle()
    assert world.messages() == expected(LONG, NEW, MORE)


def test_the_copy_of_a_log_with_reserved_space_that_grows_before_the_next_scan(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*")
    world.write(LONG + bytes(1))
    for _ in range(2):
        world.scan()
    world.path("app.log.bak1").write_bytes(LONG + bytes(1))
    with world.path().open("r+b") as log:
        log.seek(len(LONG))
        log.write(NEW)
    world.touched()
    world.settle()
    assert world.messages() == expected(LONG, NEW)
