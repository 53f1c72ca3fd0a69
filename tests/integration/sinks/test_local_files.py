"""The sinks that write to local files: what is rejected, and files that are moved or deleted meanwhile."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.errors import Retryable
from sidecar.sinks.file import FileSettings, FileSink
from sidecar.sinks.sqlite import SQLiteSettings, SQLiteSink
from sidecar.sinks.stdout import StdoutSettings, StdoutSink
from sidecar.testing import TIME, batch_of, numbered


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs.db"


def prepare(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(json.loads(text)["number"] for (text,) in db.execute("SELECT document FROM logs"))


CHECKED = "CREATE TABLE logs (id TEXT PRIMARY KEY, time TEXT NOT NULL, document TEXT NOT NULL CHECK (%s))"


def test_a_constraint_of_the_table_rejects_a_document_and_not_its_neighbours(path: Path) -> None:
    prepare(path, CHECKED % "document NOT LIKE '%3}'")
    sink = SQLiteSink(SQLiteSettings(path=path))
    sink.open()
    result = sink.write(numbered(6))
    assert list(result.stored) == [0, 1, 2, 4, 5]
    assert [(each.index, each.kind) for each in result.rejected] == [(3, "constraint")]
    assert "CHECK" in result.rejected[0].reason
    again = sink.write(numbered(6))
    assert (list(again.stored), again.duplicates) == ([0, 1, 2, 4, 5], 5)
    sink.close()
    assert rows(path) == [0, 1, 2, 4, 5]


def test_a_document_that_a_trigger_ignores_is_not_stored(path: Path) -> None:
    prepare(
        path,
        CHECKED % "1",
        "CREATE TRIGGER t BEFORE INSERT ON logs WHEN NEW.document LIKE '%2}' BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TABLE audit (id TEXT)",
        "CREATE TRIGGER u AFTER INSERT ON logs BEGIN INSERT INTO audit VALUES (NEW.id); END",
    )
    sink = SQLiteSink(SQLiteSettings(path=path))
    sink.open()
    sink.write(numbered(2))
    result = sink.write(numbered(4))
    sink.close()
    assert (list(result.stored), result.duplicates) == ([0, 1, 3], 2)
    assert [(each.index, each.kind) for each in result.rejected] == [(2, "ignored")]


def test_a_constraint_that_rolls_back_stores_nothing_and_says_so(path: Path) -> None:
    prepare(
        path, "CREATE TABLE logs (id TEXT PRIMARY KEY, time TEXT, document TEXT NOT NULL UNIQUE ON CONFLICT ROLLBACK)"
    )
    sink = SQLiteSink(SQLiteSettings(path=path))
    sink.open()
    same = {"@timestamp": TIME, "number": 1}
    with pytest.raises(Retryable, match="UNIQUE"):
        sink.write(batch_of([same, same]))
    sink.close()
    assert rows(path) == []


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_a_database_that_is_moved_or_deleted_is_opened_again(path: Path, how: str) -> None:
    sink = SQLiteSink(SQLiteSettings(path=path))
    sink.open()
    sink.write(numbered(2))
    if how == "deleted":
        for name in (path, *path.parent.glob("logs.db-*")):
            name.unlink()
    else:
        path.rename(path.with_name("old.db"))
    if how == "replaced":
        path.touch()
    assert list(sink.write(numbered(2, first=2)).stored) == [0, 1]
    sink.close()
    assert rows(path) == [2, 3]


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_an_output_file_that_is_moved_or_deleted_is_created_again(tmp_path: Path, how: str) -> None:
    path = tmp_path / "out.ndjson"
    sink = FileSink(FileSettings(path=path))
    sink.open()
    result = sink.write(numbered(2))
    if how == "moved":
        path.rename(tmp_path / "out.ndjson.1")
    else:
        path.unlink()
    with pytest.raises(Retryable, match="moved or deleted"):
        sink.write(numbered(2, first=2))
    sink.resume(result.resume_token)
    sink.open()
    sink.write(numbered(2, first=2))
    sink.close()
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [2, 3]


def test_a_full_pipe_that_does_not_block_takes_every_line_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading) as lines, os.fdopen(writing, "w") as output:
        monkeypatch.setattr("sys.stdout", output)
        sink = StdoutSink(StdoutSettings())
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.extend(lines))
        batch = batch_of([{"@timestamp": TIME, "text": "x" * 1000}] * 500)
        reader.start()
        sink.write(batch)
        output.close()
        reader.join(10)
    assert [line.removesuffix("\n") for line in seen] == batch.documents


def test_an_output_file_has_one_writer(tmp_path: Path) -> None:
    settings = FileSettings(path=tmp_path / "out.ndjson")
    first, second = FileSink(settings), FileSink(settings)
    first.open()
    with pytest.raises(Retryable, match="still being written"):
        second.open()
    first.write(numbered(1))
    first.close()
    second.open()
    second.write(numbered(1))
    second.close()
    assert len(settings.path.read_text().splitlines()) == 2
