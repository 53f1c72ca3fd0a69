"""Compressed files by position: recognised by their first bytes, in bounded memory, never as text."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from sidecar.tail.scan_allowance import Postponed, ScanAllowance
from sidecar.tail.source import Source, open_source

MIB = 1 << 20
Compress = Callable[[bytes], bytes]
FORMATS: dict[str, Compress] = {
    "gz": lambda data: gzip.compress(data, 1), "xz": lambda data: lzma.compress(data, preset=1),
    "bz2": lambda data: bz2.compress(data, 1),
}  # fmt: skip
if find_spec("compression"):
    FORMATS["zst"] = import_module("compression.zstd").compress

LINES = b"".join(b"%07d a line of a log\n" % number for number in range(40_000))


@pytest.fixture(params=FORMATS)
def compress(request: pytest.FixtureRequest) -> Compress:
    return FORMATS[request.param]


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    source = open_source(str(path.parent), str(path))
    try:
        yield source
    finally:
        source.close()


def measured(source: Source) -> int:
    size = -1
    while size != (size := source.status().size):
        pass
    return size


def test_the_content_by_position_whatever_the_name_is(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(compress(LINES[:500_000]) + compress(LINES[500_000:]))
    with opened(path) as source:
        assert source.is_compressed
        assert measured(source) == len(LINES)
        for offset in (0, 499_990, 5, len(LINES) - 3):
            assert source.pread(20, offset) == LINES[offset : offset + 20]
        assert source.has_bytes(len(LINES))
        assert not source.has_bytes(len(LINES) + 1)


def test_nul_bytes_at_the_end_do_not_count(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "app.log.1"
    path.write_bytes(compress(b"one\n" + bytes(200_000)))
    with opened(path) as source:
        assert measured(source) == 4
        assert not source.has_content_after(4)
        assert source.has_content_after(3)
        assert source.has_bytes(200_000)


def test_a_file_that_is_being_compressed_grows(tmp_path: Path, compress: Compress) -> None:
    path, data = tmp_path / "app.log.1", compress(os.urandom(3 * MIB).replace(b"\0", b"x"))
    path.write_bytes(data[:MIB])
    with opened(path) as source:
        first = measured(source)
        assert len(source.pread(4 * MIB, 0)) == first < 3 * MIB
        with path.open("ab") as file:
            file.write(data[MIB:])
        assert measured(source) == 3 * MIB
        assert len(source.pread(4 * MIB, 0)) == 3 * MIB


def test_a_comparison_continues_in_the_next_scan(tmp_path: Path, compress: Compress) -> None:
    path = tmp_path / "app.log.1"
    path.write_bytes(compress(LINES))
    with opened(path) as source:
        allowance = ScanAllowance(0)
        source.limit(allowance)
        for scan in range(100):
            allowance.left = 100_000
            try:
                assert source.pread(10, len(LINES) - 10) == LINES[-10:]
                break
            except Postponed:
                assert scan < 20
        assert scan > 3


def test_broken_bytes_end_the_file(tmp_path: Path, compress: Compress) -> None:
    path, data = tmp_path / "app.log.1", bytearray(compress(LINES))
    data[len(data) // 2 :] = b"x" * (len(data) - len(data) // 2)
    path.write_bytes(bytes(data))
    with opened(path) as source:
        assert measured(source) < len(LINES)
        before = source.pread(100_000, 0)  # gzip checks no sum before the end of the file
        assert LINES.startswith(before)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"PK\x03\x04....", "compressed with zip"),
        (b"\x04\x22\x4d\x18....", "compressed with lz4"),
        (b"\xff\xfe\0\0a\0\0\0", "in UTF-32"),
        (b"\0\0\xfe\xff\0\0\0a", "in UTF-32"),
        (lzma.compress(LINES, preset=9), "more than 10 MiB of memory"),
        *([] if "zst" in FORMATS else [(b"\x28\xb5\x2f\xfd....", "compressed with zstd")]),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, head: bytes, reason: str) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(head)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=reason):
        open_source(str(tmp_path), str(path))
    assert os.listdir("/proc/self/fd") == before


def test_text_that_begins_like_a_format_is_text(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    for text in (b"BZh is a prefix\n", b"7z\n", b"PK\n", b"\x1f\n", b""):
        path.write_bytes(text)
        with opened(path) as source:
            assert not source.is_compressed


MANY = """
import resource, sys
from sidecar.tail.source import open_source
folder, count = sys.argv[1], int(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sources = [open_source(folder, f"{folder}/{number}.xz") for number in range(count)]
sizes = [-1] * count
while sizes != (now := [source.status().size for source in sources]):
    sizes = now
for number, source in enumerate(sources):
    for offset in (0, sizes[number] - 100):
        source.pread(100, offset)
print(len(set(sizes)), sizes[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_files_with_large_windows_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    data = lzma.compress(b"".join(b"%d %d\n" % (number, number * 7919 % 1_000_003) for number in range(700_000)))
    for number in range(8):
        (tmp_path / f"{number}.xz").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MANY, str(tmp_path), "8"], capture_output=True, text=True, check=True
    )
    different, size, kib = map(int, done.stdout.split())
    assert different == 1
    assert size > 9 * MIB
    assert kib < 60 * 1024, "a window is 8 MiB; three may be read and one measured at a time"
