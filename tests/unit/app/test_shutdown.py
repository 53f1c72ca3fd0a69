"""How long a shutdown waits, and for what; by a clock that the waiting itself moves."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sidecar.app.shutdown import Shutdown
from sidecar.app.signals import StopRequests, Waker
from sidecar.app.supervisor import RunOptions
from sidecar.kubernetes.exit_rules import NoExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.telemetry.events import Draining, Event, Waiting
from sidecar.testing import ManualClock

CLASSIC, NATIVE = Pod(mode="classic", grace_s=30.0), Pod(mode="native", grace_s=30.0)
FOR_EVER = float("inf")


class ClockWaker(Waker):
    """A waker whose waits take no time but move the clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout_s: float) -> None:
        self._clock.advance(timeout_s)


@dataclass
class Scripted:
    """Pipelines that write, decide and deliver until the given times, and note the steps that are asked of them."""

    clock: ManualClock
    writes_until: float = 0.0
    undecided_until: float = 0.0
    compares_until: float = 0.0
    delivers_until: float = 0.0
    fails_at: float = FOR_EVER
    steps: list[str] = field(default_factory=list)
    scans: int = 0
    give_up_at: float = 0.0

    def has_failed(self) -> bool:
        return self.clock.at >= self.fails_at

    def grown_at(self) -> float | None:
        return min(self.clock.at, self.writes_until)

    def stop_watching(self) -> None:
        self.steps.append("stop watching")

    def scan(self) -> None:
        self.scans += 1

    def has_undecided_files(self) -> bool:
        return self.clock.at < self.undecided_until

    def is_comparing(self) -> bool:
        return self.clock.at < self.compares_until

    def finish_files(self) -> None:
        self.steps.append("finish files")

    def drain(self, give_up_at: float) -> None:
        self.steps.append("drain")
        self.give_up_at = give_up_at

    def is_draining(self) -> bool:
        return self.clock.at < self.delivers_until

    def delivered_at(self) -> float:
        return min(self.clock.at, self.delivers_until)

    def show_progress(self) -> None:
        pass

    def stop(self) -> None:
        self.steps.append("stop")


class Setting:
    """One shutdown at the time 0, with everything around it."""

    def __init__(self, pod: Pod = Pod(), *, once: bool = False, by_signal: bool = True) -> None:  # noqa: B008
        self.clock = ManualClock(0.0)
        self.requests = StopRequests(self.clock, ClockWaker(self.clock))
        self.pipelines = Scripted(self.clock)
        self.emitted: list[Event] = []
        self.shutdown = Shutdown(self.requests, RunOptions(NoExitRule(), pod, once), self.clock, self.emitted.append)
        self.requests.is_from_signal = by_signal

    def run(self, timeout_s: float | None = None) -> float:
        """Shut down; returns the seconds that it took."""
        self.shutdown.run(self.pipelines, timeout_s)
        return self.clock.at


def test_the_steps_come_in_order() -> None:
    here = Setting()
    here.requests.request_shutdown("enough")
    assert here.run() == 0.0
    assert here.pipelines.steps == ["stop watching", "finish files", "drain", "stop"]
    (draining,) = here.emitted
    assert isinstance(draining, Draining)
    assert (draining.reason, draining.timeout_s) == ("enough", 25.0)


@pytest.mark.parametrize(("pod", "timeout_s", "expected"), [
    (Pod(), None, 25.0), (Pod(grace_s=60.0), None, 58.0), (Pod(grace_s=60.0), 7.0, 7.0),
])  # fmt: skip
def test_the_deadline_is_that_of_the_settings_or_of_the_pod(
    pod: Pod, timeout_s: float | None, expected: float
) -> None:
    here = Setting(pod)
    here.requests.request_shutdown("enough")
    here.pipelines.delivers_until = FOR_EVER
    assert here.run(timeout_s) == pytest.approx(expected, abs=0.1)
    assert here.pipelines.give_up_at == pytest.approx(expected, abs=0.1)
    assert here.pipelines.steps[-1] == "stop"


def test_a_classic_sidecar_waits_until_the_application_is_idle() -> None:
    here = Setting(CLASSIC)
    here.requests.request_shutdown("SIGTERM")
    here.pipelines.writes_until = 6.0
    assert here.run() == pytest.approx(11.0, abs=0.2)
    assert isinstance(here.emitted[0], Waiting)


def test_an_application_that_never_becomes_idle_leaves_time_to_deliver() -> None:
    here = Setting(CLASSIC)
    here.requests.request_shutdown("SIGTERM")
    here.pipelines.writes_until = FOR_EVER
    assert here.run() == pytest.approx(26.0, abs=0.2), "28 s by the Pod, 2 s of them for the delivery"


def test_a_native_sidecar_waits_for_a_moment_only() -> None:
    here = Setting(NATIVE)
    here.requests.request_shutdown("SIGTERM")
    assert here.run() == pytest.approx(0.3, abs=0.1)
    busy = Setting(NATIVE)
    busy.requests.request_shutdown("SIGTERM")
    busy.pipelines.writes_until = FOR_EVER
    assert busy.run() == pytest.approx(1.2, abs=0.1)


@pytest.mark.parametrize("pod", [CLASSIC, NATIVE])
def test_nothing_waits_for_the_application_without_a_signal(pod: Pod) -> None:
    here = Setting(pod, by_signal=False)
    here.requests.request_shutdown("no file has grown for 10 s")
    here.pipelines.writes_until = FOR_EVER
    assert here.run() == 0.0


def test_a_crash_ends_the_wait_for_the_application() -> None:
    here = Setting(CLASSIC)
    here.requests.request_shutdown("SIGTERM")
    here.pipelines.writes_until, here.pipelines.fails_at = FOR_EVER, 3.0
    assert here.run() == pytest.approx(3.0, abs=0.1)


def test_files_that_may_be_copies_are_scanned_until_they_are_decided() -> None:
    here = Setting()
    here.requests.request_shutdown("enough")
    here.pipelines.undecided_until = 2.0
    assert here.run() == pytest.approx(2.0, abs=0.2)
    assert here.pipelines.scans == pytest.approx(20, abs=2)


@pytest.mark.parametrize(("timeout_s", "expected"), [(25.0, 10.0), (4.0, 2.0)])
def test_copies_that_are_never_decided_do_not_use_up_the_time_to_deliver(timeout_s: float, expected: float) -> None:
    here = Setting()
    here.requests.request_shutdown("enough")
    here.pipelines.undecided_until = FOR_EVER
    assert here.run(timeout_s) == pytest.approx(expected, abs=0.3)


def test_a_request_to_end_at_once_ends_every_wait() -> None:
    here = Setting(CLASSIC)
    here.requests.request_shutdown("SIGTERM")
    here.requests.immediate.set()
    pipelines = here.pipelines
    pipelines.writes_until = pipelines.undecided_until = pipelines.delivers_until = FOR_EVER
    assert here.run() == 0.0
    assert pipelines.steps[-1] == "stop"


def test_once_runs_as_long_as_something_is_delivered() -> None:
    here = Setting(once=True)
    here.pipelines.delivers_until = 100.0
    assert here.run(5.0) == pytest.approx(100.0, abs=0.1)
    assert here.pipelines.steps == ["finish files", "drain", "stop"]
    assert not here.emitted


def test_once_scans_as_long_as_files_are_compared() -> None:
    here = Setting(once=True)
    here.pipelines.undecided_until = here.pipelines.compares_until = 100.0
    assert here.run(5.0) == pytest.approx(100.0, abs=0.2)
    ended = Setting(once=True)
    ended.pipelines.undecided_until = ended.pipelines.compares_until = 100.0
    ended.requests.request_shutdown("SIGTERM")
    assert ended.run(5.0) == pytest.approx(0.1)


def test_once_ends_when_it_is_asked_to() -> None:
    here = Setting(once=True)
    here.pipelines.delivers_until = 100.0
    here.requests.request_shutdown("SIGTERM")
    assert here.run(5.0) == 0.0
