"""The size of a plain file ends with its last byte that is not NUL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.tail.file_stat import strip_nul
from sidecar.tail.plain_file import PlainFile

KIB, MIB = 1 << 10, 1 << 20


def bytes_read() -> int:
    """Bytes that this process has read by system calls so far (proc_pid_io(5))."""
    return int(Path("/proc/self/io").read_text().split()[1])


def size_of(file: PlainFile) -> int:
    """The size, after as many calls as the search for content between NUL bytes takes."""
    while not (status := file.status()).is_final:
        pass
    return status.size


@contextmanager
def opened(path: Path) -> Iterator[PlainFile]:
    file = PlainFile(os.open(path, os.O_RDONLY))
    try:
        yield file
    finally:
        file.close()


def write_at(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize(
    ("content", "size"),
    [(b"", 0), (b"one\n", 4), (b"one\n" + bytes(5000), 4), (bytes(5000), 0), (bytes(9) + b"x", 10)],
)
def test_nul_bytes_at_the_end_do_not_count(tmp_path: Path, content: bytes, size: int) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    with opened(path) as file:
        assert (size_of(file), file.status().disk_size) == (size, len(content))
        assert not size or file.has_content_after(size - 1)
        assert not file.has_content_after(size)
        assert file.has_bytes(len(content))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-le"])
@pytest.mark.parametrize("lines", [1, 1_000, 100_000])
def test_the_last_character_of_a_file_may_end_with_nul_bytes(tmp_path: Path, encoding: str, lines: int) -> None:
    path = tmp_path / "a.log"
    path.write_text("one line of an application\n" * lines, encoding=encoding)
    whole = path.stat().st_size
    with opened(path) as file:
        status = file.status()
        nul = len("\n".encode(encoding)) - 1
        assert (status.size, status.is_final) == (whole - nul, True)
        with path.open("a", encoding=encoding) as more:
            more.write("another line\n" * lines)
        grown, is_final = path.stat().st_size, file.status().is_final
        assert (file.status().size, is_final) == (grown - nul, True)


def test_reserved_space_that_is_filled_in_place_and_cut_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(bytes(4 * MIB))
    with opened(path) as file:
        sizes = [size_of(file)]
        for number in range(50):
            write_at(path, 100 * number, b"x" * 99 + b"\n")
            sizes.append(size_of(file))
        assert sizes == [100 * number for number in range(51)]
        os.truncate(path, 5000)
        assert size_of(file) == 5000


def test_bytes_far_within_reserved_space_count(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n" + bytes(8 * MIB))
    with opened(path) as file:
        assert size_of(file) == 4
        write_at(path, 5 * MIB, b"two\n")
        os.utime(path, ns=(1, 1))  # two changes within one tick of the clock look like one
        assert size_of(file) == 5 * MIB + 4


def test_a_hole_of_an_terabyte_is_jumped_over(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    os.truncate(path, 1 << 42)  # as large as ext4 allows with blocks of 1 KiB
    with opened(path) as file:
        assert size_of(file) == 4
        write_at(path, 1 << 40, b"two\n")
        os.utime(path, ns=(1, 1))
        assert size_of(file) == (1 << 40) + 4


def test_a_file_that_was_emptied_and_reserved_again_is_searched_again(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 1000 + bytes(1000))
    with opened(path) as file:
        assert size_of(file) == 1000
        path.write_bytes(b"y" * 10 + bytes(5000))
        assert size_of(file) == 10


def test_a_very_large_end_of_written_nul_bytes_is_searched_bit_by_bit_and_never_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.write(b"one\n")
        for _ in range(140):
            file.write(bytes(MIB))
        file.write(b"\0")
    with opened(path) as plain:
        sizes = [plain.status().size for _ in range(4)]
    assert sizes[-1] == 4
    assert set(sizes) <= {0, 4}


def test_an_application_that_fills_reserved_space_does_not_make_all_of_it_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(bytes(8 * MIB))
    with opened(path) as file:
        assert size_of(file) == 0
        read_before = bytes_read()
        for number in range(100):
            write_at(path, 5 * number, b"line\n")
            assert file.status().size == 5 * (number + 1)
        assert bytes_read() - read_before < MIB
        assert size_of(file) == 500


def test_a_handle_that_is_dead_can_be_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    file = PlainFile(os.open(path, os.O_RDONLY))
    os.close(file.fd)
    file.close()


@given(st.lists(st.sampled_from([b"x", b"\0", bytes(63), bytes(64), bytes(5000), bytes(100_000)])))
def test_nul_bytes_are_stripped_from_the_end(pieces: list[bytes]) -> None:
    assert strip_nul(b"".join(pieces)) == b"".join(pieces).rstrip(b"\0")


Writes = st.lists(st.tuples(st.integers(0, 300_000), st.sampled_from([b"x", b"line\n", b"\0\0", b"a\0"])), max_size=8)


@given(Writes, st.integers(0, 400_000))
@example([(0, b"line\n"), (3, b"\0\0")], 0)
def test_the_size_is_exact_after_any_writes(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, bytes]], end: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.log"
    path.write_bytes(b"")
    with opened(path) as file:
        for step, (offset, data) in enumerate(writes):
            write_at(path, offset, data)
            if end > path.stat().st_size:
                os.truncate(path, end)
            os.utime(path, ns=(step, step))
            content = path.read_bytes().rstrip(b"\0")
            assert size_of(file) == len(content)
            assert not file.has_content_after(len(content))
