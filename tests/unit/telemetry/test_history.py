"""The last hour in the process: rates from counters, lag as it was, a ring, and nothing of shippers that are gone."""

from __future__ import annotations

from sidecar.telemetry.counters import Counters
from sidecar.telemetry.history import MAX_SAMPLES, History
from sidecar.telemetry.snapshot import ShipperStatus


class Wound:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return 1_700_000_000 + self.seconds

    def monotonic(self) -> float:
        return self.seconds


def facts(lines: int, *, sink: str = "db", lag: int = 0) -> ShipperStatus:
    counters = Counters(lines={"stored": lines}, bytes={"stored": lines * 100})
    return ShipperStatus("app", sink, "http://db", "up", 0.0, "", "", lag, lag / 10, 0, counters)


def told(clock: Wound, *looks: ShipperStatus) -> dict[str, list[float]]:
    history = History(clock)
    for look in looks:
        history.sample(lambda look=look: [look])  # type: ignore[misc]
        clock.seconds += 10
    (track,) = history.as_json()["tracks"]
    return {name: column for name, column in track.items() if isinstance(column, list)}


def test_rates_are_those_between_two_samples_and_lag_is_that_of_the_moment() -> None:
    found = told(Wound(), facts(100), facts(300, lag=50), facts(300))
    assert found["lines_s"] == [20, 0]
    assert found["bytes_s"] == [2000, 0]
    assert (found["lag_bytes"], found["lag_s"]) == ([50, 0], [5, 0])
    assert found["at"] == [1_700_001_010, 1_700_001_020]


def test_counters_that_begin_anew_give_no_negative_rate() -> None:
    assert told(Wound(), facts(1000), facts(40))["lines_s"] == [4]


def test_nobody_looks_more_often_than_every_ten_seconds() -> None:
    clock, looks = Wound(), 0
    history = History(clock)

    def look() -> list[ShipperStatus]:
        nonlocal looks
        looks += 1
        return [facts(looks)]

    for _ in range(100):
        history.sample(look)
        clock.seconds += 0.5
    assert looks == 5


def test_an_hour_is_kept_and_no_more() -> None:
    found = told(Wound(), *(facts(n * 10) for n in range(MAX_SAMPLES + 50)))
    assert {name: len(column) for name, column in found.items()} == dict.fromkeys(found, MAX_SAMPLES)
    assert found["at"][-1] - found["at"][0] == (MAX_SAMPLES - 1) * 10


def test_a_shipper_that_is_gone_leaves_nothing_and_a_new_one_begins() -> None:
    clock = Wound()
    history = History(clock)
    for look in ([facts(1)], [facts(2)], [facts(1, sink="other")], [facts(11, sink="other")]):
        history.sample(lambda look=look: look)  # type: ignore[misc]
        clock.seconds += 10
    assert [(track["sink"], track["lines_s"]) for track in history.as_json()["tracks"]] == [("other", [1])]
