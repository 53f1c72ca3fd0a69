"""Damaged archives: delivered up to the damage, and named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.model.test_rotation import MORE, OLD, expected
from tests.support.simulated_sidecar import SimulatedSidecar

RANDOM = b"".join(b"%06d %s\n" % (number, os.urandom(30).hex().encode()) for number in range(6000))


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(255 - byte for byte in data[at : at + 8]) + data[at + 8 :]


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "copy of a delivered file"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_archive_is_named_and_delivered_up_to_the_damage(
    tmp_path: Path, compress: Callable[[bytes], bytes], *, is_known: bool
) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    if is_known:
        world.write(RANDOM)
        world.live(4)
        world.path().rename(world.path("app.log.1"))
        world.live(15)
        world.path("app.log.1").unlink()
    data, archive = compress(RANDOM), world.path("app.log.1.gz")
    archive.write_bytes(damaged(data, len(data) - 8))
    world.live(15)
    assert "data is damaged after" in world.tracker.unreadable.reasons()[str(archive)]
    assert set(world.messages()) <= set(expected(RANDOM))
    assert not is_known or world.messages() == expected(RANDOM)
    world.restart()
    world.live(15)
    assert "data is damaged after" in world.tracker.unreadable.reasons()[str(archive)]
    archive.unlink()
    world.live(400, step=5)
    assert not world.tracker.unreadable
    assert len(world.descriptors) == 0


def test_an_archive_that_is_damaged_at_its_beginning_is_named(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.path("app.log.1.gz").write_bytes(gzip.compress(OLD)[:10] + b"\xff" * 100)
    world.path("app.log.2.gz").write_bytes(b"\x1f\x8b")
    world.live(3)
    assert set(world.tracker.unreadable.reasons()) == {
        str(world.path("app.log.1.gz")), str(world.path("app.log.2.gz"))
    }  # fmt: skip
    world.settle()
    assert world.messages() == []


def test_what_follows_the_last_member_of_an_archive_is_ignored(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.path("app.log.1.gz").write_bytes(gzip.compress(OLD) + gzip.compress(MORE) + b"signature" * 9)
    world.live(10)
    assert not world.tracker.unreadable
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_damaged_archive_that_is_repaired_is_read_to_its_end(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    data = gzip.compress(RANDOM)
    world.path("app.log.1.gz").write_bytes(damaged(data, len(data) - 8))
    world.live(10)
    assert world.tracker.unreadable
    world.path("app.log.1.gz").write_bytes(data)
    world.touched("app.log.1.gz")
    world.live(30)
    assert not world.tracker.unreadable
    world.settle()
    assert world.messages() == expected(RANDOM)
