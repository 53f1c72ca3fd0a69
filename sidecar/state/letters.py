"""The dead letters within a transaction of the state: added, taken away, kept within a bound, and balanced."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Literal

import msgspec

from sidecar.errors import StateError
from sidecar.positions import MAX_COUNT, DeadLetter

WhenFull = Literal["block", "drop_oldest"]


class Bound(msgspec.Struct, frozen=True):
    """How many bytes of documents may lie in the dead letters, and what happens beyond that."""

    size: int = 256 << 20
    when_full: WhenFull = "block"


ADD_UP = f"ON CONFLICT DO UPDATE SET bytes = min({MAX_COUNT}, bytes + excluded.bytes), lines = lines + excluded.lines"
"""How an entry of the balance grows. SQLite would go on in floating point beyond 63 bits."""


def credit(db: sqlite3.Connection, generation: int, sink: str, what: str, size: int, lines: int) -> None:
    """Add to one entry of the balance."""
    db.execute(
        f"INSERT INTO balance VALUES (?, ?, ?, ?, ?) {ADD_UP}",  # noqa: S608 - a constant
        (generation, sink, what, size, lines),
    )


def add(db: sqlite3.Connection, letters: Sequence[DeadLetter]) -> int:
    """Append letters, in the transaction of the checkpoint that passes them. Returns the size of their documents."""
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


def keep_within(db: sqlite3.Connection, bound: Bound, added: int) -> int:
    """Called after `added` bytes were added. Returns how many of the oldest were dropped, all counted as lost.

    Raises `StateError` when there is no place and nothing may be dropped. Where there was nothing before, there is
    always place: what came at once cannot be parted.
    """
    kept = total(db)
    if kept <= bound.size or (bound.when_full == "block" and kept == added):
        return 0
    if bound.when_full == "block":
        raise StateError(
            f"the dead letters are full ({kept} bytes of at most {bound.size})",
            at="dead_letters.max_size",
            try_="send them again or throw some away with `sidecar dead-letters`, or raise the limit",
        )
    dropped = 0
    while kept > bound.size:
        number, size, generation, sink, start, end = db.execute(
            "SELECT number, size, generation, sink, start, end FROM dead_letters ORDER BY number LIMIT 1"
        ).fetchone()
        take_away(db, number, generation, sink, end - start, "lost:dead_letters_full")
        kept -= size
        dropped += 1
    return dropped


def take_away(db: sqlite3.Connection, number: int, generation: int, sink: str, size: int, what: str) -> None:
    """The letter is no letter any more; its `size` bytes of log become `what` in the balance."""
    if not db.execute("DELETE FROM dead_letters WHERE number = ?", (number,)).rowcount:
        return
    known = db.execute(
        "SELECT 1 FROM balance WHERE generation = ? AND sink = ? AND what = 'dead_letter'", (generation, sink)
    ).fetchone()
    place = generation if known else 0
    credit(db, place, sink, "dead_letter", -size, -1)
    credit(db, place, sink, what, size, 1)


def total(db: sqlite3.Connection) -> int:
    """Bytes of all documents that are kept."""
    (total,) = db.execute("SELECT coalesce(sum(size), 0) FROM dead_letters").fetchone()
    return int(total)
