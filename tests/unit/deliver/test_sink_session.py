"""A sink from its first batch to its last."""

from __future__ import annotations

import threading
from pathlib import Path

from sidecar.deliver.retry import DeliveryResult
from sidecar.deliver.sink_session import SinkSession
from sidecar.errors import RequestTooLarge, Retryable
from sidecar.model.batch import Batch, WriteResult
from sidecar.sinks.contract import Sink
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.testing import ScriptedSink, numbered
from tests.support.builders.files import ContextFixture


def session_of(folder: Path, sink: Sink) -> SinkSession:
    return SinkSession(ContextFixture().context, sink, Ledger(open_database(folder)), threading.Event())


class CountingSink(ScriptedSink):
    opened = closed = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1


def test_the_session_knows_how_many_records_the_sink_takes_in_one_request(tmp_path: Path) -> None:
    session = session_of(tmp_path, ScriptedSink([RequestTooLarge("413")]))
    assert session.learned_limit() is None
    session.deliver(numbered(8))
    assert session.learned_limit() == 4


def test_a_sink_is_opened_for_the_first_batch_alone(tmp_path: Path) -> None:
    sink = CountingSink()
    session = session_of(tmp_path, sink)
    assert sink.opened == 0
    session.deliver(numbered(1))
    session.deliver(numbered(1))
    assert sink.opened == 1


def test_a_sink_that_is_closed_takes_no_batch(tmp_path: Path) -> None:
    sink = CountingSink()
    session = session_of(tmp_path, sink)
    session.close()
    assert isinstance(session.deliver(numbered(1)), Retryable)
    assert (sink.opened, sink.closed, sink.sent) == (0, 1, [])


def test_a_sink_is_closed_when_the_last_write_returns(tmp_path: Path) -> None:
    class SlowSink(CountingSink):
        entered, may_return = threading.Event(), threading.Event()

        def write(self, batch: Batch) -> WriteResult:
            self.entered.set()
            self.may_return.wait(10)
            return super().write(batch)

    sink = SlowSink()
    session = session_of(tmp_path, sink)
    results: list[object] = []
    writing = threading.Thread(target=lambda: results.append(session.deliver(numbered(3))))
    writing.start()
    sink.entered.wait(10)
    session.close()
    closed_early = sink.closed
    sink.may_return.set()
    writing.join(10)
    assert (closed_early, sink.closed) == (0, 1)
    assert isinstance(results[0], DeliveryResult)
