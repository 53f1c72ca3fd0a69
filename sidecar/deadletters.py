"""Dead letters as people handle them: list, show, send again, throw away. Works while a sidecar is running.

Sending again is idempotent: the document goes to the target that it was meant for, under the id that it had, and
a letter leaves the state only when the destination has said that it has the document.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import fields

from sidecar.deliver.courier import Courier
from sidecar.deliver.sink import Resumable, Sink
from sidecar.errors import ConfigurationError, DeliveryError, Fatal
from sidecar.flow import Batch, Generation, Whole
from sidecar.positions import DeadLetter
from sidecar.state.letters import take_away
from sidecar.state.store import Store

_PAGE = 500
_COLUMNS = ", ".join(field.name for field in fields(DeadLetter))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; what is None does not matter. `numbers` wins over everything else."""

    numbers: tuple[int, ...] = ()
    pipeline: str | None = None
    sink: str | None = None
    kind: str | None = None
    path: str | None = None

    def where(self) -> tuple[str, list[Any]]:
        """A condition for SQL with its values."""
        if self.numbers:
            return f"number IN ({', '.join('?' * len(self.numbers))})", list(self.numbers)
        wanted = {"pipeline": self.pipeline, "sink": self.sink, "kind": self.kind, "path": self.path}
        chosen = {name: value for name, value in wanted.items() if value is not None}
        return " AND ".join(["1", *(f"{name} = ?" for name in chosen)]), list(chosen.values())


@dataclass(slots=True)
class Replay:
    """What became of the letters that were sent again."""

    stored: int = 0
    refused: int = 0
    failed: str = ""


class DeadLetters:
    """The dead letters of one state directory."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, wanted: Filter, limit: int = 1_000_000) -> Iterator[tuple[int, DeadLetter]]:
        """(number, letter) of those that match, the oldest first."""
        condition, values = wanted.where()
        last = 0
        while limit > 0:
            with self._store.reading() as db:
                rows = db.execute(
                    f"SELECT number, {_COLUMNS} FROM dead_letters"  # noqa: S608 - column names are constants
                    f" WHERE number > ? AND {condition} ORDER BY number LIMIT ?",
                    [last, *values, min(limit, _PAGE)],
                ).fetchall()
            if not rows:
                return
            for number, *values_of_row in rows:
                yield number, DeadLetter(*values_of_row)
            last, limit = rows[-1][0], limit - len(rows)

    def newest(self, limit: int) -> Sequence[tuple[int, DeadLetter]]:
        """(number, letter) of so many, the newest first."""
        with self._store.reading() as db:
            rows = db.execute(
                f"SELECT number, {_COLUMNS} FROM dead_letters ORDER BY number DESC LIMIT ?",  # noqa: S608 - constants
                [limit],
            ).fetchall()
        return [(number, DeadLetter(*values)) for number, *values in rows]

    def count(self) -> int:
        """How many there are."""
        with self._store.reading() as db:
            (number,) = db.execute("SELECT count(*) FROM dead_letters").fetchone()
        return int(number)

    def purge(self, wanted: Filter) -> int:
        """Throw away those that match; in the balance their bytes are lost. Returns how many there were."""
        letters = list(self.list(wanted))
        with self._store.transaction() as db:
            for number, letter in letters:
                take_away(db, number, letter.generation, letter.sink, letter.end - letter.start, "lost:purged")
        return len(letters)

    def replay(self, wanted: Filter, sinks: Mapping[str, Sink], now: float) -> Replay:
        """Send those that match again, each to the sink that it was meant for.

        Raises `ConfigurationError` when a letter's sink is not in `sinks`.
        """
        result = Replay()
        letters = list(self.list(wanted))
        for name in dict.fromkeys(letter.sink for _, letter in letters):
            if name not in sinks:
                raise ConfigurationError(
                    "there are dead letters for a sink that is not configured", at=name,
                    try_="name the configuration that they were made with, or choose with --sink",
                )  # fmt: skip
            mine = [(number, letter) for number, letter in letters if letter.sink == name]
            self._replay_to(sinks[name], mine, result, now)
        return result

    def _replay_to(self, sink: Sink, letters: Sequence[tuple[int, DeadLetter]], result: Replay, now: float) -> None:
        if isinstance(sink, Resumable):
            raise ConfigurationError("cannot take single documents again", at=letters[0][1].sink, try_="purge them")
        courier = Courier(sink, threading.Event())
        try:
            sink.open()
            for first in range(0, len(letters), _PAGE):
                self._send(courier, letters[first : first + _PAGE], result, now)
        except DeliveryError as fault:
            result.failed = str(fault)
            if isinstance(fault, Fatal):
                result.refused += len(letters) - result.stored
        finally:
            sink.close()

    def _send(self, courier: Courier, letters: Sequence[tuple[int, DeadLetter]], result: Replay, now: float) -> None:
        outcome = courier.deliver(batch_of([letter for _, letter in letters]))
        with self._store.transaction() as db:
            for index, (number, letter) in enumerate(letters):
                if index in outcome.rejected:
                    refusal = outcome.rejected[index]
                    db.execute(
                        "UPDATE dead_letters SET attempts = attempts + 1, kind = ?, reason = ?, status = ?, at = ?"
                        " WHERE number = ?",
                        (refusal.kind, refusal.reason, refusal.status, now, number),
                    )
                else:
                    take_away(db, number, letter.generation, letter.sink, letter.end - letter.start, "stored")
        result.refused += len(outcome.rejected)
        result.stored += len(letters) - len(outcome.rejected)


def batch_of(letters: Sequence[DeadLetter]) -> Batch:
    """A batch that sends these documents to the targets and under the ids that they had."""
    documents = Whole(
        Generation(0, "", "", 0.0),
        [0] * len(letters),
        [letter.document for letter in letters],
        [letter.event_time for letter in letters],
        [letter.document_id for letter in letters],
    )
    targets = [letter.target for letter in letters]
    return Batch([documents], targets if all(targets) else None)
