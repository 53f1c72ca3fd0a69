"""`read_from: end`: files that exist at the first start are read from where they end then."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import pytest

from sidecar.lib.charset import lookup
from tests.integration.model.test_rotation import MORE, NEW, OLD, expected
from tests.integration.model.test_situations import forbidden
from tests.support.simulated_sidecar import SimulatedSidecar


@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16be", "utf-16"])
def test_the_end_of_a_file_in_utf_16_is_after_a_whole_line_end(tmp_path: Path, encoding: str) -> None:
    codec = "utf-16-be" if encoding == "utf-16be" else "utf-16-le"
    mark = b"\xff\xfe" if encoding == "utf-16" else b""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.log").write_bytes(mark + "old\nਊ䄊 still the l".encode(codec))
    world = SimulatedSidecar(tmp_path, from_end=True, charset=lookup(encoding), pipeline={"encoding": encoding})
    world.live(2)
    world.write("ast\nnew Ċ\n".encode(codec))
    world.settle()
    assert sorted(message for _, message in world.stored("sink")) == ["new Ċ", "ਊ䄊 still the last"]


def test_archives_that_take_several_scans_to_decompress_are_skipped_too(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(3):
        content = b"%d\n" % number + b"".join(b"%07d %s\n" % (n, b"y" * 990) for n in range(18_000))
        (tmp_path / f"logs/app.log.{number}.gz").write_bytes(gzip.compress(content, 1))
    world = SimulatedSidecar(tmp_path, from_end=True, exclude=())
    world.write(NEW)
    world.live(10)
    world.settle()
    assert world.messages() == []
    assert world.balance()["sink"].keys() == {"skipped:read_from_end"}


def test_a_file_that_could_not_be_read_at_first_begins_where_it_ended_then() -> None:
    with tempfile.TemporaryDirectory() as name:  # every user may enter its parents
        folder = Path(name)
        (folder / "logs").mkdir()
        log = folder / "logs/app.log"
        log.write_bytes(OLD)
        world = SimulatedSidecar(folder, from_end=True)
        with forbidden(folder, log):
            world.live(3)
        world.write(NEW)
        world.live(12)
        world.settle()
        assert world.messages() == expected(NEW)


def test_a_file_that_begins_like_another_is_skipped_too(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.log.1").write_bytes(OLD + MORE)
    (tmp_path / "logs/app.log").write_bytes(OLD)
    world = SimulatedSidecar(tmp_path, from_end=True)
    world.live(15)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(NEW)
