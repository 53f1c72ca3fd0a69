"""Programs that write in unusual ways: through a memory map, or the same report again."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, lines
from tests.support.simulated_sidecar import SimulatedSidecar

MEMORY = Path("/dev/shm")


@contextmanager
def mapped(path: Path, size: int = 1 << 20) -> Iterator[mmap.mmap]:
    """Map a new file of this size into memory, as log4j's `MemoryMappedFile` appender does."""
    with path.open("w+b") as file:
        file.truncate(size)
        with mmap.mmap(file.fileno(), size) as memory:
            yield memory


@pytest.mark.parametrize("is_in_memory", [False, True], ids=["on disk", "on tmpfs"])
def test_lines_that_are_written_through_a_memory_map(tmp_path: Path, *, is_in_memory: bool) -> None:
    if is_in_memory and not MEMORY.is_dir():
        pytest.skip("there is no /dev/shm")
    with tempfile.TemporaryDirectory(dir=MEMORY if is_in_memory else tmp_path) as folder:
        world = SimulatedSidecar(Path(folder), state=tmp_path / "state")
        with mapped(world.path()) as memory:
            for number in range(4):
                memory.write(lines(3 * number, 3))
                world.live(2)
                assert world.messages() == expected(lines(0, 3 * number + 3))
            world.live(90, step=5)
            memory.write(MORE)
            world.live(12)
            assert world.messages() == expected(lines(0, 12), MORE)
            world.restart()
            memory.write(NEW)
            world.settle()
        assert world.messages() == expected(lines(0, 12), MORE, NEW)
        world.check_balance()


def test_a_small_log_in_reserved_space_is_stored_once_although_its_time_changes(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    with mapped(world.path()) as memory:
        memory.write(b"started\n")
        for _ in range(3):
            world.touched()
            world.live(3)
    world.settle()
    assert world.messages() == ["started"]


def report(number: int) -> bytes:
    return (
        b"# the same heading in each report\n" * 40
        + b"orders: %06d\n" % number
        + b"all is well, end of report\n" * 10
    )


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_report_that_is_written_again_with_equal_beginning_end_and_size(
    tmp_path: Path, *, is_restarted: bool
) -> None:
    world = SimulatedSidecar(tmp_path)
    for number in range(3):
        world.path().write_bytes(report(number))
        world.touched()
        if is_restarted:
            world.restart()
        world.live(4)
    world.settle()
    assert world.messages() == expected(report(0), report(1), report(2))
    assert world.lost() == 0


def test_a_log_whose_time_alone_changes_is_not_stored_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(3)
    for at in (0, 4_000_000_000):
        os.utime(world.path(), (at, at))
        world.live(3)
    world.settle()
    assert world.messages() == expected(OLD)
