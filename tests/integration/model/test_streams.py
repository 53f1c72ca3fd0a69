"""Container logs with two streams, with real tracker, reader and state: each line once, whatever happens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.simulated_sidecar import SimulatedSidecar
from tests.unit.decode.test_streams import ERR, LINES, OUT, Written, cri, oracle, written

PIPELINE = {"parser": "cri"}
TOKEN = re.compile(r"[a-z]+\d+")
"""The text of each line that is written."""


def sidecar(folder: Path, timeout: str = "1h", **options: Any) -> SimulatedSidecar:
    return SimulatedSidecar(folder, pipeline=PIPELINE, multiline={"preset": "indent", "timeout": timeout}, **options)


def trace() -> list[Written]:
    """A trace on stderr, and lines of stdout between its lines."""
    return written(
        [(1, ERR, True, "failed"), (1, OUT, True, "a"), (1, ERR, False, " at"), (1, OUT, True, "b"),
         (1, ERR, True, "c"), (1, ERR, True, "next"), (1, OUT, True, "d")]
    )  # fmt: skip


EVENTS = ["a1", "b3", "d6", "failed0\n at2c4", "next5"]


def messages(world: SimulatedSidecar, sink: str = "sink") -> list[str]:
    return sorted(text for _, text in world.stored(sink))


def check_once(world: SimulatedSidecar, lines: Sequence[Written], sink: str) -> None:
    """Each line is in one document, those of a document are of one stream and in order, and no document changed."""
    tokens = {TOKEN.search(line.text).group(): number for number, line in enumerate(lines)}  # type: ignore[union-attr]
    found = [[tokens[name] for name in TOKEN.findall(text)] for _, text in world.stored(sink)]
    assert sorted(number for event in found for number in event) == list(range(len(lines)))
    assert all(event == sorted(event) for event in found)
    assert all(len({lines[number].stream for number in event}) == 1 for event in found)
    assert world.destinations[sink].altered == []
    world.check_balance()


def test_a_trace_is_whole_and_at_its_first_line(tmp_path: Path) -> None:
    world = sidecar(tmp_path)
    world.write(b"".join(map(cri, trace())))
    world.settle()
    assert messages(world) == EVENTS
    (document,) = [d for d in world.destinations["sink"].documents.values() if d["message"].startswith("failed")]
    assert (document["log"]["offset"], document["stream"]) == (0, "stderr")
    world.check_balance()


@pytest.mark.parametrize("moment", [*range(1, 16), 18, 21, 25, 30])
def test_a_death_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path, moment: int) -> None:
    world = sidecar(tmp_path, sinks=("one", "two"))
    world.destinations["one"].faults += ["everything, then silence", "half, then silence"]
    raw = list(map(cri, trace()))
    world.write(b"".join(raw[:4]) + raw[4][:20])
    world.crash_after.left = moment
    if not world.live(4):
        world.start()
    world.write(raw[4][20:] + raw[5])
    world.live(1)
    world.write(raw[6])
    world.settle()
    for sink in ("one", "two"):
        assert messages(world, sink) == EVENTS
        check_once(world, trace(), sink)


CUTS = st.lists(
    st.tuples(st.integers(1, 160), st.sampled_from(["", "", "kill", "live", "drain", "down"]), st.integers(1, 30)),
    max_size=12,
)
"""Bytes to write, what happens then, and at which moment. A drain ships a line without its end, so it gets one."""

STORY = settings(
    deadline=None, max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
"""Without the search for a smaller example, which takes minutes."""


def play(world: SimulatedSidecar, content: bytes, cuts: Sequence[tuple[int, str, int]]) -> None:
    at = 0
    for size, what, moment in cuts:
        end = at + size if what != "drain" else content.find(b"\n", at + size) + 1 or len(content)
        world.write(content[at:end])
        at = end
        if what == "kill":
            world.crash_after.left = moment
        elif what == "drain":
            world.drain()
        elif what == "down":
            world.destinations["one"].is_down = not world.destinations["one"].is_down
        if world.alive:
            world.live(3 if what == "live" else 0.5)
        if not world.alive:
            world.start()
    world.crash_after.left = None
    world.write(content[at:])
    world.settle()


@STORY
@given(rows=LINES, cuts=CUTS.filter(lambda cuts: all(what != "drain" for _, what, _ in cuts)))
def test_events_are_those_of_the_bytes_whatever_is_read_and_killed(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, cuts: Any
) -> None:
    """Without idle time, so that the bytes alone decide."""
    lines = written(rows)
    world = sidecar(tmp_path_factory.mktemp("log"), sinks=("one", "two"), timeout="2s")
    play(world, b"".join(map(cri, lines)), [(size, what if what != "live" else "", at) for size, what, at in cuts])
    for sink in world.destinations:
        check_once(world, lines, sink)


@STORY
@given(rows=LINES, cuts=CUTS, max_line=st.sampled_from([60, 90, 200, 1 << 20]), records=st.sampled_from([2, 5, 1000]))
def test_each_line_is_stored_once_with_any_limits_and_pauses(
    tmp_path_factory: pytest.TempPathFactory, rows: Any, cuts: Any, max_line: int, records: int
) -> None:
    lines = written(rows)
    world = SimulatedSidecar(
        tmp_path_factory.mktemp("log"), pipeline={**PIPELINE, "max_line": max_line}, sinks=("one", "two"),
        multiline={"preset": "indent", "timeout": "2s", "max_lines": 4},
    )  # fmt: skip
    world.limits = world.limits.__class__(records, 64 * 1024, 0.1, 1)
    world.restart()
    play(world, b"".join(map(cri, lines)), cuts)
    for sink in world.destinations:
        check_once(world, lines, sink)


def test_parked_records_between_lines_of_others_are_delivered_and_counted_once(tmp_path: Path) -> None:
    world = sidecar(tmp_path)
    destination = world.destinations["sink"]
    destination.has_many_targets, destination.closed = True, {"a", "f"}
    world.write(b"".join(map(cri, trace())))
    world.live(30)
    assert messages(world) == ["b3"]
    world.restart()
    world.live(30)
    destination.closed = {"f"}
    world.live(200, step=5)
    assert "a1" in messages(world)
    destination.closed = set()
    world.live(200, step=5)
    world.settle()
    assert messages(world) == EVENTS
    check_once(world, trace(), "sink")


def test_a_block_without_end_is_cut_at_a_recorded_place(tmp_path: Path) -> None:
    """Two streams whose events overlap for longer than can be held: the same cut for every sink and after a crash."""
    world = SimulatedSidecar(
        tmp_path, pipeline={**PIPELINE, "max_line": 2000}, sinks=("one", "two"),
        multiline={"preset": "indent", "timeout": "1h"},
    )  # fmt: skip
    world.destinations["two"].is_down = True
    rows = [(0, OUT if n % 2 else ERR, True, "a" if n % 12 in (0, 5) else " a") for n in range(600)]
    content = b"".join(map(cri, written(rows)))
    world.write(content[: len(content) // 2])
    world.live(2)
    world.restart()
    world.destinations["two"].is_down = False
    world.write(content[len(content) // 2 :])
    world.settle()
    assert messages(world, "one") == messages(world, "two")
    for sink in world.destinations:
        check_once(world, written(rows), sink)


def test_events_equal_the_oracle_for_a_long_file(tmp_path: Path) -> None:
    rows = [(n % 3, (OUT, ERR, OUT)[n % 3], n % 5 != 1, "a" if n % 7 else " b") for n in range(3000)]
    lines = written(rows)
    world = sidecar(tmp_path)
    world.write(b"".join(map(cri, lines)))
    world.settle()
    expected = []
    for event in oracle(lines, joins_indented=True):
        text = "".join(lines[n].text + "\n" * lines[n].is_last_part for n in event)
        expected.append(text.removesuffix("\n"))
    assert messages(world) == sorted(expected)
