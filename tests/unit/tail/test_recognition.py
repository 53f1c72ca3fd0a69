"""Which generation is a file? A table of answers, without clocks, threads or shippers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from sidecar.model.checkpoint import COPY, Checkpoint, Intent, KnownFile
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint, OverlapDigest, checksum
from sidecar.tail.content import ContentComparer
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.recognition import New, Recognizer, Replaced, Resume, Shorter, Unchanged
from sidecar.tail.source import Postponed, Source, open_source

BANNER = b"the same licence at every start of the application\n" * 30
LINES = b"".join(b"line %06d\n" % number for number in range(400))
LONG = LINES * 40
assert len(LONG) > 64 << 10


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    source = open_source(str(path.parent), str(path))
    try:
        yield source
    finally:
        source.close()


def remember(path: Path, read: int | None = None, **changes: object) -> KnownFile:
    """Return what the state knows of a file of which everything, or the first bytes, was delivered."""
    content = path.read_bytes()
    read = len(content) if read is None else read
    with opened(path) as source:
        file_id = source.identity
    point = Checkpoint(read, OverlapDigest.from_bytes(content[:read]), crc=checksum(content[:read]))
    known = KnownFile(
        Generation(7, "app", str(path), 1.0), file_id, Fingerprint.from_head(content), str(path), len(content), "",
        False, {"sink": point} if read else {}, (), Intent(read, checksum(content[:read])),
    )  # fmt: skip
    return replace(known, **changes)


def meet(known: KnownFile, path: Path) -> object:
    with opened(path) as source:
        return type(Recognizer(FinishedFiles(()), ContentComparer()).compare_unfinished(known, source))


UNFINISHED = {
    "as it was": (LINES, LINES, Resume),
    "grown": (LINES, LINES + b"more\n", Resume),
    "shorter, and so far the same": (LINES, LINES[:2000], Shorter),
    "much shorter, which cannot be compared": (LINES, LINES[:20], Shorter),
    "shorter, with another beginning": (LINES, b"another" * 300, Replaced),
    "empty": (LINES, b"", Replaced),
    "one byte in the middle differs": (LINES, LINES[:2000] + b"X" + LINES[2001:], Replaced),
    "the same beginning, other lines": (BANNER + LINES, BANNER + LINES.replace(b"line", b"LINE"), Replaced),
    "the last line differs": (LINES, LINES[:-7] + b"999999\n", Replaced),
}


@pytest.mark.parametrize(("before", "after", "decision"), UNFINISHED.values(), ids=UNFINISHED)
def test_the_file_of_an_unfinished_generation(tmp_path: Path, before: bytes, after: bytes, decision: type) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(before)
    known = remember(path)
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(after)
    assert meet(known, path) is decision


def test_what_was_sent_before_the_first_checkpoint_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(BANNER + b"one\n")
    known = replace(remember(path), checkpoints={})
    assert meet(known, path) is Resume
    with path.open("r+b") as file:
        file.seek(len(BANNER))
        file.write(b"two\n")
    assert meet(known, path) is Replaced


@pytest.mark.parametrize(
    ("recorded", "now", "is_same"),
    [
        (FileId(1, 2, 5), FileId(1, 2, 5), True),
        (FileId(1, 2, 5), FileId(1, 2, 6), False),
        (FileId(1, 2, None, 100), FileId(1, 2, None, 100), True),
        (FileId(1, 2, None, 100), FileId(1, 2, None, 101), False),
        (FileId(1, 2, None), FileId(1, 2, None, 101), True),
        (FileId(1, 2, 5), FileId(1, 3, 5), False),
        (FileId(1, 2, 5), FileId(9, 2, 5), False),
    ],
)
def test_an_inode_that_is_used_again_is_another_file(recorded: FileId, now: FileId, *, is_same: bool) -> None:
    assert recorded.matches(now) is is_same


FINISHED = {
    "as it was": (LINES, LINES, {}, Unchanged),
    "grown": (LINES, LINES + b"more\n", {}, Resume),
    "shorter": (LINES, LINES[:2000], {}, Shorter),
    "other content": (LINES, b"another" * 300, {}, Replaced),
    "a copy": (LINES, LINES, {"ended": COPY}, Unchanged),
    "a copy that has grown": (LINES, LINES + b"more\n", {"ended": COPY}, Replaced),
    "no inode generation, and little content under another name": (
        b"ok\n", b"ok\nmore\n", {"file_id": None, "name": "/x/y.log"}, Replaced
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes", "decision"), FINISHED.values(), ids=FINISHED)
def test_the_file_of_a_finished_generation(
    tmp_path: Path, before: bytes, after: bytes, changes: dict[str, object], decision: type
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(before)
    known = remember(path)
    if "file_id" in changes:
        generation = replace(known.generation, path="/x/y.log")
        changes = {**changes, "file_id": FileId(*known.file_id.key, None), "generation": generation}
    done = FinishedFile(replace(known, **changes))
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(after)
    with opened(path) as source:
        found = Recognizer(FinishedFiles(()), ContentComparer()).compare_finished(done, source, str(path), ["sink"])
    assert type(found) is decision


def test_a_finished_file_is_read_again_for_a_new_sink(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(LINES)
    done = FinishedFile(remember(path))
    with opened(path) as source:
        recognizer = Recognizer(FinishedFiles(()), ContentComparer())
        assert type(recognizer.compare_finished(done, source, str(path), ["sink", "new"])) is Resume


ELSEWHERE = {
    "the same content": (LINES, LINES, "saved.txt", False, Unchanged),
    "more than the content": (LINES, LINES + b"more\n", "saved.txt", False, New),
    "less than the content": (LINES, LINES[:2000], "saved.txt", False, New),
    "the same beginning": (BANNER + LINES, BANNER + LONG, "other.log", False, New),
    "little content, by chance the same": (b"ok\n", b"ok\n", "job-2.log", False, New),
    "its name on another device": (b"ok\n", b"ok\n", "app.log", True, Unchanged),
    "its name on another device, grown": (LINES, LINES + b"more\n", "app.log", True, Resume),
    "its name in another inode, grown": (LINES, LINES + b"more\n", "app.log", False, New),
    "its name in another inode, much content": (LONG, LONG + b"more\n", "app.log", False, Resume),
}


@pytest.mark.parametrize(("before", "after", "name", "is_remounted", "decision"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_file_that_holds_what_a_finished_one_held(
    tmp_path: Path, before: bytes, after: bytes, name: str, decision: type, *, is_remounted: bool
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(before)
    known = remember(path)
    (tmp_path / "new").write_bytes(after)
    (tmp_path / "new").rename(tmp_path / name)
    with opened(tmp_path / name) as source:
        if is_remounted:
            known = replace(known, file_id=FileId(source.identity.device + 1, source.identity.inode, 1))
        finished = FinishedFiles([known])
        found = Recognizer(finished, ContentComparer()).find_finished(source, str(tmp_path / name))
    assert type(found) is decision


@pytest.mark.parametrize(
    ("after", "starts"),
    {
        "the end is gone": (LONG[:-5000], {"sink": 120_000, "slow": 70_000}),
        "the end is other text": (LONG[:-5000] + b"x" * 9000, {"sink": 120_000, "slow": 70_000}),
        "more is gone": (LONG[:110_000], {"sink": 100_000, "slow": 70_000}),
        "more than half is gone": (LONG[: len(LONG) // 2 - 12], {}),
        "the beginning is another": (b"X" + LONG[1:], {}),
    }.values(),
)
def test_where_reading_continues_in_a_file_that_lost_its_end(
    tmp_path: Path, after: bytes, starts: dict[str, int]
) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(LONG)

    def mark(*offsets: int) -> tuple[tuple[int, int], ...]:
        return tuple((offset, checksum(LONG[:offset])) for offset in offsets)

    known = remember(path)
    points = {
        "sink": replace(known.checkpoints["sink"], marks=mark(66_000, 100_000, 120_000, len(LONG))),
        "slow": Checkpoint(80_000, OverlapDigest.from_bytes(LONG[:80_000]), marks=mark(70_000)),
        "new": Checkpoint(0, OverlapDigest.from_bytes(b"")),
    }
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(after)
    with opened(path) as source:
        recognizer = Recognizer(FinishedFiles(()), ContentComparer())
        found = recognizer.find_starts(replace(known, checkpoints=points), source)
    assert {sink: point.offset for sink, point in found.items()} == starts
    assert all(point.tail.matches(LONG[: point.offset]) for point in found.values())


def test_a_long_comparison_is_continued_by_the_next_scan(tmp_path: Path) -> None:
    path, copy = tmp_path / "app.log", tmp_path / "copy.log"
    path.write_bytes(LONG * 10)
    copy.write_bytes(LONG * 10)
    known = remember(path)
    comparer, scans = ContentComparer(), 1
    with opened(copy) as source:
        while True:
            comparer.allowance.left = 200_000
            try:
                assert comparer.agrees(known, source)
                break
            except Postponed:
                scans += 1
    assert 1 < scans < 10


def test_a_reused_inode_belongs_to_the_newest_finished_file(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"line\n" * 100)
    newest_first = [remember(path, generation=Generation(n, "app", str(path), float(n))) for n in (3, 2, 1)]
    finished = FinishedFiles(newest_first)
    found = finished.find(newest_first[0].file_id.key)
    assert found is not None
    assert found.known.generation.id == 3
    assert finished.find_generation(1) is not None, "a copy of its content may still appear"
