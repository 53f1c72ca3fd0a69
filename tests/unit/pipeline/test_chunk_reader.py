"""The next chunk of the next file, and what becomes of a file that has none."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.deliver.batcher import Batcher, BatchLimits
from sidecar.deliver.sink_status import SinkStatus
from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.builder import build_stages
from sidecar.pipeline.chunk_reader import ChunkReader
from sidecar.pipeline.committer import Committer
from sidecar.pipeline.parking import Parking
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.pipeline.target_breakers import TargetBreakers
from sidecar.tail.cursor import Cursor
from tests.support.builders.files import FilesFixture

LIMITS = BatchLimits(records=10, bytes=64 * 1024, linger_s=0.1, concurrency=1)


class ReaderFixture(FilesFixture):
    """A reader of chunks over real files, with the real queue, committer, tracker and state."""

    def __init__(self, folder: Path, **pipeline: Any) -> None:
        super().__init__(folder)
        self.queue, self.batcher = ReadQueue(), Batcher(LIMITS)
        backlog = Backlog(self.queue)
        self.status = SinkStatus(self.context)
        parking = Parking(TargetBreakers(self.context, lambda targets: None))
        self.committer = Committer(
            self.context, self.queue, backlog, self.ledger, self.status, lambda file_id, file: None, parking
        )
        settings = PipelineSettings.model_validate({"paths": [str(folder / "*.log")], **pipeline})
        stages = build_stages(settings, self.clock, "host", {})
        self.reader = ChunkReader("db", stages, self.queue, backlog, self.committer, self.tracker)

    def track(self, name: str, data: bytes) -> Cursor:
        cursor = self.write(name, data)
        self.queue.add(cursor)
        self.queue.notify(cursor.file)
        return cursor

    def next_data(self) -> bytes | None:
        """Take in the next chunk as the shipper does, and return its bytes."""
        found = self.reader.next_chunk(self.batcher)
        if found is None:
            return None
        found.cursor.advance(found.chunk)
        return found.chunk.data


@pytest.fixture
def fixture(tmp_path: Path) -> ReaderFixture:
    return ReaderFixture(tmp_path)


def test_a_file_is_read_until_it_has_no_whole_line(fixture: ReaderFixture) -> None:
    fixture.track("a.log", b"one\ntwo\nunterminated")
    assert fixture.next_data() == b"one\ntwo\n"
    assert fixture.queue.has_ready
    assert fixture.next_data() is None
    assert fixture.queue.is_done


def test_files_take_turns(fixture: ReaderFixture) -> None:
    fixture.track("a.log", b"one\n" * 15)
    fixture.track("b.log", b"two\n")
    assert [fixture.next_data() for _ in range(3)] == [b"one\n" * 10, b"two\n", b"one\n" * 5]


def test_an_event_that_may_continue_is_read_again_when_it_is_due(tmp_path: Path) -> None:
    fixture = ReaderFixture(tmp_path, multiline={"start": "^x"})
    cursor = fixture.track("a.log", b"x event\n")
    assert fixture.next_data() is None
    assert not fixture.queue.is_done
    assert fixture.queue.due_at() == cursor.due


def test_a_file_that_has_ended_is_finished_without_reading(fixture: ReaderFixture) -> None:
    cursor = fixture.track("a.log", b"one\n")
    cursor.file.end("deleted")
    assert fixture.next_data() is None
    assert fixture.queue.get(cursor.file.generation.id) is None
    assert not fixture.committer.is_clean


def test_a_file_that_is_not_under_its_name_waits_for_the_next_scan(fixture: ReaderFixture) -> None:
    cursor = fixture.track("a.log", b"one\n")
    assert cursor.file.close_if_idle()
    (fixture.folder / "a.log").unlink()
    assert fixture.next_data() is None
    assert fixture.queue.is_done
    assert fixture.queue.get(cursor.file.generation.id)


def test_a_file_with_other_bytes_before_the_cursor_was_truncated(fixture: ReaderFixture) -> None:
    cursor = fixture.track("a.log", b"one\n")
    fixture.next_data()
    with (fixture.folder / "a.log").open("r+b") as file:
        file.write(b"new\nlonger\n")
    cursor.file.size = 11
    assert fixture.next_data() is None
    assert fixture.queue.has_ready
    assert cursor.file.ended == "truncated"


def test_a_state_that_cannot_be_written_blocks_and_the_file_is_read_again(fixture: ReaderFixture) -> None:
    fixture.track("a.log", b"one\n")
    fixture.next_data()
    fixture.write("a.log", b"two\n")
    fixture.store.close()
    assert fixture.next_data() is None
    assert fixture.status.snapshot().state == "blocked"
    assert fixture.queue.has_ready
