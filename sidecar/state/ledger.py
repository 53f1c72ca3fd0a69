"""What the rooms write down in the state: generations, cuts, and the steps of checkpoints."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from sidecar.model.checkpoint import Checkpoint, CheckpointUpdate, KnownFile
from sidecar.model.counts import ByteCounts
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint, OverlapDigest
from sidecar.state import dead_letters as letters
from sidecar.state.database import Database
from sidecar.state.dead_letters import DeadLetterLimit

_FORGET_AFTER_S, _FORGET_DELETED_AFTER_S = 7 * 86400.0, 3600.0


class Ledger:
    """The state as the running sidecar uses it. Every method is one transaction."""

    def __init__(self, store: Database, bound: DeadLetterLimit | None = None) -> None:
        self._store = store
        self.limit = bound or DeadLetterLimit()
        self._balance: dict[str, ByteCounts] | None = None
        self._balance_of = -1
        """Which version of the database the balance was read from; changes of ours are not counted."""
        self._balancing = threading.Lock()

    def add_generations(self, generations: Iterable[tuple[Generation, FileId, Fingerprint]]) -> None:
        """New generations. Have to be durable before the first of their documents leaves."""
        with self._store.transaction() as db:
            db.executemany(
                "INSERT INTO generations (number, pipeline, path, born, device, inode, inode_generation,"
                " covered, fingerprint, name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (each.id, each.pipeline, path := column_of(each.path), each.created_at, str(file_id.device),
                     str(file_id.inode), file_id.inode_generation, fingerprint.covered, fingerprint.digest, path)
                    for each, file_id, fingerprint in generations
                ],
            )  # fmt: skip

    def extend(self, number: int, fingerprint: Fingerprint) -> None:
        """The fingerprint has grown. Has to be durable before a document from beyond the old one leaves."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET covered = ?, fingerprint = ? WHERE number = ?",
                (fingerprint.covered, fingerprint.digest, number),
            )

    def add_boundary(self, number: int, start: int, end: int) -> None:
        """What begins at `start` is shipped up to `end`, as it is; whatever follows is a document of its own."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO cuts VALUES (?, ?, ?)", (number, end, start))

    def prune_boundaries(self, number: int, before: int) -> None:
        """Forget the cuts before this offset; every sink is beyond them."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM cuts WHERE generation = ? AND end < ?", (number, before))

    def record_rename(self, number: int, name: str, seen: int) -> None:
        """The file is now called `name`."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET name = ?, seen = max(seen, ?) WHERE number = ?",
                (column_of(name), seen, number),
            )

    def record_move(self, number: int, file_id: FileId, name: str, seen: int) -> None:
        """The bytes of the generation are in another file now: a copy that was made before the truncation."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET device = ?, inode = ?, inode_generation = ?, name = ?, moved = 1,"
                " seen = max(seen, ?) WHERE number = ?",
                (str(file_id.device), str(file_id.inode), file_id.inode_generation, column_of(name), seen, number),
            )

    def record_end(self, number: int, reason: str, seen: int) -> None:
        """Nothing more can be read of the generation; `seen` is the largest size it was known to have."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET ended = ?, seen = max(seen, ?) WHERE number = ? AND ended = ''",
                (reason, seen, number),
            )

    def record_sizes(self, sizes: Iterable[tuple[int, int]]) -> None:
        """These generations (number, bytes) were seen to be so large."""
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE generations SET seen = max(seen, ?) WHERE number = ?", [(size, n) for n, size in sizes]
            )

    def mark_finished(self, number: int, at: float, is_there: bool) -> None:
        """All sinks are through with the generation. It is forgotten a week later, or an hour if its file is gone."""
        at -= 0 if is_there else _FORGET_AFTER_S - _FORGET_DELETED_AFTER_S
        with self._store.transaction() as db:
            db.execute("UPDATE generations SET finished = ? WHERE number = ?", (at, number))

    def mark_unfinished(self, number: int) -> None:
        """The file of a finished generation has grown, or there is a new sink for it."""
        with self._store.transaction() as db:
            db.execute("UPDATE generations SET finished = NULL WHERE number = ?", (number,))

    def touch_finished(self, numbers: Iterable[int], at: float) -> None:
        """The files of these finished generations are still there: remember them for another week."""
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE generations SET finished = max(finished, ?) WHERE number = ?", [(at, n) for n in numbers]
            )

    def commit(
        self, pipeline: str, sink: str, advances: Sequence[CheckpointUpdate], receipt: str | None = None
    ) -> int:
        """Checkpoints, the dead letters that they pass, the balance and the sink's own receipt, all at once.

        Returns how many old dead letters were dropped for it. Raises `StateError` if there is no place for new ones.
        """
        with self._balancing:
            balance, self._balance = self._balance, None  # nobody knows it until this is durable
            dropped = self._commit(pipeline, sink, advances, receipt)
            if balance is not None and not dropped:
                for step in advances:
                    balance.setdefault(sink, ByteCounts()).merge(step.amounts)
                self._balance = balance
        return dropped

    def _commit(self, pipeline: str, sink: str, advances: Sequence[CheckpointUpdate], receipt: str | None) -> int:
        dropped = 0
        with self._store.transaction() as db:
            added = sum(_advance(db, sink, step) for step in advances)
            if added:
                dropped = letters.enforce_limit(db, self.limit, added)
            if receipt is not None:
                db.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (pipeline, sink, receipt))
        return dropped

    def resume_token(self, pipeline: str, sink: str) -> str | None:
        """The last receipt that was committed for this sink."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT receipt FROM receipts WHERE pipeline = ? AND sink = ?", (pipeline, sink)
            ).fetchone()
        return row[0] if row else None

    def admit_targets(self, sink: str, day: str, names: Sequence[str], most: int) -> set[str]:
        """Keep these names for the day, up to `most` in all. Return those of that day and of the day before.

        Has to be durable before the first document with a new name leaves.
        """
        before = str(date.fromisoformat(day) - timedelta(days=1))
        with self._store.transaction() as db:
            rows = db.execute("SELECT day, name FROM targets WHERE sink = ? AND day >= ?", (sink, before)).fetchall()
            today = {name for kept, name in rows if kept >= day}
            new = [name for name in names if name not in today][: max(0, most - len(today))]
            if new:
                db.executemany("INSERT INTO targets VALUES (?, ?, ?)", [(sink, day, name) for name in new])
                db.execute("DELETE FROM targets WHERE sink = ? AND day < ?", (sink, before))
        return {*(name for _, name in rows), *new}

    def boundary_rules(self, pipeline: str) -> str:
        """The rules by which the documents of this pipeline were parted so far, "" for one a line."""
        with self._store.reading() as db:
            row = db.execute("SELECT boundaries FROM pipelines WHERE name = ?", (pipeline,)).fetchone()
        return str(row[0]) if row else ""

    def renumber(self, pipeline: str, numbers: Mapping[int, int], boundaries: str) -> None:
        """Other rules from now on: generations go on under other numbers (old → new), and so under other ids."""
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO pipelines VALUES (?, ?)", (pipeline, boundaries))
            for old, new in numbers.items():
                db.execute("UPDATE generations SET number = ? WHERE number = ?", (new, old))
                for table in ("checkpoints", "cuts", "balance", "dead_letters"):
                    db.execute(f"UPDATE {table} SET generation = ? WHERE generation = ?", (new, old))  # noqa: S608 - constants

    def unfinished(self, pipeline: str) -> list[KnownFile]:
        """All generations of a pipeline that are not finished, the youngest first."""
        return self._known(pipeline, "finished IS NULL")

    def recently_finished(self, pipeline: str) -> list[KnownFile]:
        """The generations that were finished to their end and are not forgotten yet, the youngest first."""
        return self._known(pipeline, "finished IS NOT NULL AND ended = ''")

    def paths(self, pipeline: str) -> list[str]:
        """Return the path of each generation of a pipeline when it began, and its last path."""
        with self._store.reading() as db:
            rows = db.execute("SELECT path, name FROM generations WHERE pipeline = ?", (pipeline,)).fetchall()
        return [path_of(column) for row in rows for column in row]

    def _known(self, pipeline: str, condition: str) -> list[KnownFile]:
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT number, path, born, device, inode, inode_generation, covered, fingerprint, name, seen, ended,"  # noqa: S608 - the conditions are constants
                f" moved FROM generations WHERE pipeline = ? AND {condition} ORDER BY born DESC, number",
                (pipeline,),
            ).fetchall()
            return [_known_file(db, pipeline, row) for row in rows]

    def balance(self) -> dict[str, ByteCounts]:
        """Sink → what became of all bytes and lines that were ever settled for it.

        Added up once, and again when another process has changed it: there is a row for each file of a week.
        """
        with self._balancing, self._store.reading() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
            if self._balance is None or version != self._balance_of:
                self._balance, self._balance_of = _add_up(db), version
            return {
                sink: ByteCounts(dict(amounts.bytes_), dict(amounts.lines)) for sink, amounts in self._balance.items()
            }

    def dead_letter_bytes(self) -> int:
        """Bytes of documents in the dead letters, also of those that another process added or took away."""
        with self._store.reading() as db:
            return letters.total_size(db)

    def forget(self, pipeline: str, now: float) -> None:
        """Drop generations that were finished a week ago; what became of their bytes stays in the balance."""
        with self._store.transaction() as db:
            old = db.execute(
                "SELECT number FROM generations WHERE pipeline = ? AND finished < ?",
                (pipeline, now - _FORGET_AFTER_S),
            ).fetchall()
            drop(db, [number for (number,) in old])


def _add_up(db: sqlite3.Connection) -> dict[str, ByteCounts]:
    found: dict[str, ByteCounts] = {}
    # sum() fails beyond 63 bits, so the upper and the lower half of each number are added up apart.
    rows = db.execute(
        "SELECT sink, what, sum(bytes >> 32), sum(bytes & 0xffffffff), sum(lines) FROM balance GROUP BY sink, what"
    ).fetchall()
    for sink, what, upper, lower, lines in rows:
        found.setdefault(sink, ByteCounts()).add(what, (upper << 32) + lower, lines)
    return found


def drop(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Forget these generations; what became of their bytes stays in the balance."""
    keys = [(number,) for number in numbers]
    for statement in _FORGETTING:
        db.executemany(statement, keys)


_FORGETTING = (
    f"INSERT INTO balance SELECT 0, sink, what, bytes, lines FROM balance WHERE generation = ? {letters.ADD_UP}",  # noqa: S608 - a constant
    "DELETE FROM balance WHERE generation = ?",
    "DELETE FROM checkpoints WHERE generation = ?",
    "DELETE FROM cuts WHERE generation = ?",
    "DELETE FROM generations WHERE number = ?",
)


def _advance(db: sqlite3.Connection, sink: str, step: CheckpointUpdate) -> int:
    """Returns the size of the dead letters that were added."""
    point = step.checkpoint
    db.execute(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)",
        (step.generation, sink, point.offset, point.tail.length, point.tail.digest, point.done),
    )
    db.execute("UPDATE generations SET seen = max(seen, ?) WHERE number = ?", (step.seen, step.generation))
    for what, size in step.amounts.bytes_.items():
        letters.add_to_balance(db, step.generation, sink, what, size, step.amounts.lines[what])
    return letters.add(db, step.dead_letters)


def column_of(path: str) -> str | bytes:
    """A path as it stands in the state: text, or a blob if it is not UTF-8."""
    data = os.fsencode(path)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def path_of(column: object) -> str:
    """The path that stands in a column of the state."""
    return os.fsdecode(column) if isinstance(column, bytes) else str(column)


def _known_file(db: sqlite3.Connection, pipeline: str, row: Sequence[object]) -> KnownFile:
    number, path, born, device, inode, inode_generation, covered, fingerprint, name, seen, ended, moved = row
    points = db.execute(
        "SELECT sink, offset, tail_length, tail, done FROM checkpoints WHERE generation = ?", (number,)
    ).fetchall()
    cuts = db.execute("SELECT end FROM cuts WHERE generation = ? ORDER BY end", (number,)).fetchall()
    return KnownFile(
        Generation(int(str(number)), pipeline, path_of(path), float(str(born))),
        FileId(int(str(device)), int(str(inode)), None if inode_generation is None else int(str(inode_generation))),
        Fingerprint(int(str(covered)), bytes(fingerprint)),  # type: ignore[call-overload]  # a BLOB column
        path_of(name),
        int(str(seen)),
        str(ended),
        bool(moved),
        {
            sink: Checkpoint(offset, OverlapDigest(length, tail), bool(done))
            for sink, offset, length, tail, done in points
        },
        [cut for (cut,) in cuts],
    )
