"""The ledger: checkpoints, dead letters and balance are committed together."""

from pathlib import Path

import pytest

from sidecar.errors import StateError
from sidecar.model.checkpoint import Checkpoint, CheckpointUpdate, NewGeneration
from sidecar.model.counts import ByteCounts
from sidecar.model.file import FileId
from sidecar.model.fingerprint import Fingerprint, OverlapDigest
from sidecar.state.database import open_database
from sidecar.state.dead_letters import DeadLetterFilter, DeadLetterLimit, DeadLetterStore
from sidecar.state.ledger import Ledger
from tests.support.builders.state import GENERATION, dead_letter, new_ledger


def test_a_checkpoint_its_dead_letters_and_the_balance_are_there_together_after_a_restart(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    ledger = Ledger(store)
    ledger.add_generations([NewGeneration(GENERATION, FileId(1, 2, 3), Fingerprint.from_head(b"head"))])
    amounts = ByteCounts()
    amounts.add("stored", 90, 9)
    amounts.add("dead_letter", 10, 1)
    step = CheckpointUpdate(
        GENERATION.id, Checkpoint(100, OverlapDigest.from_bytes(b"tail")), 120, amounts, [dead_letter(90)]
    )
    ledger.commit("app", "search", [step], receipt="r1")
    ledger.add_boundary(GENERATION.id, 100, 120)
    store.close()

    again = Ledger(open_database(tmp_path))
    (known,) = again.unfinished("app")
    assert known.generation == GENERATION
    assert known.file_id == FileId(1, 2, 3)
    assert known.checkpoints["search"] == Checkpoint(100, OverlapDigest.from_bytes(b"tail"))
    assert (known.seen, known.boundaries, known.ended) == (120, [120], "")
    assert again.balance()["search"].bytes_ == {"stored": 90, "dead_letter": 10}
    assert again.resume_token("app", "search") == "r1"


def test_a_generation_is_added_together_with_where_its_sinks_start(tmp_path: Path) -> None:
    ledger = Ledger(open_database(tmp_path))
    start = Checkpoint(70_000, OverlapDigest.from_bytes(b"tail"), crc=7, marks=((66_000, 5), (70_000, 7)))
    new = NewGeneration(
        GENERATION, FileId(1, 2, 3), Fingerprint.from_head(b"head"), None, {"search": start}, "read_from_end"
    )
    ledger.add_generations([new])
    (known,) = ledger.unfinished("app")
    assert known.checkpoints == {"search": start}
    assert known.seen == 70_000
    assert ledger.balance()["search"].bytes_ == {"skipped:read_from_end": 70_000}


def test_a_finished_generation_is_forgotten_after_a_week_and_its_balance_is_not(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    amounts = ByteCounts()
    amounts.add("stored", 100, 10)
    ledger.commit(
        "app",
        "search",
        [CheckpointUpdate(GENERATION.id, Checkpoint(100, OverlapDigest.from_bytes(b"")), 100, amounts)],
    )
    ledger.mark_finished(GENERATION.id, 1_000.0, True)
    ledger.forget("app", 1_000.0 + 8 * 86400)
    assert ledger.unfinished("app") == []
    assert ledger.balance()["search"].bytes_ == {"stored": 100}


def test_the_balance_includes_changes_by_other_processes(tmp_path: Path) -> None:
    """It is kept from one question to the next: after commits, also those that fail or make place for dead letters,
    and after what another process does to the dead letters."""
    ledger = Ledger(open_database(tmp_path), DeadLetterLimit(30, "drop_oldest"))
    ledger.add_generations([NewGeneration(GENERATION, FileId(1, 2, None), Fingerprint.from_head(b"head"))])
    other = open_database(tmp_path, exclusive=False)

    def commit(offset: int, sink: str, letters: int) -> None:
        amounts = ByteCounts()
        amounts.add("stored", 100 - 10 * letters, 10)
        if letters:
            amounts.add("dead_letter", 10 * letters, letters)
        refused = [dead_letter(offset + 10 * n, "x" * 10, sink) for n in range(letters)]
        step = CheckpointUpdate(
            GENERATION.id, Checkpoint(offset + 100, OverlapDigest.from_bytes(b"")), offset + 100, amounts, refused
        )
        ledger.commit("app", sink, [step])

    def agrees() -> dict[str, dict[str, int]]:
        found = {sink: amounts.bytes_ for sink, amounts in ledger.balance().items()}
        assert found == {sink: amounts.bytes_ for sink, amounts in Ledger(other).balance().items()}
        return found

    assert agrees() == {}
    commit(0, "search", 0)
    commit(0, "other", 1)
    assert agrees() == {"search": {"stored": 100}, "other": {"stored": 90, "dead_letter": 10}}
    commit(100, "other", 3)
    assert agrees()["other"]["lost:dead_letters_full"] == 10
    DeadLetterStore(other).purge(DeadLetterFilter())
    assert agrees()["other"] == {"stored": 160, "dead_letter": 0, "lost:dead_letters_full": 10, "lost:purged": 30}
    ledger.limit = DeadLetterLimit(5, "block")
    commit(200, "search", 1)
    with pytest.raises(StateError, match="are full"):
        commit(300, "search", 1)
    assert agrees()["search"] == {"stored": 190, "dead_letter": 10}
    commit(300, "search", 0)
    ledger.mark_finished(GENERATION.id, 1_000.0, True)
    ledger.forget("app", 1_000.0 + 8 * 86400)
    assert agrees()["search"] == {"stored": 290, "dead_letter": 10}
    ledger.balance()["search"].add("stored", 1, 1)  # an answer belongs to whoever asked
    agrees()
