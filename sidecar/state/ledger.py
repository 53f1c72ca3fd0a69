"""Reads and changes the state of the running sidecar: generations, boundaries and checkpoints."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from sidecar.model.checkpoint import COPY, Checkpoint, CheckpointUpdate, Intent, KnownFile, NewGeneration
from sidecar.model.counts import ByteCounts
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint, OverlapDigest
from sidecar.model.span import ParkedRange
from sidecar.state import dead_letters as letters
from sidecar.state.database import Database
from sidecar.state.dead_letters import DeadLetterLimit

_FORGET_AFTER_S, _FORGET_DELETED_AFTER_S = 7 * 86400.0, 3600.0


class Ledger:
    """The state as the running sidecar uses it. Every method is one transaction."""

    # More than twenty methods: one for each change that has to be durable as a whole. Trackers use it through
    # protocols that have only the methods that they need.

    def __init__(self, store: Database, limit: DeadLetterLimit | None = None) -> None:
        self._store = store
        self.limit = limit or DeadLetterLimit()
        self._balance: dict[tuple[str, str], ByteCounts] | None = None
        self._balance_version = -1
        """Version of the database from which the balance was read. Commits of this process do not change it."""

        self._balance_lock = threading.Lock()

    def add_generations(self, generations: Sequence[NewGeneration]) -> None:
        """Add new generations. This must be durable before the first of their documents is sent.

        The bytes before the start position of a sink count as skipped. Generations that have ended count as finished.
        """
        with self._balance_lock, self._store.transaction() as db:
            _insert_generations(db, generations)
            for new in generations:
                for sink, checkpoint in new.starts.items():
                    self._balance = None
                    amounts = ByteCounts()
                    amounts.add(f"skipped:{new.skipped}", checkpoint.offset, 0)
                    update = CheckpointUpdate(new.generation.id, checkpoint, checkpoint.offset, amounts)
                    _write_update(db, sink, update)

    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None:
        """Store a longer fingerprint, and which bytes may be sent next. This must be durable before they are sent."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET covered = ?, fingerprint = ?, intent = coalesce(?, intent),"
                " intent_crc = coalesce(?, intent_crc) WHERE number = ?",
                (fingerprint.covered, fingerprint.digest, *_intent_columns(intent), number),
            )

    def add_boundary(self, number: int, start: int, end: int) -> None:
        """Record that the line at `start` is shipped unterminated up to `end`; the rest is another document."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO cuts VALUES (?, ?, ?)", (number, end, start))

    def prune_boundaries(self, number: int, before: int) -> None:
        """Delete boundaries before this offset, which the checkpoints of all sinks have passed."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM cuts WHERE generation = ? AND end < ?", (number, before))

    def record_formats(self, formats: Mapping[int, str]) -> dict[int, str]:
        """Record the detected formats of generations that have none. Return those that were recorded now.

        This must be durable before a document of these generations is sent.
        """
        with self._store.transaction() as db:
            update = "UPDATE generations SET format = ? WHERE number = ? AND format IS NULL"
            return {
                number: text for number, text in formats.items() if db.execute(update, (text, number)).rowcount == 1
            }

    def format_of(self, number: int) -> str | None:
        """Return the recorded format of a generation."""
        with self._store.reading() as db:
            row = db.execute("SELECT format FROM generations WHERE number = ?", (number,)).fetchone()
        return row[0] if row else None

    def latest_format(self, pipeline: str, path: str) -> str | None:
        """Return the format that was detected last for a file with this path; None if there is none."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT format FROM generations WHERE pipeline = ? AND path = ? AND format IS NOT NULL"
                " ORDER BY born DESC LIMIT 1",
                (pipeline, encode_path(path)),
            ).fetchone()
        return row[0] if row else None

    def recent_formats(self, pipeline: str, limit: int) -> list[str]:
        """Return different formats of the pipeline, those that were detected last first."""
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT format FROM generations WHERE pipeline = ? AND format IS NOT NULL"
                " GROUP BY format ORDER BY max(born) DESC LIMIT ?",
                (pipeline, limit),
            ).fetchall()
        return [text for (text,) in rows]

    def record_rename(self, number: int, name: str, seen: int) -> None:
        """Record that the path of the file is now `name`."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET name = ?, seen = max(seen, ?) WHERE number = ?",
                (encode_path(name), seen, number),
            )

    def record_move(self, number: int, file_id: FileId, name: str, seen: int, is_copy: bool) -> None:
        """Record that the content is now in another file. `is_copy`: in a copy made before a truncation."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET device = ?, inode = ?, inode_generation = ?, created_ns = ?, name = ?,"
                " moved = max(moved, ?), seen = max(seen, ?) WHERE number = ?",
                (*_file_columns(file_id), encode_path(name), is_copy, seen, number),
            )

    def record_end(self, number: int, reason: str, seen: int) -> None:
        """Record why no more of the generation can be read. `seen`: its largest known size."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE generations SET ended = ?, seen = max(seen, ?) WHERE number = ? AND ended = ''",
                (reason, seen, number),
            )

    def record_sizes(self, sizes: Iterable[tuple[int, int]]) -> None:
        """Record the largest sizes of generations, as pairs of number and bytes."""
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE generations SET seen = max(seen, ?) WHERE number = ?", [(size, n) for n, size in sizes]
            )

    def mark_finished(self, number: int, at: float, is_present: bool) -> None:
        """Record that all sinks have settled the generation.

        It is dropped after a week, or after an hour if its file does not exist any more.
        """
        self.mark_all_finished([number], at if is_present else at + _FORGET_DELETED_AFTER_S - _FORGET_AFTER_S)

    def mark_all_finished(self, numbers: Iterable[int], at: float) -> None:
        """Record that all sinks have settled these generations. They are dropped after a week."""
        with self._store.transaction() as db:
            db.executemany("UPDATE generations SET finished = ? WHERE number = ?", [(at, n) for n in numbers])

    def mark_unfinished(self, number: int) -> None:
        """Record that a finished generation has new content, or a new sink."""
        with self._store.transaction() as db:
            db.execute("UPDATE generations SET finished = NULL WHERE number = ?", (number,))

    def touch_finished(self, numbers: Iterable[int], at: float) -> None:
        """Keep these finished generations for another week, because their files still exist."""
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE generations SET finished = max(finished, ?) WHERE number = ?", [(at, n) for n in numbers]
            )

    def commit(
        self, pipeline: str, sink: str, updates: Sequence[CheckpointUpdate], receipt: str | None = None
    ) -> int:
        """Commit checkpoints, their dead letters, the balance and the resume token of the sink together.

        Return how many old dead letters were dropped. Raise `StateError` if there is no space for new ones.
        """
        with self._balance_lock:
            balance, self._balance = self._balance, None  # unknown until the commit is durable
            dropped = self._commit(pipeline, sink, updates, receipt)
            if balance is not None and not dropped:
                for update in updates:
                    balance.setdefault((pipeline, sink), ByteCounts()).merge(update.amounts)
                self._balance = balance
        return dropped

    def _commit(self, pipeline: str, sink: str, updates: Sequence[CheckpointUpdate], receipt: str | None) -> int:
        dropped = 0
        with self._store.transaction() as db:
            added = sum(_write_update(db, sink, update) for update in updates)
            if added:
                dropped = letters.enforce_limit(db, self.limit, added)
            if receipt is not None:
                db.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", (pipeline, sink, receipt))
        return dropped

    def parked(self, number: int, sink: str) -> tuple[Checkpoint, list[ParkedRange]] | None:
        """Return the position of reading, and the parked ranges before it; None if no record is parked."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT offset, tail_length, tail, crc FROM positions WHERE generation = ? AND sink = ?",
                (number, sink),
            ).fetchone()
            if row is None:
                return None
            rows = db.execute(
                "SELECT start, end, lines, target FROM parked WHERE generation = ? AND sink = ? ORDER BY start",
                (number, sink),
            ).fetchall()
        offset, length, tail, crc = row
        return Checkpoint(offset, OverlapDigest(length, tail), crc=crc), [ParkedRange(*values) for values in rows]

    def resume_token(self, pipeline: str, sink: str) -> str | None:
        """Return the last token that was committed for this sink."""
        with self._store.reading() as db:
            row = db.execute(
                "SELECT receipt FROM receipts WHERE pipeline = ? AND sink = ?", (pipeline, sink)
            ).fetchone()
        return row[0] if row else None

    def admit_targets(self, sink: str, day: str, names: Sequence[str], max_targets: int) -> set[str]:
        """Store target names of a day, up to `max_targets` in total. Return those of this day and the day before.

        This must be durable before the first document with a new name is sent.
        """
        day_before = str(date.fromisoformat(day) - timedelta(days=1))
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT day, name FROM targets WHERE sink = ? AND day >= ?", (sink, day_before)
            ).fetchall()
            today = {name for kept, name in rows if kept >= day}
            new = [name for name in names if name not in today][: max(0, max_targets - len(today))]
            if new:
                db.executemany("INSERT INTO targets VALUES (?, ?, ?)", [(sink, day, name) for name in new])
                db.execute("DELETE FROM targets WHERE sink = ? AND day < ?", (sink, day_before))
        return {*(name for _, name in rows), *new}

    def is_known_pipeline(self, pipeline: str) -> bool:
        """Return whether a scan of this pipeline was recorded."""
        with self._store.reading() as db:
            return db.execute("SELECT 1 FROM pipelines WHERE name = ?", (pipeline,)).fetchone() is not None

    def add_pipeline(self, pipeline: str) -> None:
        """Record that the files of this pipeline were scanned."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO pipelines VALUES (?, '')", (pipeline,))

    def boundary_rules(self, pipeline: str) -> str:
        """Return the rules by which this pipeline split its events so far; "" for one event per line."""
        with self._store.reading() as db:
            row = db.execute("SELECT boundaries FROM pipelines WHERE name = ?", (pipeline,)).fetchone()
        return str(row[0]) if row else ""

    def renumber(self, pipeline: str, numbers: Mapping[int, int], boundaries: str) -> None:
        """Store other boundary rules, and renumber generations (old → new), so that documents get new ids."""
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO pipelines VALUES (?, ?)", (pipeline, boundaries))
            for old, new in numbers.items():
                db.execute("UPDATE generations SET number = ? WHERE number = ?", (new, old))
                for table in ("checkpoints", "positions", "parked", "cuts", "balance", "dead_letters"):
                    db.execute(f"UPDATE {table} SET generation = ? WHERE generation = ?", (new, old))  # noqa: S608 - constants

    def unfinished(self, pipeline: str) -> list[KnownFile]:
        """Return all unfinished generations of a pipeline, the newest first."""
        return self._known(pipeline, "finished IS NULL")

    def recently_finished(self, pipeline: str) -> list[KnownFile]:
        """Return the finished generations of which no content was lost, the newest first."""
        return self._known(pipeline, f"finished IS NOT NULL AND ended IN ('', '{COPY}')")

    def paths(self, pipeline: str) -> list[str]:
        """Return the first and the last path of each generation of a pipeline."""
        with self._store.reading() as db:
            rows = db.execute("SELECT path, name FROM generations WHERE pipeline = ?", (pipeline,)).fetchall()
        return [decode_path(column) for row in rows for column in row]

    def _known(self, pipeline: str, condition: str) -> list[KnownFile]:
        with self._store.reading() as db:
            rows = db.execute(
                "SELECT number, path, born, device, inode, inode_generation, covered, fingerprint, name, seen,"  # noqa: S608 - the conditions are constants
                " ended, moved, created_ns, intent, intent_crc, format FROM generations"
                f" WHERE pipeline = ? AND {condition} ORDER BY born DESC, number",
                (pipeline,),
            ).fetchall()
            return [_known_file(db, pipeline, row) for row in rows]

    def balance(self) -> dict[str, ByteCounts]:
        """Return the outcome of all bytes and lines that were ever settled, by sink."""
        by_sink: dict[str, ByteCounts] = {}
        for (_, sink), amounts in self.pipeline_balance().items():
            by_sink.setdefault(sink, ByteCounts()).merge(amounts)
        return by_sink

    def pipeline_balance(self) -> dict[tuple[str, str], ByteCounts]:
        """Return the same as `balance`, by pipeline and sink. The pipeline of files that were forgotten is "".

        The result is cached until another process changes the database, because the sum covers all files of a week.
        """
        with self._balance_lock, self._store.reading() as db:
            (version,) = db.execute("PRAGMA data_version").fetchone()
            if self._balance is None or version != self._balance_version:
                self._balance, self._balance_version = _add_up(db), version
            return {
                key: ByteCounts(dict(amounts.bytes_), dict(amounts.lines)) for key, amounts in self._balance.items()
            }

    def dead_letter_bytes(self) -> int:
        """Return the bytes of all documents in the dead letters, including changes by other processes."""
        with self._store.reading() as db:
            return letters.total_size(db)

    def forget(self, pipeline: str, now: float) -> None:
        """Drop generations that were finished a week ago; their bytes stay in the balance."""
        with self._store.transaction() as db:
            old = db.execute(
                "SELECT number FROM generations WHERE pipeline = ? AND finished < ?",
                (pipeline, now - _FORGET_AFTER_S),
            ).fetchall()
            drop(db, [number for (number,) in old])

    def forget_path(self, path: str) -> None:
        """Drop the generations of this file; their bytes and dead letters stay."""
        with self._store.transaction() as db:
            rows = db.execute("SELECT number FROM generations WHERE path = ?", (encode_path(path),)).fetchall()
            drop(db, [number for (number,) in rows])


def _add_up(db: sqlite3.Connection) -> dict[tuple[str, str], ByteCounts]:
    balance: dict[tuple[str, str], ByteCounts] = {}
    # sum() fails beyond 63 bits, so the upper and lower halves of the numbers are added up separately.
    rows = db.execute(
        "SELECT coalesce(pipeline, ''), sink, what, sum(bytes >> 32), sum(bytes & 0xffffffff), sum(lines)"
        " FROM balance LEFT JOIN generations ON number = generation GROUP BY 1, sink, what"
    ).fetchall()
    for pipeline, sink, what, upper, lower, lines in rows:
        balance.setdefault((pipeline, sink), ByteCounts()).add(what, (upper << 32) + lower, lines)
    return balance


def drop(db: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete these generations; their bytes stay in the balance."""
    keys = [(number,) for number in numbers]
    for statement in _FORGET_STATEMENTS:
        db.executemany(statement, keys)


_FORGET_STATEMENTS = (
    f"INSERT INTO balance SELECT 0, sink, what, bytes, lines FROM balance WHERE generation = ? {letters.ADD_TO_ROW}",  # noqa: S608 - a constant
    "DELETE FROM balance WHERE generation = ?",
    "DELETE FROM checkpoints WHERE generation = ?",
    "DELETE FROM positions WHERE generation = ?",
    "DELETE FROM parked WHERE generation = ?",
    "DELETE FROM cuts WHERE generation = ?",
    "DELETE FROM generations WHERE number = ?",
)


def _write_update(db: sqlite3.Connection, sink: str, update: CheckpointUpdate) -> int:
    """Write one update. Return the size of the dead letters that were added."""
    point = update.checkpoint
    db.execute(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            update.generation,
            sink,
            point.offset,
            point.tail.length,
            point.tail.digest,
            point.done,
            point.crc,
            msgspec.msgpack.encode(point.marks) if point.marks else None,
            point.waiting_since,
        ),
    )
    db.execute("UPDATE generations SET seen = max(seen, ?) WHERE number = ?", (update.seen, update.generation))
    _write_parked(db, sink, update)
    for what, size in update.amounts.bytes_.items():
        letters.add_to_balance(db, update.generation, sink, what, size, update.amounts.lines[what])
    return letters.add(db, update.dead_letters)


def _write_parked(db: sqlite3.Connection, sink: str, update: CheckpointUpdate) -> None:
    """Write the position of reading, and which ranges before it are parked."""
    key = (update.generation, sink)
    db.execute("DELETE FROM positions WHERE generation = ? AND sink = ?", key)
    if (position := update.position) is not None:
        tail = position.tail
        values = (*key, position.offset, tail.length, tail.digest, position.crc)
        db.execute("INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?)", values)
    db.executemany(
        "DELETE FROM parked WHERE generation = ? AND sink = ? AND start = ?",
        [(*key, item.start) for item in update.unparked],
    )
    db.executemany(
        "INSERT OR REPLACE INTO parked VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, item.start, item.end, item.lines, item.target) for item in update.parked],
    )


def encode_path(path: str) -> str | bytes:
    """Return a path as a column of the state: text, or a blob if it is not UTF-8."""
    data = os.fsencode(path)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def decode_path(column: object) -> str:
    """Return the path in a column of the state."""
    return os.fsdecode(column) if isinstance(column, bytes) else str(column)


def _insert_generations(
    db: sqlite3.Connection,
    generations: Iterable[NewGeneration],
) -> None:
    db.executemany(
        "INSERT INTO generations (number, pipeline, path, born, device, inode, inode_generation, created_ns,"
        " covered, fingerprint, name, seen, intent, intent_crc, ended, finished)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (new.generation.id, new.generation.pipeline, path := encode_path(new.generation.path),
             new.generation.created_at, *_file_columns(new.file_id), new.fingerprint.covered,
             new.fingerprint.digest, path, new.seen, *_intent_columns(new.intent), new.ended,
             new.generation.created_at if new.ended else None)
            for new in generations
        ],
    )  # fmt: skip


def _file_columns(file_id: FileId) -> tuple[str, str, int | None, int | None]:
    return str(file_id.device), str(file_id.inode), file_id.inode_generation, file_id.created_ns


def _intent_columns(intent: Intent | None) -> tuple[int | None, int | None]:
    return (intent.offset, intent.crc) if intent else (None, None)


def _marks_of(column: bytes | None) -> Sequence[tuple[int, int]]:
    return msgspec.msgpack.decode(column, type=tuple[tuple[int, int], ...]) if column else ()


def _known_file(db: sqlite3.Connection, pipeline: str, row: Sequence[Any]) -> KnownFile:
    (number, path, born, device, inode, inode_generation, covered, fingerprint, name, seen, ended, moved, created_ns,
     intent, intent_crc, file_format) = row  # fmt: skip
    checkpoints = db.execute(
        "SELECT sink, offset, tail_length, tail, done, crc, marks, waiting FROM checkpoints WHERE generation = ?",
        (number,),
    ).fetchall()
    cuts = db.execute("SELECT end FROM cuts WHERE generation = ? ORDER BY end", (number,)).fetchall()
    return KnownFile(
        Generation(number, pipeline, decode_path(path), born),
        FileId(int(device), int(inode), inode_generation, created_ns),
        Fingerprint(covered, fingerprint),
        decode_path(name),
        seen,
        ended,
        bool(moved),
        {
            sink: Checkpoint(offset, OverlapDigest(length, tail), bool(done), crc, _marks_of(marks), waiting)
            for sink, offset, length, tail, done, crc, marks, waiting in checkpoints
        },
        [cut for (cut,) in cuts],
        None if intent is None else Intent(intent, intent_crc),
        file_format,
    )
