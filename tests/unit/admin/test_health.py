"""A loop that makes no progress is named; one that waits on purpose is alive."""

from __future__ import annotations

import threading
from pathlib import Path

from sidecar.admin.health import Health
from sidecar.telemetry.condition import STUCK_AFTER_S
from sidecar.telemetry.heartbeats import MAIN_LOOP, Heartbeats
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner


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


def test_a_scan_beats_every_few_files(tmp_path: Path) -> None:
    for number in range(320):
        (tmp_path / f"{number}.log").write_text("line\n")
    beats: list[None] = []
    FileScanner([f"{tmp_path}/*.log"], beat=lambda: beats.append(None)).scan()
    assert len(beats) >= 20
