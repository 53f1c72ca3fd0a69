"""What is made durable, when, and what is reported after that."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from sidecar.deliver.sink_status import SinkStatus
from sidecar.errors import StateError
from sidecar.model.checkpoint import ORIGIN
from sidecar.model.dead_letter import DeadLetter
from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.committer import COMMIT_EVERY_S, QUIET_COMMIT_EVERY_S, Committer
from sidecar.pipeline.parking import Parking
from sidecar.pipeline.read_queue import ReadQueue
from sidecar.pipeline.target_breakers import TargetBreakers
from sidecar.tail.cursor import Cursor
from sidecar.tail.tracked_file import FilePhase, TrackedFile
from tests.support.builders.files import FilesFixture, read, settle


class CommitterFixture(FilesFixture):
    """A committer over real files and a real state, and the files that it reported as finished."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.queue = ReadQueue()
        self.backlog = Backlog(self.queue)
        self.status = SinkStatus(self.context)
        self.finished: list[int] = []
        self.finish_error: StateError | None = None
        self.parking = Parking(TargetBreakers(self.context, lambda targets: None))
        self.committer = Committer(
            self.context, self.queue, self.backlog, self.ledger, self.status, self._on_finished, self.parking
        )

    def _on_finished(self, file_id: int, file: TrackedFile | None) -> None:
        if self.finish_error:
            raise self.finish_error
        self.finished.append(file_id)

    def track(self, name: str, data: bytes) -> Cursor:
        cursor = self.write(name, data)
        self.queue.add(cursor)
        self.backlog.mark(cursor.file)
        return cursor

    def settle_all(self, cursor: Cursor) -> None:
        settle(read(cursor, cursor.file.size - cursor.offset))
        self.committer.add_settled([cursor.file.generation.id])

    def stored_offset(self) -> int:
        (known,) = self.ledger.unfinished("app")
        return known.checkpoints["db"].offset if known.checkpoints else 0

    def bytes_by_outcome(self) -> dict[str, int]:
        return dict(self.ledger.balance()["db"].bytes_)


@pytest.fixture
def fixture(tmp_path: Path) -> CommitterFixture:
    return CommitterFixture(tmp_path)


def test_nothing_to_commit_is_durable(fixture: CommitterFixture) -> None:
    assert fixture.committer.is_clean
    assert fixture.committer.commit()
    assert fixture.committer.due_at(fixture.clock.monotonic()) == float("inf")


def test_a_commit_is_due_a_second_after_the_last_one(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    began = fixture.clock.monotonic()
    fixture.settle_all(cursor)
    assert fixture.committer.due_at(began) == began + COMMIT_EVERY_S
    assert not fixture.committer.commit()
    assert fixture.stored_offset() == 0
    fixture.clock.advance(COMMIT_EVERY_S)
    assert fixture.committer.commit()
    assert fixture.stored_offset() == 7
    assert fixture.committer.is_clean


def test_a_commit_with_nothing_in_flight_is_a_little_early(fixture: CommitterFixture) -> None:
    """So that a line a second needs no second wake-up for its commit."""
    cursor = fixture.track("a.log", b"a line\n")
    fixture.settle_all(cursor)
    fixture.clock.advance(QUIET_COMMIT_EVERY_S)
    assert not fixture.committer.commit()
    assert fixture.committer.commit(is_quiet=True)
    assert fixture.stored_offset() == 7


def test_a_forced_commit_does_not_wait(fixture: CommitterFixture) -> None:
    fixture.settle_all(fixture.track("a.log", b"a line\n"))
    assert fixture.committer.commit(force=True)
    assert fixture.stored_offset() == 7


def test_only_the_settled_prefix_without_a_gap_is_committed(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"one\ntwo\nsix\n")
    spans = [read(cursor, 4) for _ in range(3)]
    for span in (spans[0], spans[2]):
        settle(span)
    fixture.committer.add_settled([cursor.file.generation.id])
    fixture.committer.commit(force=True)
    assert fixture.stored_offset() == cursor.settled.offset == 4
    settle(spans[1])
    fixture.committer.add_settled([cursor.file.generation.id])
    fixture.committer.commit(force=True)
    assert fixture.stored_offset() == cursor.settled.offset == 12


def test_counters_and_the_file_know_what_is_durable(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    fixture.settle_all(cursor)
    assert fixture.backlog.unsettled() == 7
    fixture.committer.commit(force=True)
    assert fixture.counters.bytes == {"stored": 7}
    assert cursor.file.settled["db"] == cursor.settled
    assert fixture.backlog.unsettled() == 0


def test_dead_letters_are_written_with_the_checkpoint_and_counted(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    span = read(cursor, 7)
    span.settled = True
    span.amounts.add("dead_letter", 7, 1)
    file = cursor.file.generation
    letter = DeadLetter("app", "db", file.id, "a.log", 0, 7, "id-0", "logs", "{}", "", 400, "mapping", "no", 0.0, 1)
    span.dead_letters.append(letter)
    fixture.committer.add_settled([file.id])
    fixture.committer.commit(force=True)
    assert fixture.counters.refusals == {"mapping": 1}
    assert fixture.bytes_by_outcome() == {"dead_letter": 7}


def test_the_position_of_a_sink_is_committed_with_the_checkpoints(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    settle(read(cursor, 7))
    fixture.committer.add_settled([cursor.file.generation.id], "at 7")
    fixture.committer.add_settled([cursor.file.generation.id], None)
    fixture.committer.commit(force=True)
    assert fixture.ledger.resume_token("app", "db") == "at 7"


def test_a_state_that_cannot_be_written_blocks_and_is_tried_again(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    fixture.settle_all(cursor)
    fixture.store.close()
    assert not fixture.committer.commit(force=True)
    assert fixture.event_names()[-1] == "StateUnwritable"
    assert fixture.status.snapshot().state == "blocked"
    assert not fixture.committer.is_available(fixture.clock.monotonic() + 1e6)
    assert not fixture.committer.is_clean
    assert cursor.settled.offset == 0


def test_a_pause_of_the_state_ends_by_itself_or_with_a_drain(fixture: CommitterFixture) -> None:
    now = fixture.clock.monotonic()
    fixture.committer.block(StateError("disk full"))
    assert not fixture.committer.is_available(now)
    assert fixture.committer.due_at(now) == now + COMMIT_EVERY_S
    assert fixture.committer.is_available(now + COMMIT_EVERY_S)
    fixture.committer.end_pause()
    assert fixture.committer.is_available(now)


def test_a_finished_file_is_reported_once_everything_before_is_durable(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    fixture.settle_all(cursor)
    cursor.file.enter(FilePhase.QUIET)
    fixture.committer.complete(cursor)
    assert fixture.queue.get(cursor.file.generation.id)
    fixture.committer.commit(force=True)
    assert fixture.finished == [cursor.file.generation.id]
    assert fixture.queue.get(cursor.file.generation.id) is None


def test_what_cannot_be_read_any_more_is_committed_as_lost_before_it_is_reported(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    cursor.file.seen = cursor.file.size
    cursor.file.end("deleted")
    fixture.committer.complete(cursor)
    assert fixture.event_names()[-1] == "BytesLost"
    assert fixture.finished == []
    fixture.committer.commit(force=True)
    assert fixture.finished == [cursor.file.generation.id]
    assert fixture.bytes_by_outcome() == {"lost:deleted": 7}


def test_a_file_that_ends_with_its_last_commit_needs_one_more(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"one\ntwo\n")
    settle(read(cursor, 4))
    fixture.committer.add_settled([cursor.file.generation.id])
    cursor.file.seen = cursor.file.size
    cursor.file.end("deleted")
    assert fixture.committer.commit(force=True)
    assert fixture.finished == []
    assert not fixture.committer.is_clean
    assert fixture.committer.commit(force=True)
    assert fixture.finished == [cursor.file.generation.id]
    assert fixture.bytes_by_outcome() == {"stored": 4, "lost:deleted": 4}


def test_a_report_that_fails_is_made_again(fixture: CommitterFixture) -> None:
    fixture.finish_error = StateError("disk full")
    fixture.committer.finish(35, None)
    assert not fixture.committer.commit(force=True)
    assert fixture.status.snapshot().state == "blocked"
    fixture.finish_error = None
    assert fixture.committer.commit(force=True)
    assert fixture.finished == [35]
    assert fixture.status.snapshot().state == "new"


def test_a_file_that_was_lost_while_the_sidecar_was_down_is_counted(fixture: CommitterFixture) -> None:
    cursor = fixture.write("a.log", b"a line\n")
    known = cursor.file.to_known_file()
    fixture.committer.add_lost(known, "deleted")
    fixture.committer.commit(force=True)
    assert fixture.bytes_by_outcome() == {"lost:deleted": known.seen}
    assert fixture.finished == [cursor.file.generation.id]


def test_a_sink_that_is_added_later_loses_nothing_of_what_was_gone_before(fixture: CommitterFixture) -> None:
    known = fixture.write("a.log", b"a line\n").file.to_known_file()
    before = replace(known, checkpoints={"another": known.checkpoints["db"]})
    fixture.committer.add_lost(before, "deleted")
    assert fixture.committer.commit(force=True)
    assert "db" not in fixture.ledger.balance()
    assert fixture.finished == [known.generation.id]


def test_a_sink_is_known_to_need_a_file_before_it_had_anything_of_it(fixture: CommitterFixture) -> None:
    cursor = fixture.track("a.log", b"a line\n")
    fixture.committer.add_start(cursor.file)
    fixture.committer.commit(force=True)
    (known,) = fixture.ledger.unfinished("app")
    assert known.checkpoints == {"db": ORIGIN}
