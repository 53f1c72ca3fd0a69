"""Lists, rewinds and deletes the checkpoints of a stopped sidecar."""

from __future__ import annotations

import os
from dataclasses import dataclass

from sidecar.model.file import Generation
from sidecar.state.database import Database
from sidecar.state.ledger import decode_path, drop, encode_path


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """The checkpoint of one sink in one generation. Offsets and sizes are in bytes.

    `state` is `open`, `finished`, or why nothing more can be read: `truncated` or `deleted`.
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
        """Return a path as text: bytes that are not UTF-8 are written as `\\xff`."""
        return os.fsencode(path).decode(errors="backslashreplace")

    @property
    def id_prefix(self) -> str:
        """The id of the generation as it appears in the `_id` of its documents."""
        return Generation(self.generation, self.pipeline, self.path, 0.0).id_prefix


@dataclass(frozen=True, slots=True)
class CheckpointFilter:
    """Selects checkpoints; None matches everything."""

    pipeline: str | None = None
    sink: str | None = None
    path: str | None = None
    """The first or the last path of the file."""


class Checkpoints:
    """The checkpoints of one state directory."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def find_rows(self, selection: CheckpointFilter) -> list[CheckpointRow]:
        """Return the matching checkpoints, the oldest generation first."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT g.number, g.pipeline, c.sink, g.path, g.name, g.inode, c.offset, g.seen,"
                " CASE WHEN g.ended <> '' THEN g.ended WHEN g.finished IS NULL THEN 'open' ELSE 'finished' END"
                " FROM generations g JOIN checkpoints c ON c.generation = g.number"
                " WHERE (?1 IS NULL OR g.pipeline = ?1) AND (?2 IS NULL OR c.sink = ?2)"
                " AND (?3 IS NULL OR ?3 IN (g.path, g.name)) ORDER BY g.born, g.number, c.sink",
                (selection.pipeline, selection.sink, selection.path and encode_path(selection.path)),
            ).fetchall()
        return [
            CheckpointRow(
                number, pipeline, sink, decode_path(path), decode_path(name), int(inode), offset, seen, state
            )
            for number, pipeline, sink, path, name, inode, offset, seen, state in rows
        ]

    def rewind(self, selection: CheckpointFilter) -> list[CheckpointRow]:
        """Reset the matching checkpoints, so that the files are shipped again with the same ids. Return them.

        Documents that a database still has are recognized and not stored twice. Checkpoints of files that no longer
        exist are not reset. Balance and dead letters of the rewound files are deleted.
        """
        rows = [row for row in self.find_rows(selection) if _has_file(row)]
        with self._store.transaction() as db:
            for row in rows:
                key = (row.generation, row.sink)
                for table in ("checkpoints", "positions", "parked", "balance", "dead_letters"):
                    db.execute(f"DELETE FROM {table} WHERE generation = ? AND sink = ?", key)  # noqa: S608 - constants
                db.execute("UPDATE generations SET finished = NULL WHERE number = ?", (row.generation,))
        return rows

    def forget(self, selection: CheckpointFilter) -> list[CheckpointRow]:
        """Delete the checkpoints of the matching generations for all sinks. Return them.

        A file that still exists is then shipped as a new one, with new ids. Balance and dead letters stay.
        """
        numbers = {row.generation for row in self.find_rows(selection)}
        rows = [row for row in self.find_rows(CheckpointFilter()) if row.generation in numbers]
        with self._store.transaction() as db:
            drop(db, numbers)
        return rows


def _has_file(row: CheckpointRow) -> bool:
    try:
        return row.state in ("open", "finished") and os.lstat(row.name).st_ino == row.inode
    except OSError:
        return False
