"""What a supervisor knows of its pipelines, whose threads are not started."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.app.supervisor import RunOptions, Supervisor
from sidecar.kubernetes.exit_rules import NoExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.telemetry.events import Event, RiskySetting
from sidecar.testing import LogFile, ManualClock
from tests.support.builders.supervisor import build_settings, built_supervisor, scan


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    (tmp_path / "log").mkdir()
    return LogFile(tmp_path / "log" / "app.log")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def supervisor(tmp_path: Path, log: LogFile, clock: ManualClock) -> Iterator[Supervisor]:
    with built_supervisor(build_settings(tmp_path), clock) as built:
        yield built


def test_a_file_has_grown_when_a_scan_sees_it(supervisor: Supervisor, log: LogFile, clock: ManualClock) -> None:
    scan(supervisor)
    assert supervisor.grown_at() is None
    log.write("one")
    scan(supervisor)
    assert supervisor.grown_at() == 1000.0
    clock.advance(5.0)
    scan(supervisor)
    assert supervisor.grown_at() == 1000.0
    log.write("two")
    scan(supervisor)
    assert supervisor.grown_at() == 1005.0


def test_a_new_file_leaves_nothing_undecided(supervisor: Supervisor, log: LogFile) -> None:
    log.write("one")
    scan(supervisor)
    assert not supervisor.has_undecided_files()
    assert not supervisor.has_failed()


def test_a_file_that_may_be_a_copy_is_undecided(supervisor: Supervisor, log: LogFile) -> None:
    log.write("x" * 5000)
    scan(supervisor)
    log.path.with_name("app.log.1.log").write_bytes(log.path.read_bytes()[:3000])
    scan(supervisor)
    assert supervisor.has_undecided_files()


def test_progress_is_that_of_all_shippers(tmp_path: Path, log: LogFile) -> None:
    log.write("1234")
    shown: list[tuple[int, int]] = []
    options = RunOptions(NoExitRule(), Pod(), once=True, progress=lambda settled, seen: shown.append((settled, seen)))
    sinks = {"one": f"sqlite:///{tmp_path}/1.db", "two": f"sqlite:///{tmp_path}/2.db"}
    supervisor = Supervisor(build_settings(tmp_path, sinks=sinks), options, lambda event: None, ManualClock(), {})
    scan(supervisor)
    supervisor.show_progress()
    supervisor.close()
    assert shown == [(0, 10)]


def test_a_start_warns_of_a_file_in_two_pipelines(tmp_path: Path, log: LogFile) -> None:
    log.write("one")
    emitted: list[Event] = []
    pipelines = {name: {"paths": [f"{tmp_path}/log/{name}*.log"]} for name in ("a", "ap")}
    with built_supervisor(build_settings(tmp_path, pipelines=pipelines), emitted=emitted) as supervisor:
        supervisor.start()
        supervisor.stop_watching()
        supervisor.stop()
    (risk,) = [event for event in emitted if isinstance(event, RiskySetting)]
    assert (risk.where, risk.reason.partition(" is also")[0]) == ("pipelines.ap.paths", str(log.path))
