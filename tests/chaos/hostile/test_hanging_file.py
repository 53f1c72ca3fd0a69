"""A file on which a read hangs: the loop that hangs is named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.chaos.hostile.faults import Faults
from tests.support.processes import eventually, running, sidecar


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
