"""Unusual rotations: a temporary name, a late line before the deletion, another file system."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, lines
from tests.support.simulated_sidecar import SimulatedSidecar

MEMORY = Path("/dev/shm")
RANDOM = b"".join(b"%06d %s\n" % (number, os.urandom(30).hex().encode()) for number in range(6000))


@pytest.mark.parametrize("exclude", [(), ("*.gz",)], ids=["archives are read", "archives are excluded"])
def test_a_file_that_is_compressed_slowly_under_a_temporary_name(tmp_path: Path, exclude: tuple[str, ...]) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log*", exclude=exclude)
    world.write(RANDOM, "0.log")
    world.live(4)
    rotated = world.path("0.log.20261129-101112")  # as the kubelet names them
    world.path("0.log").rename(rotated)
    world.write(NEW, "0.log")
    world.live(15)
    data, archive = gzip.compress(RANDOM), world.path(f"{rotated.name}.tmp")
    for part in range(4):
        with archive.open("ab") as file:
            file.write(data[len(data) * part // 4 : len(data) * (part + 1) // 4])
        world.live(8)
    archive.rename(world.path(f"{rotated.name}.gz"))
    world.live(1)
    rotated.unlink()
    world.live(8)
    world.settle()
    assert world.messages() == expected(RANDOM, NEW)


def test_a_late_line_in_a_delivered_file_that_matches_a_path_and_is_deleted_at_once(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    with world.path().open("ab", buffering=0) as descriptor:
        world.path().rename(world.path("app.log.1"))
        world.live(15)
        assert world.messages() == expected(OLD)
        descriptor.write(MORE)
        world.path("app.log.1").unlink()
        world.live(10)
        descriptor.write(NEW)
    world.live(10)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)


@pytest.mark.parametrize("name", ["app.log", "app.log.1"])
@pytest.mark.parametrize("rest", [b"", MORE], ids=["delivered", "delivered in part"])
@pytest.mark.parametrize("new", [NEW, b""])  # the new file usually gets the inode of the old one
def test_a_file_that_was_moved_to_another_file_system_while_the_sidecar_was_down(
    tmp_path: Path, new: bytes, rest: bytes, name: str
) -> None:
    if not MEMORY.is_dir():
        pytest.skip("there is no /dev/shm")
    with tempfile.TemporaryDirectory(dir=MEMORY) as archive:
        world = SimulatedSidecar(tmp_path)
        world.paths.append(f"{archive}/app.log*")
        world.restart()
        world.write(OLD)
        world.live(4)
        world.destinations["sink"].is_down = True
        world.write(rest)
        world.live(2)
        world.kill()
        shutil.copy2(world.path(), f"{archive}/{name}")
        world.path().unlink()
        world.write(new)
        world.settle()
        assert world.messages() == expected(OLD, rest, new)
        assert world.lost() == 0


@pytest.mark.parametrize("paths", ["app.log*", "app.log"])
def test_a_copy_that_overwrites_an_archive_which_was_delivered_a_moment_ago(tmp_path: Path, paths: str) -> None:
    world = SimulatedSidecar(tmp_path, paths=paths)
    pieces = [lines(1000 * number, 100) for number in range(4)]
    for number, piece in enumerate(pieces):
        world.write(piece)
        world.live(1)
        world.destinations["sink"].is_down = number == 2
        world.write(b"the last of %d\n" % number)
        world.live(0.5)
        world.copytruncate("app.log.1")
        world.destinations["sink"].is_down = False
        world.live(8)
    world.settle()
    assert world.messages() == expected(*pieces, *(b"the last of %d\n" % number for number in range(4)))
    assert world.lost() == 0
