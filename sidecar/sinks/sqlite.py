"""Writes documents to a table of an SQLite file, which any SQLite tool can query."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.lib.declarations import Field, model_validator
from sidecar.lib.settings_model import SHOWN, LocalPath
from sidecar.model.batch import Batch, Rejection, WriteResult
from sidecar.sinks.contract import SinkSettings

_BUSY_TIMEOUT_S = 10.0
_MISCONFIGURED = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOTADB,
     sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_SCHEMA}
)  # fmt: skip
"""Primary result codes that an operator has to resolve (sqlite.org/rescode.html). All others are retried."""

_Row = tuple[str, str, str]


class SQLiteSettings(SinkSettings):
    """Settings of the sink that writes to an SQLite file."""

    type: Literal["sqlite"] = "sqlite"
    """SQLite, embedded in the sidecar."""

    path: LocalPath
    """The database file; created if it is missing. In a URL: `sqlite:///relative.db` or `sqlite:////absolute.db`."""

    table: Annotated[str, SHOWN, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "logs"
    """The table, with the columns `id`, `time` (time of the event, as written) and `document` (JSON). `?table=` in a
    URL."""

    schemes: ClassVar[tuple[str, ...]] = ("sqlite",)

    def destination(self) -> str:
        return f"sqlite:///{self.path}" + ("" if self.table == "logs" else f"#{self.table}")

    @model_validator(mode="before")
    @classmethod
    def _split_url(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("url"), str):
            return given
        location, _, query = given["url"].partition("?")
        scheme, slashes, path = location.partition(":///")
        if scheme.lower() != "sqlite" or not slashes or not path:
            raise ValueError(
                "is not the URL of a database file; write sqlite:///relative.db or sqlite:////absolute.db"
            )
        options = dict(item.partition("=")[::2] for item in query.split("&") if item)
        return {"path": path, **options, **{name: value for name, value in given.items() if name != "url"}}


class SQLiteSink:
    """Writes to an embedded database file; needs no server."""

    settings: ClassVar[type[SQLiteSettings]] = SQLiteSettings
    concurrency: ClassVar[int] = 1

    def __init__(self, settings: SQLiteSettings) -> None:
        self._settings = settings
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of the open database."""

    def open(self) -> None:
        self.close()
        with self._translated_errors():
            self._db = self._connect()
            self._file = self._find_file()
            table = self._settings.table
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table}"
                " (id TEXT PRIMARY KEY, time TEXT NOT NULL, document TEXT NOT NULL)"
            )
            self._db.execute(f"CREATE INDEX IF NOT EXISTS {table}_by_time ON {table} (time)")

    def _connect(self) -> sqlite3.Connection:
        path = self._settings.path
        if not path.parent.is_dir():
            raise Misconfigured(
                "the directory does not exist", location=str(path.parent), hint="create it, or choose another path"
            )
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise Misconfigured(
                f"cannot be written ({error.strerror})", location=str(path), hint="choose another path"
            ) from error
        db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        # Stored documents must survive a power failure, because the checkpoint does.
        db.execute("PRAGMA synchronous=FULL")
        return db

    def _find_file(self) -> tuple[int, int] | None:
        """Return device and inode of the file at the path of the database, or None if there is none."""
        try:
            status = os.stat(self._settings.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def write(self, batch: Batch) -> WriteResult:
        if self._db is None:
            raise Retryable("is not open", location=str(self._settings.path))
        if self._find_file() != self._file:
            self.open()
        with self._translated_errors():
            result = self._insert(self._db, list(zip(batch.ids, batch.event_times, batch.documents, strict=True)))
        if self._find_file() != self._file:
            raise Retryable("the database was moved or deleted during the write", location=str(self._settings.path))
        return result

    def _insert(self, db: sqlite3.Connection, rows: Sequence[_Row]) -> WriteResult:
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                inserted, rejected = db.executemany(self._statement, rows).rowcount, dict[int, Rejection]()
            except sqlite3.IntegrityError:
                if not db.in_transaction:  # the constraint has rolled back all rows, and would do so again
                    raise
                db.execute("ROLLBACK")
                db.execute("BEGIN IMMEDIATE")
                inserted, rejected = self._insert_one_by_one(db, rows)
            if inserted + len(rejected) < len(rows):
                rejected |= self._find_ignored(db, rows, rejected)
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        stored = [index for index in range(len(rows)) if index not in rejected] if rejected else range(len(rows))
        return WriteResult(stored, list(rejected.values()), duplicates=len(stored) - inserted)

    @property
    def _statement(self) -> str:
        # A row with the same id is the same document. Any other constraint rejects the document.
        return f"INSERT INTO {self._settings.table} VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"  # noqa: S608 - checked by the settings

    def _insert_one_by_one(self, db: sqlite3.Connection, rows: Sequence[_Row]) -> tuple[int, dict[int, Rejection]]:
        """Insert each row. Return the number of new rows, and the rejections by constraints of the table."""
        inserted, rejected = 0, dict[int, Rejection]()
        for index, row in enumerate(rows):
            try:
                inserted += db.execute(self._statement, row).rowcount
            except sqlite3.IntegrityError as error:
                if not db.in_transaction:
                    raise
                rejected[index] = Rejection(index, "constraint", str(error))
        return inserted, rejected

    def _find_ignored(
        self, db: sqlite3.Connection, rows: Sequence[_Row], rejected: Mapping[int, Rejection]
    ) -> dict[int, Rejection]:
        """Return rejections for the rows that are not in the table after the insert: a trigger has ignored them."""
        query = f"SELECT 1 FROM {self._settings.table} WHERE id = ?"  # noqa: S608 - checked by the settings
        missing = [
            index
            for index, row in enumerate(rows)
            if index not in rejected and db.execute(query, row[:1]).fetchone() is None
        ]
        return {index: Rejection(index, "ignored", "a trigger of the table ignored the row") for index in missing}

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def probe(self) -> None:
        path = self._settings.path
        place = path if path.exists() else path.parent
        if not place.exists() or not os.access(place, os.W_OK):
            raise Misconfigured(
                "cannot be written",
                location=str(place),
                hint="make it writable for this user, or choose another path",
            )

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate_errors(error, str(self._settings.path)) from error


def translate_errors(error: sqlite3.Error, at: str) -> DeliveryError:
    """Return the delivery error for the primary result code of an SQLite error."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _MISCONFIGURED:
        return Misconfigured(
            f"the database cannot be used ({error})", location=at, hint="check the file and its permissions"
        )
    advice = "free disk space, or wait until no other program locks the database"
    return Retryable(f"the database cannot store documents now ({error})", location=at, hint=advice)
