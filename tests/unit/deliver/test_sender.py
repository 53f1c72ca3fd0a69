"""Batches on their way to one sink, without threads: tasks run when the test says so."""

import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from sidecar.deliver.batcher import BatchLimits, BatchPart
from sidecar.deliver.delivery_threads import Task
from sidecar.deliver.retry import DeliveryResult
from sidecar.deliver.sender import READ_PAUSE_AFTER_SEND_S, Sender
from sidecar.deliver.sink_session import SinkSession
from sidecar.deliver.sink_status import SinkStatus
from sidecar.errors import Misconfigured, Retryable, StateError
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.lines import RecordRanges
from sidecar.model.span import PendingSpan
from sidecar.sinks.contract import Sink
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.telemetry.condition import is_down
from sidecar.testing import ManualClock, ScriptedSink, numbered, rejected, retry, stored
from tests.support.builders.files import ContextFixture

LIMITS = BatchLimits(records=10_000, bytes=1 << 20, linger_s=0.1, concurrency=2)


class SenderFixture(ContextFixture):
    """A sender whose worker threads and whose inbox are lists of tasks."""

    def __init__(self, folder: Path, sink: Sink, limits: BatchLimits = LIMITS) -> None:
        super().__init__()
        self.store = open_database(folder)
        self.ledger = Ledger(self.store)
        self.status = SinkStatus(self.context)
        self.working: list[Task] = []
        self.inbox: list[Task] = []
        self.delivered: list[DeliveryResult] = []
        self.session = SinkSession(self.context, sink, self.ledger, threading.Event())
        self.sender = Sender(
            self.context, self.session, limits, self.status, self.inbox.append, self._on_delivered,
            self.working.append,
        )  # fmt: skip

    def _on_delivered(self, parts: Sequence[BatchPart], batch: Batch, result: DeliveryResult) -> None:
        self.delivered.append(result)

    def work(self) -> None:
        """Run what worker threads would do, and take in their results."""
        for tasks in (self.working, self.inbox):
            while tasks:
                tasks.pop(0)()

    def send(self) -> None:
        self.sender.send(parts_of(3))
        self.work()

    def fail(self) -> None:
        self.send()
        assert self.sender.report_failure()
        self.sender.back_off()


def parts_of(records: int) -> list[BatchPart]:
    return [BatchPart(numbered(records).parts[0], RecordRanges([], [], 300), PendingSpan(0, 300, b""), 300)]


def test_a_batch_is_in_flight_until_its_result_is_taken_in(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink())
    fixture.sender.send(parts_of(3))
    assert (fixture.sender.in_flight, fixture.sender.in_flight_bytes) == (1, 300)
    was_idle = fixture.sender.is_idle
    fixture.working.pop()()
    assert fixture.sender.in_flight == 1
    fixture.work()
    assert (fixture.sender.in_flight, fixture.sender.in_flight_bytes) == (0, 0)
    assert (was_idle, fixture.sender.is_idle) == (False, True)
    assert len(fixture.delivered) == 1


def test_only_so_many_batches_are_in_flight_as_the_sink_allows(tmp_path: Path) -> None:
    sender = SenderFixture(tmp_path, ScriptedSink()).sender
    sender.send(parts_of(1))
    assert sender.has_slot(1_000)
    sender.send(parts_of(1))
    assert not sender.has_slot(1_000)


class LateSink(ScriptedSink):
    """Stores everything, half a second late."""

    clock: ManualClock

    def write(self, batch: Batch) -> WriteResult:
        self.clock.advance(0.5)
        return super().write(batch)


@pytest.mark.parametrize(("room", "expected"), [(20, 16), (12, 12), (6, 6), (1, 2)])
def test_as_many_batches_are_in_flight_to_a_late_sink_as_their_documents_fit_into_the_memory(
    tmp_path: Path, room: int, expected: int
) -> None:
    parts = parts_of(10)
    held_bytes = sum(part.held_bytes for part in parts)
    limits = msgspec.structs.replace(LIMITS, max_concurrency=16, in_flight_bytes=room * held_bytes)
    sink = LateSink()
    fixture = SenderFixture(tmp_path, sink, limits)
    sink.clock = fixture.clock
    for _ in range(20):
        while fixture.sender.has_slot(held_bytes):
            fixture.sender.send(parts)
        in_flight = fixture.sender.in_flight
        fixture.work()
    assert in_flight == expected


def test_reading_pauses_shortly_after_a_batch_was_sent(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink())
    now = fixture.clock.monotonic()
    assert fixture.sender.read_pause(now) == 0
    fixture.sender.send(parts_of(1))
    assert fixture.sender.read_pause(now) == pytest.approx(READ_PAUSE_AFTER_SEND_S)
    assert fixture.sender.read_pause(now + 1) == 0
    fixture.work()
    assert fixture.sender.read_pause(now) == 0


def test_a_delivery_is_counted_and_the_sink_reported_up(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink())
    fixture.clock.advance(5.0)
    fixture.send()
    assert fixture.event_names() == ["SinkUp"]
    assert fixture.sender.delivered_at == fixture.clock.monotonic()
    assert (sum(fixture.counters.latency.counts), fixture.counters.documents.sum) == (1, 3)


def test_rejected_documents_are_reported_with_an_example(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([[stored, rejected, stored]]))
    fixture.send()
    assert set(fixture.delivered[0].rejected) == {1}
    assert fixture.event_names() == ["SinkUp", "Rejected"]


def test_after_a_failure_nothing_is_sent_until_the_pause_is_over(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([Retryable("down", retry_after=10.0)]))
    fixture.send()
    assert not fixture.delivered
    was_idle = fixture.sender.is_idle
    assert not fixture.sender.is_available(fixture.clock.monotonic())
    assert fixture.sender.report_failure()
    assert is_down(fixture.status.snapshot().state)
    fixture.sender.back_off()
    assert (was_idle, fixture.sender.is_idle) == (False, True)
    assert not fixture.sender.is_available(fixture.clock.monotonic() + 9.9)
    assert fixture.sender.is_available(fixture.clock.monotonic() + 11.1)
    assert fixture.counters.retries == 1
    assert fixture.counters.faults == {"unavailable": 1}


def test_a_failure_waits_for_the_other_batches_in_flight(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([Retryable("down")]))
    fixture.sender.send(parts_of(1))
    fixture.sender.send(parts_of(1))
    fixture.working.pop(0)()
    fixture.inbox.pop(0)()
    assert not fixture.sender.report_failure()
    fixture.work()
    assert fixture.sender.report_failure()


def test_the_first_of_several_failures_is_reported(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([Misconfigured("401"), Retryable("down")]))
    fixture.sender.send(parts_of(1))
    fixture.sender.send(parts_of(1))
    fixture.work()
    fixture.sender.report_failure()
    assert fixture.status.snapshot().error == "401"


def test_a_sink_that_was_down_gets_one_batch_at_a_time_until_it_takes_one(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([Retryable("down")]))
    fixture.fail()
    fixture.sender.send(parts_of(1))
    assert not fixture.sender.has_slot(1_000)
    fixture.work()
    fixture.sender.send(parts_of(1))
    assert fixture.sender.has_slot(1_000)


class Marker:
    """Lives as long as the frame of a failed write."""


class MarkingSink(ScriptedSink):
    alive: weakref.ref[Marker]

    def write(self, batch: Batch) -> WriteResult:
        marker = Marker()
        self.alive = weakref.ref(marker)
        raise Retryable("down")


def test_a_failed_batch_is_not_kept_in_memory(tmp_path: Path) -> None:
    sink = MarkingSink()
    SenderFixture(tmp_path, sink).fail()
    assert sink.alive() is None


def test_an_error_that_is_not_the_sinks_contract_is_retried_too(tmp_path: Path) -> None:
    class BrokenSink(ScriptedSink):
        def open(self) -> None:
            raise ZeroDivisionError

    fixture = SenderFixture(tmp_path, BrokenSink())
    fixture.send()
    fixture.sender.report_failure()
    assert fixture.status.snapshot().error.startswith("ZeroDivisionError at test_sender.py:")


def test_a_state_that_fails_while_the_sink_is_opened_is_retried_too(tmp_path: Path) -> None:
    class StatefulSink(ScriptedSink):
        def open(self) -> None:
            raise StateError("disk full")

    fixture = SenderFixture(tmp_path, StatefulSink())
    fixture.send()
    fixture.sender.report_failure()
    assert fixture.status.snapshot().error == "disk full"


class PositionedSink(ScriptedSink):
    """Keeps its own position, as a file does."""

    def __init__(self, *failures: Retryable) -> None:
        super().__init__(list(failures))
        self.resumed: list[str | None] = []

    def resume(self, receipt: str | None) -> None:
        self.resumed.append(receipt)

    def resume_token(self) -> str:
        return f"opened {len(self.resumed)}"


def test_a_sink_with_a_position_is_resumed_once_and_again_after_a_failure(tmp_path: Path) -> None:
    sink = PositionedSink(Retryable("down"))
    fixture = SenderFixture(tmp_path, sink)
    fixture.fail()
    fixture.send()
    fixture.send()
    assert sink.resumed == [None, "opened 1"]
    assert fixture.ledger.resume_token("app", "db") == "opened 2"


def test_a_drain_tries_a_sink_that_failed_at_once(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([Retryable("down", retry_after=10.0)]))
    fixture.fail()
    now = fixture.clock.monotonic()
    assert fixture.sender.due_at(now) >= now + 10.0
    fixture.sender.drain(now + 25.0)
    assert fixture.sender.is_available(now)
    assert fixture.sender.due_at(now) == float("inf")


class RenewedSink(ScriptedSink):
    """Has a secret in a file."""

    has_new_secret = False

    def has_changed_files(self) -> bool:
        return self.has_new_secret


def test_a_changed_secret_ends_the_pause_after_a_failure(tmp_path: Path) -> None:
    sink = RenewedSink([Misconfigured("401")])
    fixture = SenderFixture(tmp_path, sink)
    fixture.fail()
    now = fixture.clock.monotonic()
    fixture.sender.end_pause_if_files_changed()
    was_available = fixture.sender.is_available(now)
    sink.has_new_secret = True
    fixture.sender.end_pause_if_files_changed()
    assert (was_available, fixture.sender.is_available(now)) == (False, True)


def test_a_part_of_a_batch_that_is_stored_is_settled_although_the_sink_fails_after_that(tmp_path: Path) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([[stored, retry, retry], Retryable("down", retry_after=10.0)]))
    fixture.send()
    (delivered,) = fixture.delivered
    assert sorted(delivered.postponed) == [1, 2]
    assert fixture.sender.report_failure()
    fixture.sender.back_off()
    assert not fixture.sender.is_available(fixture.clock.monotonic())


@pytest.mark.parametrize(("parked_for", "is_failure"), [(("", ""), False), (("", None), True)])
def test_refused_records_that_waited_before_are_no_failure_of_the_sink_unless_new_ones_are_refused_too(
    tmp_path: Path, parked_for: tuple[str | None, ...], is_failure: bool
) -> None:
    fixture = SenderFixture(tmp_path, ScriptedSink([[retry, retry]]))
    parts = [part for _ in parked_for for part in parts_of(1)]
    for part, target in zip(parts, parked_for, strict=True):
        part.span.parked_for = target
    fixture.sender.send(parts)
    fixture.work()
    assert fixture.sender.report_failure() == is_failure
