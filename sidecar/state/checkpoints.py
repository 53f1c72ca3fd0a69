"""Checkpoints as people handle them while no sidecar runs: list, read again, forget."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sidecar.model.file import Generation
from sidecar.state.database import Database
from sidecar.state.ledger import column_of, drop, path_of


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """Where one sink is in one generation; offsets and `seen` are bytes.

    `state` is "open", "finished" or why nothing more can be read ("truncated", "deleted").
    """

    generation: int
    pipeline: str
    sink: str
    path: str
    name: str
    inode: int
    offset: int
    seen: int
    state: str

    @staticmethod
    def display_path(path: str) -> str:
        """A path of it for people: bytes that are not UTF-8 are written `\\xff`."""
        return os.fsencode(path).decode(errors="backslashreplace")

    @property
    def id_prefix(self) -> str:
        """The generation as it stands in each `_id`."""
        return Generation(self.generation, self.pipeline, self.path, 0.0).id_prefix


@dataclass(frozen=True, slots=True)
class CheckpointFilter:
    """Which places are meant; what is None does not matter."""

    pipeline: str | None = None
    sink: str | None = None
    path: str | None = None
    """The name under which the file began, or its last one."""


class Checkpoints:
    """The checkpoints of one state directory."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def find_rows(self, wanted: CheckpointFilter) -> list[CheckpointRow]:
        """Those that match, the oldest generation first."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT g.number, g.pipeline, c.sink, g.path, g.name, g.inode, c.offset, g.seen,"
                " CASE WHEN g.ended <> '' THEN g.ended WHEN g.finished IS NULL THEN 'open' ELSE 'finished' END"
                " FROM generations g JOIN checkpoints c ON c.generation = g.number"
                " WHERE (?1 IS NULL OR g.pipeline = ?1) AND (?2 IS NULL OR c.sink = ?2)"
                " AND (?3 IS NULL OR ?3 IN (g.path, g.name)) ORDER BY g.born, g.number, c.sink",
                (wanted.pipeline, wanted.sink, wanted.path and column_of(wanted.path)),
            ).fetchall()
        return [
            CheckpointRow(number, pipeline, sink, path_of(path), path_of(name), int(inode), offset, seen, state)
            for number, pipeline, sink, path, name, inode, offset, seen, state in rows
        ]

    def rewind(self, wanted: CheckpointFilter) -> list[CheckpointRow]:
        """Ship what matches again from its beginning, under the same ids. Returns what is rewound.

        What a database still has is recognised and not stored twice. Files that are gone are left out. The balance
        and the dead letters of what is rewound begin anew.
        """
        places = [place for place in self.find_rows(wanted) if _is_there(place)]
        with self._store.transaction() as db:
            for place in places:
                key = (place.generation, place.sink)
                for table in ("checkpoints", "balance", "dead_letters"):
                    db.execute(f"DELETE FROM {table} WHERE generation = ? AND sink = ?", key)  # noqa: S608 - constants
                db.execute("UPDATE generations SET finished = NULL WHERE number = ?", (place.generation,))
        return places

    def forget(self, wanted: CheckpointFilter) -> list[CheckpointRow]:
        """Forget the generations that match, for all sinks. Returns what is forgotten.

        A file that is still there is shipped as new, under new ids. What became of the bytes stays in the balance,
        and so do the dead letters.
        """
        numbers = {place.generation for place in self.find_rows(wanted)}
        places = [place for place in self.find_rows(CheckpointFilter()) if place.generation in numbers]
        with self._store.transaction() as db:
            drop(db, numbers)
        return places


def _is_there(place: CheckpointRow) -> bool:
    try:
        return place.state in ("open", "finished") and os.lstat(place.name).st_ino == place.inode
    except OSError:
        return False
