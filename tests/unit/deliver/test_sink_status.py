"""The status of one sink: states, and which changes are reported."""

import pytest

from sidecar.deliver.sink_status import MAX_INTERRUPTION_S, SinkStatus
from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable, StateError
from sidecar.telemetry.condition import is_down
from tests.support.builders.files import ContextFixture


@pytest.fixture
def fixture() -> ContextFixture:
    return ContextFixture()


@pytest.fixture
def status(fixture: ContextFixture) -> SinkStatus:
    return SinkStatus(fixture.context)


def test_a_new_sink_is_neither_up_nor_down(status: SinkStatus) -> None:
    assert status.snapshot().state == "new"
    assert not is_down(status.snapshot().state)


def test_a_sink_is_reported_down_once_for_each_error(fixture: ContextFixture, status: SinkStatus) -> None:
    for message in ("refused", "refused", "timed out"):
        fixture.clock.advance(1.0)
        status.report_down(Retryable(message))
    assert fixture.event_names() == ["SinkDown", "SinkDown"]
    assert (status.snapshot().state, status.snapshot().since) == ("retrying", 1_003.0)
    assert is_down(status.snapshot().state)


def test_the_error_names_where_it_happened(status: SinkStatus) -> None:
    status.report_down(Retryable("refused", location="http://db:9200"))
    assert status.snapshot().error == "http://db:9200: refused"


def test_a_configuration_error_has_its_own_state_and_event(fixture: ContextFixture, status: SinkStatus) -> None:
    status.report_down(Misconfigured("401"))
    assert fixture.event_names() == ["SinkMisconfigured"]
    assert status.snapshot().state == "misconfigured"


def test_recovery_is_reported_once(fixture: ContextFixture, status: SinkStatus) -> None:
    status.report_down(Retryable("refused"))
    status.report_up()
    status.report_up()
    assert fixture.event_names() == ["SinkDown", "SinkUp"]
    assert (status.snapshot().state, status.snapshot().error) == ("up", "")
    assert not is_down(status.snapshot().state)


def test_the_first_success_is_reported_too(fixture: ContextFixture, status: SinkStatus) -> None:
    status.report_up()
    assert fixture.event_names() == ["SinkUp"]


def test_the_same_error_after_a_recovery_is_reported_again(fixture: ContextFixture, status: SinkStatus) -> None:
    status.report_down(Retryable("refused"))
    status.report_up()
    status.report_down(Retryable("refused"))
    assert fixture.event_names() == ["SinkDown", "SinkUp", "SinkDown"]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Retryable("refused"), "unavailable"),
        (RequestTooLarge("413"), "too_large"),
        (Misconfigured("401"), "misconfigured"),
    ],
)
def test_failed_attempts_are_counted_by_class(
    fixture: ContextFixture, status: SinkStatus, error: DeliveryError, name: str
) -> None:
    status.count_failure(error)
    status.count_failure(error)
    assert fixture.counters.faults == {name: 2}
    assert status.snapshot().error_class == name


def test_the_class_of_the_last_error_remains_after_a_recovery(status: SinkStatus) -> None:
    status.count_failure(Retryable("refused"))
    status.report_up()
    assert status.snapshot().error_class == "unavailable"


def test_a_blocked_state_hides_the_state_of_the_sink_until_it_is_unblocked(
    fixture: ContextFixture, status: SinkStatus
) -> None:
    status.report_up()
    fixture.clock.advance(1.0)
    status.block(StateError("disk full"))
    fixture.clock.advance(1.0)
    status.block(StateError("disk full"))
    blocked = status.snapshot()
    assert (blocked.state, blocked.since, blocked.error) == ("blocked", 1_001.0, "disk full")
    assert fixture.event_names() == ["SinkUp", "StateUnwritable"]
    status.unblock()
    assert status.snapshot().state == "up"


def test_diverted_documents_are_counted_always_and_reported_once_a_day(
    fixture: ContextFixture, status: SinkStatus
) -> None:
    status.count_diverted(0)
    fixture.clock.at = 90_000.0
    status.count_diverted(2)
    status.count_diverted(3)
    fixture.clock.advance(86_400.0)
    status.count_diverted(1)
    assert fixture.counters.diverted == 6
    assert fixture.event_names() == ["TooManyTargets", "TooManyTargets"]


def test_an_election_is_reported_as_an_interruption_and_not_as_a_failure(
    fixture: ContextFixture, status: SinkStatus
) -> None:
    status.report_up()
    for _ in range(3):
        fixture.clock.advance(1.0)
        status.report_down(Retryable("no primary", is_brief=True))
    assert not is_down(status.snapshot().state)
    assert status.snapshot().state == "interrupted"
    status.report_up()
    assert fixture.event_names() == ["SinkUp", "SinkInterrupted", "SinkUp"]


def test_an_interruption_that_does_not_end_is_a_failure(fixture: ContextFixture, status: SinkStatus) -> None:
    status.report_down(Retryable("no primary", is_brief=True))
    fixture.clock.advance(MAX_INTERRUPTION_S)
    status.report_down(Retryable("no primary", is_brief=True))
    assert fixture.event_names() == ["SinkInterrupted", "SinkDown"]
    assert is_down(status.snapshot().state)
