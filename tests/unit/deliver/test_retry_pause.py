"""When a sink that failed is tried again."""

import pytest

from sidecar.deliver.backoff import Backoff, RetryPause
from sidecar.errors import Retryable

NEVER = float("-inf")
DOWN = Retryable("down")


@pytest.fixture
def pause() -> RetryPause:
    return RetryPause(Backoff(first_s=8.0, longest_s=64.0, chance=lambda: 1.0))


def test_there_is_no_pause_before_the_first_failure(pause: RetryPause) -> None:
    assert pause.ends_at == NEVER


def test_the_pause_grows_with_each_failure_in_a_row(pause: RetryPause) -> None:
    pause.start(DOWN, now=100.0, last_send_at=100.0)
    assert (pause.ends_at, pause.failures) == (108.0, 1)
    pause.start(DOWN, now=110.0, last_send_at=110.0)
    assert (pause.ends_at, pause.failures) == (126.0, 2)


def test_a_success_begins_again_at_the_first_step(pause: RetryPause) -> None:
    pause.start(DOWN, now=100.0, last_send_at=100.0)
    pause.reset()
    pause.start(DOWN, now=110.0, last_send_at=110.0)
    assert (pause.ends_at, pause.failures) == (118.0, 1)


def test_a_drain_ends_the_pause(pause: RetryPause) -> None:
    pause.start(DOWN, now=100.0, last_send_at=100.0)
    pause.drain(now=101.0, give_up_at=126.0)
    assert pause.ends_at == 101.0


def test_a_batch_in_flight_when_the_drain_begins_is_tried_again_at_once_and_just_before_the_end(
    pause: RetryPause,
) -> None:
    pause.drain(now=101.0, give_up_at=126.0)
    pause.start(DOWN, now=102.0, last_send_at=100.0)
    assert pause.ends_at == 101.0
    for _ in range(3):
        pause.start(DOWN, now=103.0, last_send_at=102.0)
    assert pause.ends_at == 124.0
    pause.start(DOWN, now=124.5, last_send_at=124.0)
    assert pause.ends_at == 124.5 + 64.0
