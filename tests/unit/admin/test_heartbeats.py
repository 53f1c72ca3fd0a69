"""A loop that makes no progress is named; one that waits on purpose is alive."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from sidecar.admin.health import STUCK_AFTER_S, Health
from sidecar.telemetry.heartbeats import MAIN_LOOP, Heartbeats
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner
from tests.chaos.hostile.faults import Faults
from tests.support.processes import eventually, running, sidecar
from tests.support.simulated_sidecar import SimulatedSidecar


def in_a_thread(heartbeats: Heartbeats, name: str) -> None:
    thread = threading.Thread(target=heartbeats.begin, args=(name,))
    thread.start()
    thread.join()


def test_a_loop_that_has_not_beaten_for_a_minute_is_named_and_the_others_are_not() -> None:
    clock = ManualClock()
    heartbeats = Heartbeats(clock)
    health = Health(heartbeats, is_tailing=True)
    heartbeats.begin(MAIN_LOOP)
    in_a_thread(heartbeats, "app to search")
    clock.advance(STUCK_AFTER_S - 1)
    heartbeats.beat()
    assert health.live().good
    clock.advance(16)
    heartbeats.beat()
    assert health.live() == (False, "app to search has been stuck for 75 s")
    assert (health.startup().good, health.ready().good) == (True, True)
    health.is_stopping = True
    assert health.live().good


def test_a_loop_that_has_ended_does_not_count_and_its_beats_do_not_bring_it_back() -> None:
    clock = ManualClock()
    heartbeats = Heartbeats(clock)
    heartbeats.begin("app to search")
    heartbeats.end()
    heartbeats.beat()
    assert heartbeats.ages() == {}


def test_a_scan_beats_at_each_file(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.log").write_text("line\n")
    beats: list[None] = []
    FileScanner([f"{tmp_path}/*.log"], beat=lambda: beats.append(None)).scan()
    assert len(beats) >= 20


def test_a_dead_sink_for_ten_minutes_leaves_the_shipper_alive(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].is_down = True
    world.heartbeats.begin("app to sink")
    health = Health(world.heartbeats)
    for _ in range(60):
        world.write(b"a line\n")
        world.live(10, step=5)
        assert health.live().good


def test_a_loop_that_hangs_in_a_file_is_seen_and_the_others_are_not_blamed(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    (logs / "good.log").write_text("one\n")
    sink = f"file://{tmp_path}/out"

    def ages() -> dict[str, float]:
        done = sidecar("status", "--json", "--state-dir", str(state))
        return dict(json.loads(done.stdout)["loops"]) if done.returncode == 0 else {}

    with running(tmp_path / "own.log", f"{logs}/*.log", "--to", sink, "--state-dir", str(state), **faults.environ):
        eventually(
            lambda: ages().keys() == {"main loop", "watcher of default", f"default to {sink}"}, "each loop is known"
        )
        faults.set([("hang", "bad.log", 1)])
        (logs / "bad.log").write_text("two\n")
        eventually(lambda: ages().get("watcher of default", 0.0) > 4.0, "the watcher hangs in the file")
        found = ages()
        assert found.pop("watcher of default") > max(found.values()) + 1.0
        faults.set([])
        eventually(lambda: max(ages().values()) < 3.0, "it comes round again")
