"""Chunks of whole lines from a real file, and nothing that changed under our hands."""

import os
import time
from pathlib import Path

import pytest

from sidecar.decode.framing import Framer
from sidecar.decode.multiline import make_grouper
from sidecar.lib.charset import lookup
from sidecar.lib.clock import Clock, SystemClock
from sidecar.model.checkpoint import Checkpoint, Intent
from sidecar.model.file import Generation
from sidecar.model.fingerprint import NO_TAIL, Fingerprint, OverlapDigest, checksum
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import CHUNK_BYTES, NUL_GRACE_S, PARTIAL_GRACE_S, Reader
from sidecar.tail.source import open_source, read_head
from sidecar.tail.tracked_file import FileLocation, TrackedFile, Truncated
from sidecar.testing import ManualClock


class Notebook:
    """What the file wrote down."""

    def __init__(self) -> None:
        self.boundaries: list[tuple[int, int]] = []
        self.fingerprints: list[Fingerprint] = []

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None:
        self.fingerprints.append(fingerprint)

    def add_boundary(self, number: int, start: int, end: int) -> None:
        self.boundaries.append((start, end))

    def prune_boundaries(self, number: int, before: int) -> None:
        self.boundaries = [cut for cut in self.boundaries if cut[1] >= before]


class File:
    def __init__(self, path: Path, content: bytes = b"", cuts: tuple[int, ...] = ()) -> None:
        self.path = path
        path.write_bytes(content)
        self.notebook = Notebook()
        place = FileLocation(str(path.parent), str(path))
        source = open_source(place.root, place.name)
        self.tracked = TrackedFile(
            Generation(1, "app", str(path), 0.0), source, place, read_head(source), cuts, self.notebook,
            OpenFileLimiter(16),
        )  # fmt: skip
        self.tracked.size = len(content)

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.tracked.size = self.tracked.status().size

    def cursor(self) -> Cursor:
        return Cursor(self.tracked, Checkpoint(0, NO_TAIL))


def next_chunk(
    cursor: Cursor, max_line: int = 1 << 20, chunk: int = CHUNK_BYTES, clock: Clock | None = None,
    multiline: str = "", encoding: str = "utf-8",
) -> Chunk | None:  # fmt: skip
    """Return the next chunk. `multiline`: the pattern of the first line of an event."""
    groups = make_grouper(None, {"start": multiline}, timeout_s=2.0, max_lines=100, max_bytes=max_line)
    reader = Reader(max_line, chunk, groups if multiline else None, clock, lookup(encoding))
    found = reader.next_chunk(cursor)
    if found:
        cursor.advance(found)
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
    file.tracked.is_last_line_complete = True
    cursor = file.cursor()
    next_chunk(cursor)
    last = next_chunk(cursor)
    assert last
    assert (last.data, last.is_unterminated) == (b"tw", True)
    assert file.notebook.boundaries == [(4, 6)]


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
    file.tracked.size = 14
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
    good = Cursor(file.tracked, Checkpoint(4, OverlapDigest.from_bytes(b"one\n")))
    chunk = next_chunk(good)
    assert chunk
    assert chunk.data == b"two\n"
    with pytest.raises(Truncated):
        next_chunk(Cursor(file.tracked, Checkpoint(4, OverlapDigest.from_bytes(b"xxx\n"))))


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
    file.tracked.record_sending(chunk)
    assert file.notebook.fingerprints == []
    file.append(b"two\n")
    more = next_chunk(cursor)
    assert more
    file.tracked.record_sending(more)
    assert file.notebook.fingerprints == [Fingerprint.from_head(b"one\ntwo\n")]


def test_a_rewound_cursor_reads_the_same_lines_again(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo\n")
    cursor = file.cursor()
    first = next_chunk(cursor)
    cursor.rewind()
    assert next_chunk(cursor) == first


def test_a_hole_between_two_lines_ends_the_chunk_before_it_and_the_event(tmp_path: Path) -> None:
    content = b"S one\n more\n" + bytes(100) + b" not one\nS two\n"
    for multiline in ("", "^S"):
        cursor = File(tmp_path / "a.log", content).cursor()
        chunks = [next_chunk(cursor, multiline=multiline) for _ in range(3)]
        assert [(part.offset, part.data) for part in chunks if part][:2] == [(0, content[:12]), (12, b"")]
        assert chunks[2] is not None
        assert chunks[2].offset == 112
        assert chunks[2].continuation is (multiline != "")


def test_where_an_event_ends_does_not_depend_on_the_chunk_in_which_a_hole_is(tmp_path: Path) -> None:
    content = b"S one\n" + b" more and more\n" * 3 + bytes(70) + b" other\n" * 12 + bytes(3) + b"S two\nS three\n"

    def records(chunk: int) -> list[tuple[int, str]]:
        file, found = File(tmp_path / "a.log", content), list[tuple[int, str]]()
        cursor, file.tracked.is_last_line_complete = file.cursor(), True
        while part := next_chunk(cursor, max_line=60, chunk=chunk, multiline="^S"):
            lines = Framer(60).frame(part)
            found += zip(lines.starts, lines.texts, strict=True)
        assert cursor.offset == len(content)
        return found

    wanted = records(1 << 17)
    assert all(records(chunk) == wanted for chunk in range(1, 130))


@pytest.mark.parametrize("multiline", ["", "^[a-z]"])
@pytest.mark.parametrize("hole", [slice(4, 8), slice(6, 12), slice(4, 18)])
def test_a_hole_that_is_filled_a_moment_later_is_not_lost(tmp_path: Path, hole: slice, multiline: str) -> None:
    clock, filled = ManualClock(100.0), b"one\ntwo\nthree\nfour\nfive\n"
    content = bytearray(filled)
    content[hole] = bytes(hole.stop - hole.start)
    file = File(tmp_path / "a.log", bytes(content))
    file.tracked.record_growth(clock.monotonic())
    cursor, read = file.cursor(), b""
    while part := next_chunk(cursor, clock=clock, multiline=multiline):
        read += part.data
    assert read == b"one\n" or multiline
    assert cursor.due is not None
    file.path.write_bytes(filled)
    clock.advance(NUL_GRACE_S)
    file.tracked.is_last_line_complete = True
    while part := next_chunk(cursor, clock=clock, multiline=multiline):
        read += part.data
    assert read == filled


def test_a_hole_that_stays_is_passed_after_a_moment_also_at_the_end_of_a_run(tmp_path: Path) -> None:
    clock, file = ManualClock(100.0), File(tmp_path / "a.log", b"one\n" + bytes(4) + b"three\nfo\0ur\n")
    file.tracked.record_growth(clock.monotonic())
    cursor, file.tracked.is_last_line_complete = file.cursor(), True
    assert next_chunk(cursor, clock=clock) is not None
    assert next_chunk(cursor, clock=clock) is None
    clock.advance(NUL_GRACE_S)
    parts = [next_chunk(cursor, clock=clock) for _ in range(2)]
    assert [(part.end, part.data) for part in parts if part] == [(8, b""), (20, b"three\nfo\0ur\n")]


def test_nul_bytes_at_the_end_are_not_passed_at_the_end_of_a_run(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"one\ntwo" + bytes(1 << 20))
    file.tracked.size, file.tracked.is_last_line_complete = file.tracked.status().size, True
    cursor = file.cursor()
    assert [part.data for part in iter(lambda: next_chunk(cursor), None)] == [b"one\n", b"two"]
    assert cursor.offset == 7


@pytest.mark.parametrize("order", ["utf-16le", "utf-16be"])
def test_reserved_space_after_utf_16(tmp_path: Path, order: str) -> None:
    content = "one\nčtyři\n".encode(lookup(order).name)
    file = File(tmp_path / "a.log", content + bytes(5000))
    file.tracked.size = file.tracked.status().size
    cursor = file.cursor()
    part = next_chunk(cursor, encoding=order)
    assert part is not None
    assert part.data == content
    assert next_chunk(cursor, encoding=order) is None


def test_the_fingerprint_covers_a_hole_once_something_after_it_is_read(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log")
    file.append(bytes(5000) + b"one\n")
    cursor = file.cursor()
    hole = next_chunk(cursor)
    assert hole is not None
    file.tracked.record_sending(hole)
    assert file.notebook.fingerprints == [Fingerprint.from_head(bytes(1024))]
    assert file.tracked.head == bytes(1024)


EURO = "price 5 €".encode()


@pytest.mark.parametrize("multiline", ["", "^p"])
@pytest.mark.parametrize("at", [1, 2])
def test_the_end_of_a_run_cuts_before_a_character_that_is_not_complete(
    tmp_path: Path, at: int, multiline: str
) -> None:
    file = File(tmp_path / "a.log", EURO[:-at])
    file.tracked.is_last_line_complete, file.tracked.modified = True, time.time()
    cursor = file.cursor()
    first = next_chunk(cursor, multiline=multiline)
    assert first is not None
    assert (first.data, first.end) == (b"price 5 ", 8)
    assert next_chunk(cursor, multiline=multiline) is None
    file.append(EURO[-at:] + b" paid\n")
    rest = next_chunk(cursor, multiline=multiline)
    assert rest is not None
    assert (rest.offset, rest.data.decode(), rest.continuation) == (8, "€ paid\n", True)


def test_a_broken_character_is_shipped_when_the_file_is_over_or_has_not_changed_for_long(tmp_path: Path) -> None:
    for is_over, modified in [(True, time.time()), (False, time.time() - PARTIAL_GRACE_S)]:
        file = File(tmp_path / "a.log", EURO[:-1])
        file.tracked.is_last_line_complete, file.tracked.may_finish, file.tracked.modified = True, is_over, modified
        part = next_chunk(file.cursor())
        assert part is not None
        assert part.data == EURO[:-1]


def test_the_rest_of_an_over_long_line_is_not_cut_within_a_character(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", b"x" * 200 + "€€".encode()[:-1])
    file.tracked.is_last_line_complete, file.tracked.modified = True, time.time()
    cursor = file.cursor()
    part = next_chunk(cursor, max_line=100, clock=SystemClock())
    assert part is not None
    assert part.end == 203
    file.append(b"\xac paid\n")
    rest = next_chunk(cursor, max_line=100)
    assert rest is not None
    assert rest.data.decode() == "€ paid\n"


def test_a_file_with_the_mark_of_utf_16_is_refused_in_another_encoding(tmp_path: Path) -> None:
    file = File(tmp_path / "a.log", "\ufeffone\n".encode("utf-16-le"))
    with pytest.raises(OSError, match="utf-16"):
        next_chunk(file.cursor())
    part = next_chunk(file.cursor(), encoding="utf-16")
    assert part is not None
    assert Framer(charset=lookup("utf-16")).frame(part).texts == ["one"]


@pytest.mark.parametrize("size", [1 << 16, 3 << 20, 1 << 40])
def test_the_checksum_after_a_hole_that_was_jumped_over_is_right(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.log"
    file = File(path, b"one\n")
    with path.open("r+b") as writing:
        writing.seek(4 + size)
        writing.write(b"two\n")
    file.tracked.size = file.tracked.status().size
    cursor = file.cursor()
    while next_chunk(cursor) or cursor.is_searching:
        pass
    assert cursor.offset == size + 8
    assert cursor.crc == checksum(b"one\ntwo\n")
