"""Records that nobody wants: the balance has them, and nothing else is different."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.app.status import balance_event
from sidecar.telemetry.snapshot import BalanceStatus
from tests.support.simulated_sidecar import SimulatedSidecar

LINE = st.sampled_from(["debug a", "info b", "", "error c", "debug", "info \xff"])
PIPELINES: list[dict[str, Any]] = [
    {"transforms": [{"drop_when": 'message ~ "^debug"'}]},
    {"transforms": [{"keep_when": 'message ~ "^error"'}]},
    {"transforms": [{"sample": {"rate": 0.4}}], "exclude_lines": ["info"]},
    {"include_lines": ["b$"], "encoding_errors": "strict", "transforms": [{"drop_when": 'message == "debug a"'}]},
]


def data_of(lines: list[str]) -> bytes:
    return b"".join(line.encode("latin-1") + b"\n" for line in lines)


@settings(max_examples=60, deadline=None)
@given(
    first=st.lists(LINE, max_size=30), then=st.lists(LINE, max_size=30), pipeline=st.sampled_from(PIPELINES),
    faults=st.lists(st.sampled_from(["down", "half, then silence", "one is poison"]), max_size=3),
)  # fmt: skip
def test_every_byte_is_somewhere_in_the_balance_whatever_is_filtered(
    tmp_path_factory: Any, first: list[str], then: list[str], pipeline: dict[str, Any], faults: list[str]
) -> None:
    world = SimulatedSidecar(tmp_path_factory.mktemp("filtered"), pipeline=pipeline)
    world.destinations["sink"].faults = faults
    world.write(data_of(first))
    world.live(2)
    world.restart()
    world.write(data_of(then))
    world.settle()
    world.check_balance()
    assert sum(world.balance()["sink"].values()) == len(data_of(first + then))
    whole = SimulatedSidecar(tmp_path_factory.mktemp("whole"))
    whole.write(data_of(first + then))
    whole.settle()
    everything = {name.partition("-")[2]: text for name, text in [*whole.stored("sink"), *whole.dead("sink")]}
    found = {name.partition("-")[2]: text for name, text in [*world.stored("sink"), *world.dead("sink")]}
    assert found.items() <= everything.items(), "what is left has the offset and the text that it would have had"


def test_a_file_of_which_nothing_is_wanted_moves_its_checkpoint_and_needs_no_destination(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, pipeline={"transforms": [{"drop_when": "exists message"}]})
    world.destinations["sink"].is_down = True
    world.write(b"debug\n\n" * 1000)
    world.live(3)
    assert world.balance()["sink"] == {"filtered:drop_when": 6000, "skipped:empty": 1000}
    assert world.shippers["sink"].progress() == (7000, 7000)


def test_a_restart_draws_the_same_sample(tmp_path: Path) -> None:
    pipeline: dict[str, Any] = {"transforms": [{"sample": {"rate": 0.25}}]}
    lines = b"".join(b"line %d\n" % number for number in range(4000))
    world = SimulatedSidecar(tmp_path, pipeline=pipeline)
    world.write(lines)
    world.live(3)
    chosen = dict(world.stored("sink"))
    assert 900 < len(chosen) < 1100
    world.kill()
    world.destinations["sink"].documents.clear()
    with_state = world.state / "state.db"
    assert with_state.exists()
    world.start()
    world.write(b"one more\n")
    world.settle()
    world.check_balance()
    assert not set(dict(world.stored("sink"))) & set(chosen)


def test_the_last_word_counts_what_was_filtered() -> None:
    facts = BalanceStatus("db", {"stored": 5, "filtered:sample": 7, "filtered:drop_when": 1}, {"stored": 1}, 2)
    said = balance_event(facts)
    assert (said.filtered, said.seen) == (8, 15)
    assert "5 stored + 0 in dead letters + 8 filtered + 0 skipped" in said.text()
