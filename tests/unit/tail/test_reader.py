"""Chunks of whole lines from a real file, and nothing that changed under our hands."""

import os
from pathlib import Path

import pytest

from sidecar.model.checkpoint import Checkpoint
from sidecar.model.file import Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import CHUNK, Reader
from sidecar.tail.source import open_source
from sidecar.tail.tracked_file import FileLocation, TrackedFile, Truncated


class Notebook:
    """What the life wrote down."""

    def __init__(self) -> None:
        self.cuts: list[tuple[int, int]] = []
        self.fingerprints: list[Fingerprint] = []

    def extend(self, number: int, fingerprint: Fingerprint) -> None:
        self.fingerprints.append(fingerprint)

    def add_boundary(self, number: int, start: int, end: int) -> None:
        self.cuts.append((start, end))

    def prune_boundaries(self, number: int, before: int) -> None:
        self.cuts = [cut for cut in self.cuts if cut[1] >= before]


class File:
    def __init__(self, path: Path, content: bytes = b"", cuts: tuple[int, ...] = ()) -> None:
        self.path = path
        path.write_bytes(content)
        self.notebook = Notebook()
        place = FileLocation(str(path.parent), str(path))
        self.life = TrackedFile(
            Generation(1, "app", str(path), 0.0), open_source(place.root, place.name), place, content[:1024], cuts,
            self.notebook, OpenFileLimiter(16),
        )  # fmt: skip
        self.life.size = len(content)

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.life.size += len(data)

    def cursor(self) -> Cursor:
        return Cursor(self.life, Checkpoint(0, NO_TAIL))


def next_chunk(cursor: Cursor, max_line: int = 1 << 20, chunk: int = CHUNK) -> Chunk | None:
    found = Reader(max_line, chunk).next_chunk(cursor)
    if found:
        cursor.took(found)
    return found


def test_an_unterminated_line_is_not_passed_and_comes_whole_when_it_is_finished(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntw")
    cursor = file.cursor()
    first = next_chunk(cursor)
    assert first
    assert first.data == b"one\n"
    assert next_chunk(cursor) is None
    file.append(b"o\n")
    second = next_chunk(cursor)
    assert second
    assert (second.offset, second.data) == (4, b"two\n")


def test_in_a_closing_life_the_last_line_is_shipped_and_its_end_written_down_first(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntw")
    file.life.closing = True
    cursor = file.cursor()
    next_chunk(cursor)
    last = next_chunk(cursor)
    assert last
    assert (last.data, last.is_unterminated) == (b"tw", True)
    assert file.notebook.cuts == [(4, 6)]


def test_what_follows_a_shipped_beginning_is_a_continuation(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo\nthree\n", cuts=(6,))
    cursor = file.cursor()
    first = next_chunk(cursor)
    second = next_chunk(cursor)
    assert first
    assert second
    assert (first.data, first.is_unterminated) == (b"one\ntw", True)
    assert (second.data, second.continuation) == (b"o\nthree\n", True)


def test_a_file_that_was_refilled_with_other_bytes_is_not_read_on(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo\n")
    cursor = file.cursor()
    next_chunk(cursor)
    file.path.write_bytes(b"ONE\nTWO\nthree\n")
    file.life.size = 14
    with pytest.raises(Truncated):
        next_chunk(cursor)


def test_a_second_sink_does_not_take_the_new_content_for_the_old_beginning(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\n")
    file.path.write_bytes(b"ONE\n")
    with pytest.raises(Truncated):
        next_chunk(file.cursor())


def test_a_file_that_shrinks_while_it_is_read_is_truncated_not_endless(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo")
    os.truncate(file.path, 5)
    with pytest.raises(Truncated):
        next_chunk(file.cursor())


def test_a_resumed_position_is_checked_against_the_digest_of_what_stood_before_it(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo\n")
    good = Cursor(file.life, Checkpoint(4, OverlapDigest.from_bytes(b"one\n")))
    chunk = next_chunk(good)
    assert chunk
    assert chunk.data == b"two\n"
    with pytest.raises(Truncated):
        next_chunk(Cursor(file.life, Checkpoint(4, OverlapDigest.from_bytes(b"xxx\n"))))


def test_a_line_longer_than_the_limit_keeps_its_head_and_the_file_goes_on(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"x" * 50_000 + b"\nnext\n")
    cursor = file.cursor()
    first = next_chunk(cursor, max_line=100, chunk=1000)
    assert first
    assert (len(first.data), first.truncated_bytes, first.end) == (100, 49_900, 50_001)
    second = next_chunk(cursor, max_line=100, chunk=1000)
    assert second
    assert second.data == b"next\n"


def test_a_line_longer_than_a_chunk_but_within_the_limit_comes_whole(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"x" * 5000 + b"\nnext\n")
    chunk = next_chunk(file.cursor(), max_line=10_000, chunk=100)
    assert chunk
    assert chunk.data.startswith(b"x" * 5000 + b"\n")


def test_a_hole_of_nul_bytes_is_passed_only_when_something_follows_it(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\n" + bytes(5000))
    cursor = file.cursor()
    next_chunk(cursor)
    assert next_chunk(cursor, chunk=1000) is None
    file.append(b"two\n")
    hole = next_chunk(cursor, chunk=1000)
    after = next_chunk(cursor, chunk=1000)
    assert hole
    assert after
    assert (hole.data, hole.end) == (b"", 5004)
    assert (after.offset, after.data) == (5004, b"two\n")


def test_the_fingerprint_grows_before_a_line_from_beyond_it_leaves(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\n")
    cursor = file.cursor()
    chunk = next_chunk(cursor)
    assert chunk
    file.life.cover(chunk)
    assert file.notebook.fingerprints == []
    file.append(b"two\n")
    more = next_chunk(cursor)
    assert more
    file.life.cover(more)
    assert file.notebook.fingerprints == [Fingerprint.from_head(b"one\ntwo\n")]


def test_a_rewound_cursor_reads_the_same_lines_again(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo\n")
    cursor = file.cursor()
    first = next_chunk(cursor)
    cursor.rewind()
    assert next_chunk(cursor) == first
