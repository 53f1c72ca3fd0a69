"""What is said of a sidecar as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sidecar.admin.health import Health
from sidecar.telemetry.condition import STUCK_AFTER_S, Condition, is_down, judge
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.heartbeats import MAIN_LOOP, Heartbeats
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileTotals,
    ParkedTarget,
    RefusedPath,
    ShipperStatus,
    Snapshot,
)
from sidecar.testing import ManualClock


def shipper(
    sink: str = "db", pipeline: str = "app", state: str = "up", error: str = "", lag_s: float = 0.0,
    parked: Sequence[ParkedTarget] = (), **counters: Any,
) -> ShipperStatus:  # fmt: skip
    return ShipperStatus(pipeline, sink, "x://y", state, 0.0, error, "", 0, lag_s, 0, Counters(**counters), parked)


def condition(
    *shippers: ShipperStatus, balance: Mapping[str, int] | None = None, lines: Mapping[str, int] | None = None,
    refused: Sequence[RefusedPath] = (), configuration: ConfigurationStatus | None = None,
    loops: Mapping[str, float] | None = None, uncopied: int | None = None,
) -> Condition:  # fmt: skip
    balances = [BalanceStatus("db", balance or {}, lines or {}, 0)]
    sums = [FileTotals("app", 1, 1, 0, 0, len(refused))]
    return judge(
        Snapshot(
            "1", 0, 10, 1, "/state", list(shippers), [], sums, balances, "notifications", 0, 0, 0, 0, 0, 0, [],
            configuration or ConfigurationStatus("", 0), refused, loops or {},
            dead_letters_uncopied=uncopied,
        )
    )  # fmt: skip


def texts(found: Condition) -> list[str]:
    return [f"{each.level}: {each.text}" for each in found.findings]


def test_a_sidecar_whose_sinks_are_up_is_good() -> None:
    found = condition(shipper(), balance={"stored": 10})
    assert (found.level, found.text, texts(found)) == ("good", "all lines are delivered, and nothing is lost", [])
    assert condition(shipper(state="new")).text == "nothing to deliver yet"


@pytest.mark.parametrize("state", ["retrying", "misconfigured", "blocked"])
def test_sinks_that_are_down_are_counted_by_their_names_and_not_by_pipeline(state: str) -> None:
    down = [shipper("es", name, state, "no route") for name in ("app", "web")]
    found = condition(*down, shipper("db", "app"), shipper("db", "web"))
    assert is_down(state)
    assert (found.level, found.text) == ("bad", "1 of 2 sinks down")
    assert texts(found) == [f"bad: app, web to es: {state}: no route"]


def test_an_interruption_of_seconds_is_no_outage() -> None:
    found = condition(shipper(state="interrupted", error="no primary"))
    assert (found.level, is_down("interrupted")) == ("warning", False)
    assert found.text == "lines are delivered, with 1 finding"


def test_lines_lost_in_this_run_are_bad_and_earlier_losses_are_a_warning() -> None:
    lost = {"stored": 1, "lost:truncated": 2048, "lost:deleted": 0}
    assert texts(condition(shipper(bytes={"lost:truncated": 2048}), balance=lost)) == [
        "bad: db: lost: 2.0 KiB truncated"
    ]
    assert texts(condition(shipper(), balance=lost)) == [
        "warning: db: lost: 2.0 KiB truncated, all before the last start"
    ]


def test_each_other_thing_is_a_warning() -> None:
    parked = ParkedTarget("logs-x", 2048, 7, 0.0, "index is closed")
    found = condition(
        shipper(lag_s=120, parked=[parked], unparsed_share=0.5, refusals={"strict": 1, "mapping": 4312}),
        refused=[RefusedPath("app", f"/logs/{n}", "a link") for n in range(12)],
        configuration=ConfigurationStatus("", 0, is_last_good=False), uncopied=1204,
    )  # fmt: skip
    assert texts(found) == [
        "warning: app to db: lag of 0 B; the oldest line is 2.0 min old",
        "warning: app to db: 7 lines (2.0 KiB) for logs-x wait in their files: index is closed",
        "warning: app to db: dead letters since the last start: 4,312 mapping, 1 strict;"
        " see `sidecar dead-letters list`",
        "warning: 1,204 dead letters are not copied to the sink of dead_letters.to yet; the log has the reason",
        "warning: app: no parser accepted 50% of the recent lines; run `sidecar explain --detect FILE`",
        *(f"warning: not read: /logs/{n}: a link" for n in range(10)),
        "warning: not read: 2 more paths",
        "warning: the newest configuration was refused; the one before is in use",
    ]
    assert texts(condition(shipper(), lines={"dead_letter": 3})) == [
        "warning: db: 3 dead letters from before the last start; see `sidecar dead-letters list`"
    ]
    assert texts(condition(shipper(), uncopied=0)) == []


def test_the_probe_and_the_status_call_the_same_loop_stuck() -> None:
    clock = ManualClock()
    heartbeats = Heartbeats(clock)
    heartbeats.begin(MAIN_LOOP)
    for seconds in (STUCK_AFTER_S - 1, 1):
        clock.advance(seconds)
        found = condition(shipper(), loops=heartbeats.ages())
        live = Health(heartbeats, is_tailing=True).live()
        assert (found.level == "good") == live.good
    assert texts(found) == [f"bad: {live.text}"]
