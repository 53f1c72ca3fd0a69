"""What a sidecar reports of itself, from the parts as they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.app import status
from sidecar.app.supervisor import Supervisor
from sidecar.telemetry.snapshot import BalanceStatus, ConfigurationStatus, Snapshot
from sidecar.testing import ManualClock
from tests.support.builders.supervisor import build_settings, built_supervisor, scan

SIZES = {"a": 10, "b": 40, "c": 20, "d": 30}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    for name, size in SIZES.items():
        (folder / f"{name}.log").write_text("x" * (size - 1) + "\n")
    return folder


@pytest.fixture
def supervisor(tmp_path: Path, logs: Path) -> Iterator[Supervisor]:
    with built_supervisor(build_settings(tmp_path)) as built:
        scan(built)
        yield built


def snapshot(supervisor: Supervisor, most_files: int | None = None) -> Snapshot:
    return status.snapshot(supervisor, ConfigurationStatus("0123", 1.0), most_files=most_files)


def test_every_byte_that_was_seen_is_in_the_balance(supervisor: Supervisor) -> None:
    (balance,) = snapshot(supervisor).balance
    assert (balance.sink, balance.unsettled) == ("db", sum(SIZES.values()))
    (total,) = snapshot(supervisor).sums
    assert (total.pipeline, total.files, total.bytes) == ("app", len(SIZES), sum(SIZES.values()))


def test_the_balance_of_the_pipelines_adds_up_to_that_of_the_sinks(supervisor: Supervisor) -> None:
    taken = snapshot(supervisor)
    (whole,), (part,) = taken.balance, taken.pipeline_balance
    assert (part.pipeline, part.sink, part.bytes, part.unsettled) == ("app", "db", whole.bytes, whole.unsettled)


def test_files_that_are_too_old_are_in_the_balance(tmp_path: Path, logs: Path) -> None:
    os.utime(logs / "c.log", (1.0, 1.0))
    pipelines = {"app": {"paths": [f"{logs}/*.log"], "ignore_older": "1h"}}
    with built_supervisor(build_settings(tmp_path, pipelines=pipelines)) as supervisor:
        scan(supervisor)
        (balance,) = snapshot(supervisor).balance
        assert balance.bytes == {"skipped:ignore_older": SIZES["c"]}
        assert status.balance_event(balance).seen == sum(SIZES.values())


def test_of_many_files_the_first_by_size_and_by_name_are_listed(supervisor: Supervisor) -> None:
    listed = {Path(file.path).stem for file in snapshot(supervisor, most_files=1).files}
    assert listed == {"a", "b"}
    assert len(snapshot(supervisor, most_files=None).files) == len(SIZES)
    assert not snapshot(supervisor, most_files=0).files


def test_a_path_that_is_no_text_is_shown_with_escapes(tmp_path: Path, logs: Path) -> None:
    (logs / os.fsdecode(b"\xff.log")).write_text("one\n")
    with built_supervisor(build_settings(tmp_path)) as supervisor:
        scan(supervisor)
        assert f"{logs}/\\xff.log" in {file.path for file in snapshot(supervisor).files}


def test_a_refused_path_is_listed_with_its_reason(tmp_path: Path, logs: Path) -> None:
    (logs / "link.log").symlink_to("/etc/passwd")
    with built_supervisor(build_settings(tmp_path)) as supervisor:
        scan(supervisor)
        (refused,) = snapshot(supervisor).refused
        assert (refused.pipeline, Path(refused.path).name) == ("app", "link.log")
        assert refused.reason


def test_space_is_that_of_the_file_system_or_of_the_size_limit(tmp_path: Path, logs: Path) -> None:
    with built_supervisor(build_settings(tmp_path)) as supervisor:
        scan(supervisor)
        logs_volume, state_volume = snapshot(supervisor).volumes
        assert (logs_volume.pipeline, state_volume.pipeline) == ("app", "")
        assert 0 < logs_volume.used <= logs_volume.limit
    with built_supervisor(build_settings(tmp_path, limits={"volume_size": "1MiB"})) as supervisor:
        scan(supervisor)
        logs_volume, state_volume = snapshot(supervisor).volumes
        assert (logs_volume.used, logs_volume.limit) == (sum(SIZES.values()), 1 << 20)
        assert state_volume.pipeline == ""


def test_volumes_are_measured_by_the_scan_and_not_by_a_request(tmp_path: Path, logs: Path) -> None:
    clock = ManualClock()
    with built_supervisor(build_settings(tmp_path), clock) as supervisor:
        assert snapshot(supervisor).volumes == []
        scan(supervisor)
        (reading, _) = supervisor.volumes.latest()
        scan(supervisor)
        assert supervisor.volumes.latest()[0] is reading, "every ten seconds is enough"
        clock.advance(10.0)
        scan(supervisor)
        assert supervisor.volumes.latest()[0] is not reading


def test_a_sink_that_was_not_tried_is_not_down(supervisor: Supervisor) -> None:
    assert status.down_sinks(supervisor) == []
    (shipper,) = status.shipper_statuses(supervisor)
    assert (shipper.pipeline, shipper.sink, shipper.state) == ("app", "db", "new")


def test_outcomes_of_one_kind_are_added_up_in_the_last_message() -> None:
    outcomes = {"stored": 5, "lost:truncated": 2, "lost:deleted": 1, "skipped:empty": 1}
    event = status.balance_event(BalanceStatus("db", outcomes, {"stored": 1, "dead_letter": 0}, 4))
    assert (event.stored, event.lost, event.skipped, event.unsettled, event.seen) == (5, 3, 1, 4, 13)
