"""The sidecar's own log does not flood: the same is said a few times, and then how often it happened."""

from __future__ import annotations

import io
import json
from typing import Any

from sidecar.lib.crash import describe_crash
from sidecar.lib.rate_limit import MAX_EVENTS_PER_BURST, PERIOD_S
from sidecar.telemetry import events
from sidecar.telemetry.log import Log
from sidecar.testing import ManualClock

BALANCE = events.Balance("out", 1, 1, 0, 0, 0, 0, 0, 1, 0)


class Said:
    """A log, and what it has said since it was last asked."""

    def __init__(self, level: str = "info") -> None:
        self.clock, self._stream = ManualClock(), io.StringIO()
        self.log = Log(self.clock, level, self._stream)

    def new(self) -> list[dict[str, Any]]:
        lines = self._stream.getvalue().splitlines()
        self._stream.seek(0)
        self._stream.truncate()
        return [json.loads(line) for line in lines]


def test_of_one_cause_a_few_events_are_logged_and_then_their_number() -> None:
    said = Said()
    for number in range(MAX_EVENTS_PER_BURST + 4313):
        said.log.emit(events.FileRefused("app", f"/var/log/{number}", "not a regular file"))
    assert len(said.new()) == MAX_EVENTS_PER_BURST
    said.log.flush_suppressed()
    assert said.new() == []
    said.clock.advance(PERIOD_S)
    said.log.flush_suppressed()
    (last,) = said.new()
    assert last["path"] == f"/var/log/{MAX_EVENTS_PER_BURST + 4312}"
    assert last["more"] == 4312
    assert last["message"].endswith("(and 4,312 more)")


def test_other_causes_are_logged_meanwhile_and_the_first_one_again_later() -> None:
    said = Said()
    for _ in range(2 * MAX_EVENTS_PER_BURST):
        said.log.emit(events.SinkDown("app", "a", "refused"))
    said.log.emit(events.SinkDown("app", "b", "refused"))
    assert len(said.new()) == MAX_EVENTS_PER_BURST + 1
    said.clock.advance(PERIOD_S)
    said.log.emit(events.SinkDown("app", "a", "again"))
    assert [(event["sink"], event.get("more")) for event in said.new()] == [
        ("a", MAX_EVENTS_PER_BURST - 1),
        ("a", None),
    ]


def test_any_number_of_causes_is_logged_in_bounded_memory() -> None:
    said = Said()
    for number in range(1000):
        for _ in range(MAX_EVENTS_PER_BURST + 2):
            said.log.emit(events.SinkDown(f"pipeline {number}", "a", "refused"))
    said.log.close([])
    found = said.new()
    assert sum(1 + event.get("more", 0) for event in found) == 1000 * (MAX_EVENTS_PER_BURST + 2)


def test_the_last_event_is_logged_last() -> None:
    said = Said()
    for _ in range(MAX_EVENTS_PER_BURST + 2):
        said.log.emit(events.StateUnwritable("full"))
    said.new()
    said.log.close([BALANCE])
    said.log.emit(events.SinkUp("app", "late"))
    said.log.flush_suppressed()
    assert [(event["event"], event.get("more")) for event in said.new()] == [
        ("state_unwritable", 1), ("balance", None),
    ]  # fmt: skip


def test_debug_events_are_logged_all_or_not_at_all() -> None:
    for level, expected in (("debug", 50), ("info", 0)):
        said = Said(level)
        for number in range(50):
            said.log.emit(events.FileFollowed("app", f"/var/log/{number}", 0))
        assert len(said.new()) == expected


def test_an_unexpected_error_is_logged_without_its_message() -> None:
    try:
        json.loads("{secret of the application")
    except ValueError as error:
        told = describe_crash(error)
    assert told.startswith("JSONDecodeError at decoder.py:")
    assert "secret" not in told
