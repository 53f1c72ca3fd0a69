"""The thread that copies dead letters, step by step on a real state; and the settings that name its sink."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.app.dead_letter_copies import DeadLetterCopies
from sidecar.model.checkpoint import Checkpoint, CheckpointUpdate
from sidecar.model.counts import ByteCounts
from sidecar.model.dead_letter_document import copy_id, from_document, to_document
from sidecar.model.fingerprint import NO_TAIL
from sidecar.state.database import Database, open_database
from sidecar.state.ledger import Ledger
from sidecar.telemetry.events import DeadLettersNotCopied, Event
from sidecar.testing import ManualClock
from tests.support.builders.state import GENERATION, dead_letter, new_ledger
from tests.support.builders.supervisor import build_settings


def state_with(folder: Path, *offsets: int) -> Database:
    new_ledger(folder).commit("app", "search", [])
    store = open_database(folder, exclusive=False)
    letters = [dead_letter(offset) for offset in offsets]
    update = CheckpointUpdate(GENERATION.id, Checkpoint(100, NO_TAIL), 100, ByteCounts(), letters)
    Ledger(store).commit("app", "search", [update])
    return store


def settings(folder: Path, **changes: Any) -> Any:
    sinks = {"db": f"sqlite:///{folder}/logs.db", "dlq": f"sqlite:///{folder}/dead.db"}
    return build_settings(folder, **{"sinks": sinks, "dead_letters": {"to": "dlq"}, **changes})


def copies(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "dead.db")) as db:
        return {name: json.loads(text) for name, text in db.execute("SELECT id, document FROM logs")}


def copy_all(store: Database, given: Any) -> list[Event]:
    """Start and stop the thread, which copies what there is before it ends."""
    emitted: list[Event] = []
    thread = DeadLetterCopies(store, ManualClock(), emitted.append)
    thread.apply(given)
    thread.stop()
    return emitted


def test_each_dead_letter_is_copied_once_and_new_ones_later(tmp_path: Path) -> None:
    store = state_with(tmp_path, 10, 20)
    assert copy_all(store, settings(tmp_path)) == []
    expected = {copy_id(dead_letter(offset)) for offset in (10, 20)}
    assert copies(tmp_path).keys() == expected
    Ledger(store).commit("app", "search", [
        CheckpointUpdate(GENERATION.id, Checkpoint(200, NO_TAIL), 200, ByteCounts(), [dead_letter(150)])
    ])  # fmt: skip
    copy_all(store, settings(tmp_path))
    assert copies(tmp_path).keys() == expected | {copy_id(dead_letter(150))}
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM dead_letters WHERE copied").fetchone() == (3,)
    store.close()


def test_numbers_that_are_used_again_after_a_purge_are_copied(tmp_path: Path) -> None:
    store = state_with(tmp_path, 10, 20)
    copy_all(store, settings(tmp_path))
    with store.transaction() as db:
        db.execute("DELETE FROM dead_letters")
    update = CheckpointUpdate(GENERATION.id, Checkpoint(200, NO_TAIL), 200, ByteCounts(), [dead_letter(150)])
    Ledger(store).commit("app", "search", [update])
    copy_all(store, settings(tmp_path))
    assert copy_id(dead_letter(150)) in copies(tmp_path)
    store.close()


def test_a_sink_that_fails_is_reported_once_and_the_letters_wait(tmp_path: Path) -> None:
    store = state_with(tmp_path, 10)
    broken = {"db": f"sqlite:///{tmp_path}/logs.db", "dlq": f"sqlite:///{tmp_path}"}
    (event,) = copy_all(store, settings(tmp_path, sinks=broken))
    assert isinstance(event, DeadLettersNotCopied)
    with store.reading() as db:
        assert db.execute("SELECT copied FROM dead_letters").fetchone() == (0,)
    store.close()


def test_the_document_of_a_dead_letter_has_all_that_a_replay_needs() -> None:
    letter = dead_letter(10)
    document = json.loads(to_document(letter, {"ecs.version": "8.11.0"}))
    assert from_document(document) == letter
    assert document["ecs"] == {"version": "8.11.0"}


@pytest.mark.parametrize("document", [{}, {"@timestamp": "x"}, {"dead_letter": 1}, {"event": {"original": "{}"}}])
def test_another_document_is_no_dead_letter(document: dict[str, Any]) -> None:
    assert from_document(document) is None


def test_pipelines_do_not_ship_to_the_sink_of_dead_letters_by_default(tmp_path: Path) -> None:
    assert settings(tmp_path).sinks_of("app") == ("db",)
    named = {"app": {"paths": ["/a"], "sinks": ["dlq"]}}
    assert settings(tmp_path, pipelines=named).sinks_of("app") == ("dlq",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dead_letters": {"to": "dql"}}, 'there is no sink "dql"'),
        ({"sinks": {"db": "sqlite:////tmp/a.db", "dlq": "file:///tmp/dead"}}, "a file sink cannot get dead letters"),
        ({"sinks": {"dlq": "sqlite:////tmp/a.db"}}, "the only sink is that of dead_letters.to"),
    ],
)
def test_a_sink_that_cannot_get_dead_letters_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(tmp_path, **changes)
