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
        queue.notify(cursor.life)
        queue.notify(cursor.life)
    assert [queue.next(), queue.next()] == cursors
    assert not queue.has_ready
    assert queue.is_done


def test_a_file_that_the_sink_does_not_need_is_not_queued(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.mark_behind(cursor.life)
    queue.notify(cursor.life)
    assert not queue.has_ready
    assert queue.get(cursor.life.generation.id) is None


def test_a_file_that_was_removed_counts_no_more(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    assert cursor.life.generation.id in queue
    assert queue.unsettled() == 7
    queue.remove(cursor)
    assert cursor.life.generation.id not in queue
    assert queue.unsettled() == 0


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
    queue.notify(cursor.life)
    queue.next()
    assert queue.due_at() == float("inf")


def test_growth_does_not_shorten_the_pause_after_a_failed_read(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=10.0)
    queue.notify(cursor.life)
    assert not queue.has_ready
    assert queue.is_done
    assert queue.unreadable() == 7
    queue.requeue_due(10.0)
    assert queue.has_ready


def test_the_end_of_a_file_shortens_the_pause_after_a_failed_read(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=10.0)
    cursor.life.end("deleted")
    queue.notify(cursor.life)
    assert queue.has_ready


def test_a_drain_reads_every_file_again_whose_last_read_failed(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    queue.retry(cursor, at=1e9)
    queue.retry_all()
    assert queue.next() is cursor
    assert queue.unreadable() == 0


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
    ended.life.end("deleted")
    assert queue.rewind_ended() == [ended]
    assert (ended.offset, other.offset) == (0, 7)


def test_an_unterminated_line_is_unsettled_and_no_lag(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"not a whole line")
    queue.add(cursor)
    assert queue.unsettled() == 16
    assert queue.lag(files.clock.monotonic()) == (0, 0.0)
    assert queue.pending(None) == {}


def test_lag_counts_what_can_be_delivered_and_how_long_ago_it_was_seen(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    read(cursor, 7)
    assert queue.lag(files.clock.monotonic() + 3.0) == (7, 3.0)


def test_pending_asks_for_no_more_than_was_there_before(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    file_id = cursor.life.generation.id
    queue.add(cursor)
    queue.notify(cursor.life)
    before = queue.pending(None)
    assert before == {file_id: 7}
    files.write("a.log", b"one more\n")
    assert queue.pending(before) == {file_id: 7}
    assert queue.pending(None) == {file_id: 16}
    assert queue.pending({}) == {}


def test_progress_is_what_is_settled_of_what_was_seen(files: FilesFixture, queue: ReadQueue) -> None:
    for name in ("a.log", "b.log"):
        queue.add(files.write(name, name.encode() + b"\n"))
    assert queue.progress() == (0, 12)


def test_a_settled_file_is_unsettled_again_when_it_grows(files: FilesFixture, queue: ReadQueue) -> None:
    cursor = files.write("a.log", b"a line\n")
    queue.add(cursor)
    cursor.passed([read(cursor, 7)])
    queue.refresh_behind(cursor)
    files.write("a.log", b"one more\n")
    assert queue.unsettled() == 0
    queue.mark_behind(cursor.life)
    assert queue.unsettled() == 9
