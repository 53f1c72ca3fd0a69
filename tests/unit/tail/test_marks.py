"""Marks: the line ends of a checkpoint that show how much of its content a file still has."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.lib.charset import lookup
from sidecar.model.checkpoint import ORIGIN, Checkpoint, thin_out
from sidecar.model.file import Generation
from sidecar.model.fingerprint import checksum
from sidecar.model.lines import Chunk
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.plain_file import PlainFile
from sidecar.tail.tracked_file import FileLocation, TrackedFile
from tests.unit.tail.test_progress import Journal

SIZES = st.lists(st.integers(1, 256_000) | st.integers(1, 3000), min_size=1, max_size=40)


def read_in_chunks(folder: Path, text: str, sizes: list[int], encoding: str = "utf-8") -> tuple[bytes, Checkpoint]:
    """The content of a file and its last checkpoint, after chunks of at least these sizes were settled."""
    path = folder / "app.log"
    line = text.encode(encoding)
    data = line * (sum(sizes) // len(line) + len(sizes) + 1)
    path.write_bytes(data)
    generation = Generation(1, "app", str(path), 0.0)
    file = TrackedFile(
        generation, PlainFile(os.open(path, os.O_RDONLY)), FileLocation(str(folder), str(path)), b"", (), Journal(),
        OpenFileLimiter(16),
    )  # fmt: skip
    cursor = Cursor(file, ORIGIN)
    cursor.charset = lookup(encoding)
    for size in sizes:
        end = cursor.offset + size + -size % len(line)
        cursor.advance(Chunk(generation, cursor.offset, data[cursor.offset : end], end))
        cursor.spans[-1].settled = True
        cursor.settle(cursor.settled_prefix())
    file.close()
    return data, cursor.settled


@example([65512, 233, 813, 12616, 2727], 2756, "utf-8")
@given(SIZES, st.integers(0, 3_000_000), st.sampled_from(["utf-8", "utf-16-le"]))
def test_a_mark_is_near_whatever_was_lost(
    tmp_path_factory: object, sizes: list[int], lost: int, encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("marks")  # type: ignore[attr-defined]
    text = "a line of the application Ċ\n"
    data, point = read_in_chunks(folder, text, sizes, encoding)
    for offset, crc in point.marks:
        assert data[:offset].endswith("\n".encode(encoding))
        assert crc == checksum(data[:offset])
    kept = point.offset - lost
    if point.marks and kept >= point.marks[0][0]:
        nearest = max(offset for offset, _ in point.marks if offset <= kept)
        line = len(text.encode(encoding))
        assert point.offset - nearest <= 4 * (max(lost, 4096) + 2 * line)  # each mark is at the end of a line
    assert len(point.marks) <= 24


def test_a_small_file_has_no_marks(tmp_path: Path) -> None:
    _, point = read_in_chunks(tmp_path, "a line\n", [1000] * 20)
    assert point.marks == ()


def test_thinning_keeps_few_marks_however_often_it_is_done() -> None:
    marks: tuple[tuple[int, int], ...] = ()
    for offset in range(100, 1_000_000, 100):
        marks = tuple(thin_out([*marks, (offset, 0)], offset))
    distances = [marks[-1][0] - offset for offset, _ in marks]
    assert len(marks) <= 12
    assert all(older <= 4 * max(newer, 4096) for older, newer in pairwise(distances))
