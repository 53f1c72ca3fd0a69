"""How far one sink is behind."""

import os
from pathlib import Path

import pytest

from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.read_queue import ReadQueue
from tests.support.builders.files import FilesFixture, read, settle


@pytest.fixture
def files(tmp_path: Path) -> FilesFixture:
    return FilesFixture(tmp_path)


@pytest.fixture
def queue() -> ReadQueue:
    return ReadQueue()


@pytest.fixture
def backlog(queue: ReadQueue) -> Backlog:
    return Backlog(queue)


def test_a_file_that_was_removed_counts_no_more(files: FilesFixture, queue: ReadQueue, backlog: Backlog) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    backlog.mark(cursor.file)
    assert backlog.unsettled() == 7
    queue.remove(cursor)
    assert backlog.unsettled() == 0


def test_an_unterminated_line_is_unsettled_and_no_lag(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    cursor = files.write("a.log", b"not a whole line")
    queue.add(cursor)
    backlog.mark(cursor.file)
    assert backlog.unsettled() == 16
    assert backlog.lag(files.clock) == (0, 0.0)
    assert backlog.pending(None) == {}


def test_lag_counts_what_can_be_delivered_and_how_long_ago_the_file_was_written(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    (files.folder / "old.log").write_bytes(b"old\n")
    os.utime(files.folder / "old.log", (files.clock.now() - 90.0,) * 2)
    old = files.write("old.log", b"")
    new = files.write("new.log", b"a line\n")
    for cursor in (old, new):
        queue.add(cursor)
        queue.notify(cursor.file)
        backlog.mark(cursor.file)
    files.clock.advance(3.0)
    assert backlog.lag(files.clock) == (11, 93.0)
    assert [backlog.lag_of_file(cursor.file.generation.id, files.clock) for cursor in (old, new)] == [93.0, 3.0]
    assert backlog.lag_of_file(1, files.clock) == 0.0


def test_the_timestamp_of_the_first_unsettled_record_counts_before_the_time_of_the_file(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    cursor = files.write("a.log", b"one\ntwo\n")
    queue.add(cursor)
    backlog.mark(cursor.file)
    first, second = read(cursor, 4), read(cursor, 4)
    first.first_time, second.first_time = files.clock.now() - 7200.0, files.clock.now() - 3600.0
    assert backlog.lag(files.clock) == (8, 7200.0)
    settle(first)
    cursor.settle([first])
    assert backlog.lag(files.clock) == (4, 3600.0)
    cursor.rewind()
    queue.notify(cursor.file)
    assert backlog.lag(files.clock) == (4, 3600.0), "it is read again, and is as old as before"
    second.first_time = files.clock.now() + 60.0
    cursor.spans.append(second)
    assert backlog.lag(files.clock) == (4, 0.0), "a clock that is ahead does not make lag negative"


def test_pending_asks_for_no_more_than_was_there_before(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    cursor = files.write("a.log", b"a line\n")
    file_id = cursor.file.generation.id
    queue.add(cursor)
    queue.notify(cursor.file)
    before = backlog.pending(None)
    assert before == {file_id: 7}
    files.write("a.log", b"one more\n")
    assert backlog.pending(before) == {file_id: 7}
    assert backlog.pending(None) == {file_id: 16}
    assert backlog.pending({}) == {}


def test_progress_is_what_is_settled_of_what_was_seen(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    for name in ("a.log", "b.log"):
        queue.add(files.write(name, name.encode() + b"\n"))
    assert backlog.progress() == (0, 12)


def test_a_settled_file_is_unsettled_again_when_it_grows(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    cursor.settle([read(cursor, 7)])
    backlog.refresh(cursor)
    files.write("a.log", b"one more\n")
    assert backlog.unsettled() == 0
    backlog.mark(cursor.file)
    assert backlog.unsettled() == 9


def test_bytes_of_a_file_that_cannot_be_read_now_are_counted_apart(
    files: FilesFixture, queue: ReadQueue, backlog: Backlog
) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    backlog.mark(cursor.file)
    queue.retry(cursor, at=10.0)
    assert (backlog.unreadable(), backlog.unsettled()) == (7, 7)
    queue.retry_all()
    queue.next()
    assert (backlog.unreadable(), backlog.unsettled()) == (0, 7)
