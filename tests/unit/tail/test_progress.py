"""The reader always comes to an end: each look reads more than the one before, and what it makes covers the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.decode.framing import Framer
from sidecar.decode.multiline import make_grouper
from sidecar.lib.charset import lookup
from sidecar.model.checkpoint import Checkpoint, Intent
from sidecar.model.file import Generation
from sidecar.model.fingerprint import OVERLAP_BYTES, Fingerprint, OverlapDigest
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.plain_file import PlainFile
from sidecar.tail.reader import MAX_RECORDS, Reader
from sidecar.tail.tracked_file import FileLocation, TrackedFile
from sidecar.testing import ManualClock

PIECES = [
    b"a",
    b"2026 x",
    b" at x",
    b"\tat y",
    b"\n",
    b"\n\n",
    b"\r\n",
    b"\0",
    b"\0" * 70,
    b"\xff\xc3",
    "ä€".encode(),
]
MAX_LOOKS = 16
"""Reads of one call at a line or event, each four times as long; over-long lines are read in pieces of a chunk."""


class CountingFile(PlainFile):
    """A file that counts how often it is read."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.reads = 0

    def pread(self, length: int, offset: int) -> bytes:
        self.reads += 1
        return super().pread(length, offset)


class Journal:
    """Takes what a file writes down, and forgets it."""

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...

    def add_boundary(self, number: int, start: int, end: int) -> None: ...

    def prune_boundaries(self, number: int, before: int) -> None: ...


Documents = list[tuple[int, str]]


def read_all(
    path: Path, sizes: list[int], *, multiline: str, encoding: str, max_line: int, chunk: int, max_records: int,
    start: int = 0,
) -> Documents:  # fmt: skip
    """All (offset, text) from `start` on of a file that grows to each of these sizes and is over then."""
    charset, clock = lookup(encoding), ManualClock(1000.0)
    preset = "java" if multiline == "java" else None
    groups = make_grouper(
        preset, {"start": "^2026"}, timeout_s=2.0, max_lines=5, max_bytes=max_line // charset.max_utf8_ratio
    )
    reader = Reader(max_line, chunk, groups if multiline else None, clock, charset)
    framing = Framer(max_line, charset=charset)
    file = CountingFile(os.open(path, os.O_RDONLY))
    place = FileLocation(str(path.parent), str(path))
    tracked = TrackedFile(Generation(1, "app", str(path), 0.0), file, place, b"", (), Journal(), OpenFileLimiter(16))
    before = path.read_bytes()[max(0, start - OVERLAP_BYTES) : start]
    cursor, found = Cursor(tracked, Checkpoint(start, OverlapDigest.from_bytes(before))), Documents()
    content = path.read_bytes()
    sizes = [len(content[:size].rstrip(b"\0")) for size in sizes]
    for size in sizes:
        tracked.size, tracked.is_last_line_complete = size, size == sizes[-1]
        while True:
            reads = file.reads
            part = reader.next_chunk(cursor, max_records)
            assert file.reads - reads <= MAX_LOOKS + size // chunk
            if part is None and cursor.is_searching:
                continue
            if part is None:
                break
            assert part.offset == cursor.offset < part.end <= size + charset.width - 1
            assert not part.data.startswith(bytes(charset.width)), "a hole is a chunk without data"
            lines = framing.frame(part)
            assert lines.count <= max_records + 1
            found += zip(lines.starts, lines.texts, strict=True)
            assert tracked.claim(part)
            tracked.record_sending(part)
            cursor.advance(part)
    assert cursor.offset >= sizes[-1], "what is over is read to its end"
    tracked.close()
    return found


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60), data=st.data(),
    multiline=st.sampled_from(["", "java", "start"]), encoding=st.sampled_from(["utf-8", "utf-16le", "gb18030"]),
    max_line=st.integers(4, 80), chunk=st.integers(2, 200), max_records=st.integers(1, 6),
)  # fmt: skip
def test_every_file_is_read_to_its_end_in_a_bounded_number_of_reads_with_bounded_chunks(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject, multiline: str,
    encoding: str, max_line: int, chunk: int, max_records: int,
) -> None:  # fmt: skip
    content = b"".join(pieces)
    path = tmp_path_factory.mktemp("read") / "app.log"
    path.write_bytes(content)
    growth = data.draw(st.lists(st.integers(0, len(content)), max_size=3))
    read_all(
        path, [*sorted(growth), len(content)], multiline=multiline, encoding=encoding, max_line=max_line,
        chunk=chunk, max_records=max_records,
    )  # fmt: skip


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60), encoding=st.sampled_from(["utf-8", "utf-16le"]),
    max_line=st.integers(4, 80), chunk=st.integers(2, 200), max_records=st.integers(1, 6),
)  # fmt: skip
def test_how_many_records_a_chunk_may_have_decides_nothing_about_lines(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], encoding: str, max_line: int, chunk: int,
    max_records: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("read") / "app.log"
    content = b"".join(pieces)
    path.write_bytes(content)
    few = read_all(
        path, [len(content)], multiline="", encoding=encoding, max_line=max_line, chunk=chunk, max_records=max_records
    )
    all_at_once = read_all(
        path,
        [len(content)],
        multiline="",
        encoding=encoding,
        max_line=max_line,
        chunk=1 << 16,
        max_records=MAX_RECORDS,
    )
    assert few == all_at_once


@given(
    pieces=st.lists(st.sampled_from(PIECES), max_size=60), multiline=st.sampled_from(["", "java", "start"]),
    encoding=st.sampled_from(["utf-8", "utf-16le"]), max_line=st.integers(4, 80), chunk=st.integers(2, 200),
)  # fmt: skip
def test_no_line_or_event_depends_on_where_a_chunk_ends(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], multiline: str, encoding: str, max_line: int,
    chunk: int,
) -> None:  # fmt: skip
    """Otherwise the same id could mean two documents."""
    path = tmp_path_factory.mktemp("read") / "app.log"
    content = b"".join(pieces)
    path.write_bytes(content)
    small, large = [
        read_all(
            path, [len(content)], multiline=multiline, encoding=encoding, max_line=max_line, chunk=size,
            max_records=MAX_RECORDS,
        )
        for size in (chunk, 1 << 16)
    ]  # fmt: skip
    assert small == large


@given(
    lines=st.lists(st.sampled_from([b"2026 a\n", b" at x\n", b"z" * 30 + b"\n"]), min_size=30, max_size=60),
    multiline=st.sampled_from(["java", "start"]), max_line=st.integers(40, 90), chunk=st.integers(64, 250),
    place=st.integers(0, 59),
)  # fmt: skip
def test_events_end_where_they_end_wherever_reading_begins(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    multiline: str,
    max_line: int,
    chunk: int,
    place: int,
) -> None:
    content = b"".join(lines)
    path = tmp_path_factory.mktemp("read") / "app.log"
    path.write_bytes(content)

    def read(start: int) -> Documents:
        return read_all(
            path, [len(content)], multiline=multiline, encoding="utf-8", max_line=max_line, chunk=chunk,
            max_records=MAX_RECORDS, start=start,
        )  # fmt: skip

    whole = read(0)
    start, _ = whole[place % len(whole)]
    assert read(start) == [document for document in whole if document[0] >= start]


def test_two_over_long_lines_in_a_row_are_no_endless_loop_for_events_of_several_lines(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    content = b"2026 first\n" + b"A" * 150 + b"\n" + b"B" * 70 + b"\n" + b"2026 last\n" * 5
    path.write_bytes(content)
    found = read_all(
        path, [len(content)], multiline="java", encoding="utf-8", max_line=100, chunk=64, max_records=1000
    )
    assert [text for _, text in found] == ["2026 first", "A" * 100, "B" * 70, *["2026 last"] * 5]
