"""Which file is read next, and how far each is behind."""

from pathlib import Path

import pytest

from sidecar.pipeline.read_queue import ReadQueue
from tests.support.builders.files import FilesFixture, read


@pytest.fixture
def files(tmp_path: Path) -> FilesFixture:
    return FilesFixture(tmp_path)


@pytest.fixture
def queue() -> ReadQueue:
    return ReadQueue()


def test_files_are_read_in_the_order_of_their_growth_and_queued_once(files: FilesFixture, queue: ReadQueue) -> None:
    cursors = [files.write(name, name.encode() + b"\n") for name in ("a.log", "b.log")]
    for cursor in cursors:
        queue.add(cursor)
        queue.notify(cursor.file)
        queue.notify(cursor.file)
    assert [queue.next(), queue.next()] == cursors
    assert not queue.has_ready
    assert queue.is_done


def test_a_file_that_the_sink_does_not_need_is_not_queued(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.notify(cursor.file)
    assert not queue.has_ready
    assert queue.get(cursor.file.generation.id) is None


def test_a_deferred_file_is_read_again_at_its_time_and_delays_a_drain(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.defer(cursor, until=10.0)
    assert queue.due_at() == 10.0
    assert not queue.is_done
    queue.requeue_due(9.9)
    assert not queue.has_ready
    queue.requeue_due(10.0)
    assert queue.next() is cursor
    assert queue.due_at() == float("inf")


def test_reading_a_deferred_file_earlier_ends_the_wait(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.defer(cursor, until=10.0)
    queue.notify(cursor.file)
    queue.next()
    assert queue.due_at() == float("inf")


def test_growth_does_not_shorten_the_pause_after_a_failed_read(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=10.0)
    queue.notify(cursor.file)
    assert not queue.has_ready
    assert queue.is_done
    assert queue.has_failed(cursor)
    queue.requeue_due(10.0)
    assert queue.has_ready


def test_the_end_of_a_file_shortens_the_pause_after_a_failed_read(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=10.0)
    cursor.file.end("deleted")
    queue.notify(cursor.file)
    assert queue.has_ready


def test_a_drain_reads_every_file_again_whose_last_read_failed(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=1e9)
    queue.retry_all()
    assert queue.next() is cursor
    assert not queue.has_failed(cursor)


def test_after_a_failure_every_file_is_read_again_from_its_checkpoint(files: FilesFixture, queue: ReadQueue) -> None:
    cursors = [files.write(name, name.encode() + b"\n") for name in ("a.log", "b.log")]
    for cursor in cursors:
        queue.add(cursor)
        read(cursor, 6)
    queue.rewind_all()
    assert [queue.next(), queue.next()] == cursors
    assert [cursor.offset for cursor in cursors] == [0, 0]
    assert not any(cursor.spans for cursor in cursors)


def test_only_files_that_have_ended_are_rewound_at_the_end(files: FilesFixture, queue: ReadQueue) -> None:
    ended, other = files.write("a.log", b"a line\n"), files.write("b.log", b"b line\n")
    for cursor in (ended, other):
        queue.add(cursor)
        read(cursor, 7)
    ended.file.end("deleted")
    assert queue.rewind_ended() == [ended]
    assert (ended.offset, other.offset) == (0, 7)


def test_compressed_files_are_read_one_after_the_other_between_plain_ones(
    files: FilesFixture, queue: ReadQueue
) -> None:
    cursors = {name: files.write(name, name.encode() + b"\n") for name in ("a.log", "b.log", "c.log", "d.log")}
    for name in ("c.log", "d.log"):
        cursors[name].file.is_compressed = True
    for cursor in cursors.values():
        queue.add(cursor)
        queue.notify(cursor.file)
    order = []
    for _ in range(8):
        cursor = queue.next()
        order.append(Path(cursor.file.name).stem)
        queue.enqueue(cursor, is_being_read=True)
    assert order == ["a", "c", "b", "c", "a", "c", "b", "c"]
