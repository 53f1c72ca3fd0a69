"""Requests to stop or to reload, made and waited for in one thread."""

from __future__ import annotations

from sidecar.app.signals import Request, StopRequests, Waker
from sidecar.testing import ManualClock


class TickingWaker(Waker):
    """Wakes without a reason after a second each time, and makes `request` at the time `at`."""

    def __init__(self, clock: ManualClock, at: float = float("inf")) -> None:
        super().__init__()
        self._clock, self._at = clock, at
        self.request: Request | None = None

    def wait(self, timeout_s: float) -> None:
        self._clock.advance(min(1.0, timeout_s))
        if self.request and self._clock.at >= self._at:
            self.request.set()


def test_a_wait_ends_at_its_time_however_often_it_is_woken() -> None:
    clock = ManualClock(0.0)
    assert not Request(TickingWaker(clock), clock).wait(2.5)
    assert clock.at == 2.5


def test_a_wait_ends_when_the_request_is_made() -> None:
    clock = ManualClock(0.0)
    waker = TickingWaker(clock, at=3.0)
    waker.request = Request(waker, clock)
    assert waker.request.wait(10.0)
    assert clock.at == 3.0
    waker.request.clear()
    assert not waker.request.is_set()


def test_only_the_first_reason_to_shut_down_counts() -> None:
    clock = ManualClock(5.0)
    requests = StopRequests(clock)
    requests.request_shutdown("no file has grown for 10 s")
    clock.advance(1.0)
    requests.request_shutdown("the application has ended")
    assert (requests.reason, requests.requested_at) == ("no file has grown for 10 s", 5.0)
    assert requests.shutdown.is_set()
    assert not requests.immediate.is_set()


def test_a_pipe_that_is_full_does_not_block_and_ends_the_next_wait() -> None:
    waker = Waker()
    for _ in range(100_000):
        waker.wake()
    waker.wait(60.0)
