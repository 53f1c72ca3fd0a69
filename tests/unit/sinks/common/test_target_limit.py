"""Documents choose where they go, but they cannot make indexes without end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sidecar.errors import Retryable, StateError
from sidecar.model.batch import Batch
from sidecar.model.file import Generation
from sidecar.sinks.common.target_limit import TargetLimiter
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.contract import TargetingSink
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from sidecar.sinks.mongodb.sink import MongoDBSettings, MongoDBSink
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from sidecar.testing import ManualClock
from tests.support.builders.batches import batch_of, generation

DAY_S = 86400.0


class Process:
    """What lives as long as a process, over a state that outlives it."""

    def __init__(self, state: Path, clock: ManualClock, pattern: str = "logs-{s:other}", most: int = 3) -> None:
        self.store = open_database(state)
        self.ledger = Ledger(self.store)
        self.limiter = TargetLimiter(TargetTemplate(pattern, lower=True), most, clock)
        self.limiter.keep(lambda day, names, limit: self.ledger.admit_targets("sink", day, names, limit))

    def names(self, batch: Batch) -> list[str]:
        found = self.limiter.route(batch).names
        return [found] * len(batch) if isinstance(found, str) else list(found)

    def end(self) -> None:
        self.store.close()


def of_services(*services: str, of: Generation | None = None) -> Batch:
    return batch_of(*(json.dumps({"s": service}) for service in services), of=of)


def test_names_beyond_the_limit_go_to_the_fallback_and_are_counted(tmp_path: Path) -> None:
    process = Process(tmp_path, ManualClock())
    batch = of_services("a", "b", "c", "d", "a", "e")
    routed = process.limiter.route(batch)
    assert list(routed.names) == ["logs-a", "logs-b", "logs-c", "logs-other", "logs-a", "logs-other"]
    assert routed.diverted == {3, 5}


def test_what_is_sent_again_goes_to_the_same_names_also_by_a_new_process(tmp_path: Path) -> None:
    clock = ManualClock()
    batches = [of_services(*(f"{n}-{m}" for m in range(4))) for n in range(3)]
    process = Process(tmp_path, clock)
    first = [process.names(batch) for batch in batches]
    assert [process.names(batch) for batch in reversed(batches)] == list(reversed(first))
    process.end()
    process = Process(tmp_path, clock)
    assert [process.names(batch) for batch in reversed(batches)] == list(reversed(first))


def test_the_next_day_has_room_again_and_keeps_the_names_of_the_day_before(tmp_path: Path) -> None:
    clock = ManualClock()
    process = Process(tmp_path, clock)
    process.names(of_services("a", "b", "c", "d"))
    clock.advance(DAY_S)
    assert process.names(of_services("e", "f", "g", "h")) == ["logs-e", "logs-f", "logs-g", "logs-other"]
    assert process.names(of_services("a", "d")) == ["logs-a", "logs-other"]
    clock.advance(2 * DAY_S)
    assert process.names(of_services("x", "y", "z", "a")) == ["logs-x", "logs-y", "logs-z", "logs-other"]


def test_a_name_that_is_used_every_day_stays(tmp_path: Path) -> None:
    clock = ManualClock()
    process = Process(tmp_path, clock)
    for day in range(5):
        assert process.names(of_services("steady")) == ["logs-steady"]
        process.names(of_services(*(f"{day}-{n}" for n in range(5))))
        clock.advance(DAY_S)


def test_two_pipelines_of_one_sink_share_the_limit(tmp_path: Path) -> None:
    process = Process(tmp_path, ManualClock())
    other = TargetLimiter(TargetTemplate("logs-{s:other}"), 3, ManualClock())
    other.keep(lambda day, names, limit: process.ledger.admit_targets("sink", day, names, limit))
    process.names(of_services("a", "b"))
    assert list(other.route(of_services("b", "c", "d")).names) == ["logs-b", "logs-c", "logs-other"]


def test_times_of_three_thousand_years_do_not_create_an_index_each(tmp_path: Path) -> None:
    process = Process(tmp_path, ManualClock(), "logs-%Y.%m.%d")
    times = [f"{year}-01-01T00:00:00Z" for year in range(1000, 4000)]
    file = generation()
    found = process.names(batch_of(*["{}"] * 3000, times=times, of=file))
    assert len(set(found)) == 4
    assert found[-1] == "logs-2026.06.21"


def test_a_document_keeps_its_fallback_when_only_some_of_its_batch_are_sent_again(tmp_path: Path) -> None:
    process = Process(tmp_path, ManualClock(), "logs-{s:other}-%Y.%m.%d", most=1)
    old, new = generation(born=1_700_000_000.0), generation(born=1_782_000_000.0)
    batch = Batch([*of_services("a", "b", of=old).parts, *of_services("c", "d", of=new).parts])
    found = process.names(batch)
    assert found[1:] == ["logs-other-2023.11.14", "logs-other-2026.06.21", "logs-other-2026.06.21"]
    assert process.names(batch.select([1, 3])) == [found[1], found[3]]


def test_a_name_that_never_changes_is_neither_counted_nor_kept() -> None:
    limiter = TargetLimiter(TargetTemplate("logs"), 1, ManualClock())
    limiter.keep(unwritable)
    assert limiter.route(of_services("a", "b")).names == "logs"


def test_a_replay_goes_to_its_target_in_spite_of_the_limit() -> None:
    limiter = TargetLimiter(TargetTemplate("logs-{s:other}"), 1, ManualClock())
    limiter.keep(unwritable)
    assert limiter.route(batch_of("{}", "{}", targets=["logs-x", "logs-y"])).names == ["logs-x", "logs-y"]


def unwritable(day: str, names: Sequence[str], most: int) -> set[str]:
    raise StateError("the state cannot be written")


def test_a_name_that_cannot_be_kept_is_not_used() -> None:
    limiter = TargetLimiter(TargetTemplate("logs-{s:other}"), 3, ManualClock())
    limiter.keep(unwritable)
    with pytest.raises(Retryable, match="the state cannot be written"):
        limiter.route(of_services("a"))


def test_sinks_with_field_targets_receive_the_state() -> None:
    assert isinstance(ElasticsearchSink(ElasticsearchSettings(url="elasticsearch://e")), TargetingSink)
    assert isinstance(MongoDBSink(MongoDBSettings(url="mongodb://m")), TargetingSink)
