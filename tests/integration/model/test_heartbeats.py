"""A sidecar that waits on purpose is alive."""

from __future__ import annotations

from pathlib import Path

from sidecar.admin.health import Health
from tests.support.simulated_sidecar import SimulatedSidecar


def test_a_dead_sink_for_ten_minutes_leaves_the_shipper_alive(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.destinations["sink"].is_down = True
    world.heartbeats.begin("app to sink")
    health = Health(world.heartbeats)
    for _ in range(60):
        world.write(b"a line\n")
        world.live(10, step=5)
        assert health.live().good


def test_a_quiet_shipper_wakes_every_ten_seconds_and_looks_after_a_dead_sink_each_second(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    shipper = world.shippers["sink"]
    world.write(b"a line\n")
    world.live(5)
    assert shipper.idle_s() == 10.0
    world.destinations["sink"].is_down = True
    world.write(b"another line\n")
    world.live(60)
    assert 0 < shipper.idle_s() <= 1.0
