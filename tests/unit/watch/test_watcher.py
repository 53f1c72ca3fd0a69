"""How soon a file is looked at again, and what a start leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.app.watcher import WatchedPipeline, Watcher, poll_interval
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner


@pytest.mark.parametrize(("linger", "step"), [(5.0, 0.05), (0.1, 0.05), (0.05, 0.025), (0.0, 0.02)])
def test_a_file_that_grows_is_looked_at_sooner_where_lines_wait_for_no_company(linger: float, step: float) -> None:
    assert poll_interval(linger) == step


def test_the_busiest_pipeline_says_how_long_the_watcher_sleeps(tmp_path: Path) -> None:
    clock, said, ledger = ManualClock(1_000.0), list[Event](), Ledger(open_database(tmp_path / "state"))
    watched = []
    for name, step in (("soon", 0.01), ("later", 0.05)):
        (tmp_path / name).mkdir()
        sweep = FileScanner([f"{tmp_path}/{name}/*.log"])
        follower = FileTracker(name, ledger, clock, said.append, OpenFileLimiter(16), sweep)
        watched.append(WatchedPipeline(sweep, follower, step))
    watcher = Watcher(watched, clock, said.append)
    watcher.scan()
    assert watcher.poll() == 1.0
    (tmp_path / "later" / "a.log").write_text("a line\n")
    watcher.scan()
    assert watcher.poll() == 0.05
    (tmp_path / "soon" / "a.log").write_text("a line\n")
    watcher.scan()
    assert watcher.poll() == 0.01
    clock.advance(3)
    assert watcher.poll() == pytest.approx(0.2)
    clock.advance(0.15)
    assert watcher.poll() == pytest.approx(0.05)
    clock.advance(60)
    assert watcher.poll() == 1.0
