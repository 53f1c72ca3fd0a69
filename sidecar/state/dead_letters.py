"""Stores dead letters in the state database.

The functions run in a transaction of the ledger. Commands use `DeadLetterStore`, which works while a sidecar runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec.structs import fields

from sidecar.errors import StateError
from sidecar.model.batch import Rejection
from sidecar.model.counts import MAX_COUNT
from sidecar.model.dead_letter import DeadLetter
from sidecar.state.database import Database

_ROWS_PER_QUERY = 500
_COLUMNS = ", ".join(field.name for field in fields(DeadLetter))

WhenFull = Literal["block", "drop_oldest"]


class DeadLetterLimit(msgspec.Struct, frozen=True):
    """Maximum bytes of documents in the dead letters, and what happens when that size is reached."""

    size: int = 256 << 20
    when_full: WhenFull = "block"


ADD_TO_ROW = (
    f"ON CONFLICT DO UPDATE SET bytes = min({MAX_COUNT}, bytes + excluded.bytes), lines = lines + excluded.lines"
)
"""Adds to an existing row of the balance. Sums stop at 63 bits, where SQLite would continue in floating point."""


def add_to_balance(db: sqlite3.Connection, generation: int, sink: str, what: str, size: int, lines: int) -> None:
    """Add to one row of the balance."""
    db.execute(
        f"INSERT INTO balance VALUES (?, ?, ?, ?, ?) {ADD_TO_ROW}",  # noqa: S608 - a constant
        (generation, sink, what, size, lines),
    )


def add(db: sqlite3.Connection, letters: Sequence[DeadLetter]) -> int:
    """Insert letters. Return the bytes of their documents."""
    sizes = [len(letter.document.encode()) for letter in letters]
    db.executemany(
        "INSERT INTO dead_letters (pipeline, sink, generation, path, start, end, document_id, target, document,"
        " event_time, status, kind, reason, at, attempts, size)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (x.pipeline, x.sink, x.generation, x.path, x.start, x.end, x.document_id, x.target, x.document,
             x.event_time, x.status, x.kind, x.reason, x.at, x.attempts, size)
            for x, size in zip(letters, sizes, strict=True)
        ],
    )  # fmt: skip
    return sum(sizes)


def enforce_limit(db: sqlite3.Connection, limit: DeadLetterLimit, added: int) -> int:
    """Drop the oldest letters while the limit is exceeded, and count their bytes as lost. Return their number.

    `added`: bytes that the current batch has added. Raise `StateError` if the limit is exceeded and no letter may be
    dropped. If there are no older letters, the batch may exceed the limit, because it cannot be split.
    """
    kept = total_size(db)
    if kept <= limit.size or (limit.when_full == "block" and kept == added):
        return 0
    if limit.when_full == "block":
        raise StateError(
            f"the dead letters are full ({kept} of {limit.size} bytes)",
            location="dead_letters.max_size",
            hint="replay or purge some with `sidecar dead-letters`, or raise the limit",
        )
    dropped = 0
    while kept > limit.size:
        number, size, generation, sink, start, end = db.execute(
            "SELECT number, size, generation, sink, start, end FROM dead_letters ORDER BY number LIMIT 1"
        ).fetchone()
        remove(db, number, generation, sink, end - start, "lost:dead_letters_full")
        kept -= size
        dropped += 1
    return dropped


def remove(db: sqlite3.Connection, number: int, generation: int, sink: str, size: int, what: str) -> None:
    """Delete a letter, and move the `size` bytes of its line to the outcome `what` in the balance."""
    if not db.execute("DELETE FROM dead_letters WHERE number = ?", (number,)).rowcount:
        return
    known = db.execute(
        "SELECT 1 FROM balance WHERE generation = ? AND sink = ? AND what = 'dead_letter'", (generation, sink)
    ).fetchone()
    place = generation if known else 0
    add_to_balance(db, place, sink, "dead_letter", -size, -1)
    add_to_balance(db, place, sink, what, size, 1)


def total_size(db: sqlite3.Connection) -> int:
    """Return the bytes of all documents in the dead letters."""
    (total,) = db.execute("SELECT coalesce(sum(size), 0) FROM dead_letters").fetchone()
    return int(total)


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects dead letters; None matches everything. `numbers` takes precedence over all other fields."""

    numbers: tuple[int, ...] = ()
    pipeline: str | None = None
    sink: str | None = None
    kind: str | None = None
    path: str | None = None

    def to_sql(self) -> tuple[str, list[Any]]:
        """Return a SQL condition and its values."""
        if self.numbers:
            return f"number IN ({', '.join('?' * len(self.numbers))})", list(self.numbers)
        wanted = {"pipeline": self.pipeline, "sink": self.sink, "kind": self.kind, "path": self.path}
        chosen = {name: value for name, value in wanted.items() if value is not None}
        return " AND ".join(["1", *(f"{name} = ?" for name in chosen)]), list(chosen.values())

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether the letter matches all fields but `numbers`, which only letters in the state have."""
        pairs = ((self.pipeline, letter.pipeline), (self.sink, letter.sink), (self.kind, letter.kind),
                 (self.path, letter.path))  # fmt: skip
        return all(wanted in (None, value) for wanted, value in pairs)


class DeadLetterStore:
    """The dead letters of one state directory."""

    def __init__(self, store: Database) -> None:
        self._store = store

    def list(self, wanted: DeadLetterFilter, limit: int = 1_000_000) -> Iterator[tuple[int, DeadLetter]]:
        """Yield the matching letters with their numbers, the oldest first."""
        condition, values = wanted.to_sql()
        last = 0
        while limit > 0:
            with self._store.reading() as db:
                rows = db.execute(
                    f"SELECT number, {_COLUMNS} FROM dead_letters"  # noqa: S608 - column names are constants
                    f" WHERE number > ? AND {condition} ORDER BY number LIMIT ?",
                    [last, *values, min(limit, _ROWS_PER_QUERY)],
                ).fetchall()
            if not rows:
                return
            for number, *values_of_row in rows:
                yield number, DeadLetter(*values_of_row)
            last, limit = rows[-1][0], limit - len(rows)

    def uncopied(self, limit: int) -> Sequence[tuple[int, DeadLetter]]:
        """Return the first `limit` letters that the sink of `dead_letters.to` does not have, with their numbers."""
        with self._store.reading() as db:
            rows = db.execute(
                f"SELECT number, {_COLUMNS} FROM dead_letters WHERE copied = 0 ORDER BY number LIMIT ?",  # noqa: S608 - constants
                [limit],
            ).fetchall()
        return [(number, DeadLetter(*values)) for number, *values in rows]

    def count_uncopied(self) -> int:
        """Return the number of letters that the sink of `dead_letters.to` does not have."""
        with self._store.reading() as db:
            (number,) = db.execute("SELECT count(*) FROM dead_letters WHERE copied = 0").fetchone()
        return int(number)

    def mark_copied(self, numbers: Sequence[int]) -> None:
        """Record that these letters are copied."""
        with self._store.transaction() as db:
            db.executemany("UPDATE dead_letters SET copied = 1 WHERE number = ?", [(number,) for number in numbers])

    def newest(self, limit: int) -> Sequence[tuple[int, DeadLetter]]:
        """Return the last `limit` letters with their numbers, the newest first."""
        with self._store.reading() as db:
            rows = db.execute(
                f"SELECT number, {_COLUMNS} FROM dead_letters ORDER BY number DESC LIMIT ?",  # noqa: S608 - constants
                [limit],
            ).fetchall()
        return [(number, DeadLetter(*values)) for number, *values in rows]

    def count(self) -> int:
        """Return the number of dead letters."""
        with self._store.reading() as db:
            (number,) = db.execute("SELECT count(*) FROM dead_letters").fetchone()
        return int(number)

    def purge(self, wanted: DeadLetterFilter) -> int:
        """Delete the matching letters, and count their bytes as lost. Return the number of letters."""
        letters = list(self.list(wanted))
        with self._store.transaction() as db:
            for number, letter in letters:
                remove(db, number, letter.generation, letter.sink, letter.end - letter.start, "lost:purged")
        return len(letters)

    def record_replay(
        self, letters: Sequence[tuple[int, DeadLetter]], rejected: Mapping[int, Rejection], unsent: Container[int],
        now: float,
    ) -> None:  # fmt: skip
        """Remove the letters that a sink has stored.

        Keep those that it rejected again, with the new reason, and those that it could not store now (`unsent`). Both
        are given by their index in `letters`.
        """
        with self._store.transaction() as db:
            for index, (number, letter) in enumerate(letters):
                if index in unsent:
                    continue
                if again := rejected.get(index):
                    db.execute(
                        "UPDATE dead_letters SET attempts = attempts + 1, kind = ?, reason = ?, status = ?, at = ?"
                        " WHERE number = ?",
                        (again.kind, again.answer or again.reason, again.status, now, number),
                    )
                else:
                    remove(db, number, letter.generation, letter.sink, letter.end - letter.start, "stored")
