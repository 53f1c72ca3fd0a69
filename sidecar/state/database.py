"""Opens the state database, for one sidecar at a time. Checks it before use, and never replaces it silently.

SQLite runs in WAL mode with `synchronous=FULL`, so a commit survives a crash of the process or the machine. While the
sidecar runs, other commands may read the database and change dead letters; the lock only excludes a second sidecar.

The directory and its files must belong to the user of the sidecar or to root, because another owner could change
them.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sidecar.errors import StateError
from sidecar.lib.ownership import explain_distrust

SCHEMA_VERSION = 10

_SCHEMA = """
CREATE TABLE generations (
    number INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, path TEXT NOT NULL, born REAL NOT NULL,
    device TEXT NOT NULL, inode TEXT NOT NULL, inode_generation INTEGER,
    covered INTEGER NOT NULL, fingerprint BLOB NOT NULL,
    name TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0, ended TEXT NOT NULL DEFAULT '', finished REAL,
    moved INTEGER NOT NULL DEFAULT 0, created_ns INTEGER, intent INTEGER, intent_crc INTEGER,
    format TEXT
);
CREATE INDEX unfinished_generations ON generations (pipeline) WHERE finished IS NULL;
CREATE TABLE checkpoints (
    generation INTEGER NOT NULL, sink TEXT NOT NULL, offset INTEGER NOT NULL,
    tail_length INTEGER NOT NULL, tail BLOB NOT NULL, done INTEGER NOT NULL DEFAULT 0, crc INTEGER,
    marks BLOB, waiting REAL, PRIMARY KEY (generation, sink)
) WITHOUT ROWID;
CREATE TABLE cuts (
    generation INTEGER NOT NULL, end INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (generation, end)
) WITHOUT ROWID;
CREATE TABLE receipts (
    pipeline TEXT NOT NULL, sink TEXT NOT NULL, receipt TEXT NOT NULL, PRIMARY KEY (pipeline, sink)
) WITHOUT ROWID;
CREATE TABLE balance (
    generation INTEGER NOT NULL, sink TEXT NOT NULL, what TEXT NOT NULL,
    bytes INTEGER NOT NULL, lines INTEGER NOT NULL, PRIMARY KEY (generation, sink, what)
) WITHOUT ROWID;
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY, pipeline TEXT NOT NULL, sink TEXT NOT NULL, generation INTEGER NOT NULL,
    path TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, document_id TEXT NOT NULL,
    target TEXT NOT NULL, document TEXT NOT NULL, event_time TEXT NOT NULL, status INTEGER,
    kind TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, attempts INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0, copied INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX uncopied_dead_letters ON dead_letters (number) WHERE copied = 0;
CREATE INDEX dead_letters_by_sink ON dead_letters (sink, number);
CREATE INDEX dead_letter_sizes ON dead_letters (size);
CREATE TABLE pipelines (name TEXT PRIMARY KEY, boundaries TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE targets (
    sink TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (sink, day, name)
) WITHOUT ROWID;
"""

_PARKED = """
CREATE TABLE positions (
    generation INTEGER NOT NULL, sink TEXT NOT NULL, offset INTEGER NOT NULL,
    tail_length INTEGER NOT NULL, tail BLOB NOT NULL, crc INTEGER, PRIMARY KEY (generation, sink)
) WITHOUT ROWID;
CREATE TABLE parked (
    generation INTEGER NOT NULL, sink TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    lines INTEGER NOT NULL, target TEXT NOT NULL, PRIMARY KEY (generation, sink, start)
) WITHOUT ROWID;
"""
"""Tables for files with parked records: the position where reading continues, and the unsettled ranges before it."""

_FORMATS = "CREATE INDEX detected_formats ON generations (pipeline, path) WHERE format IS NOT NULL;"

_UPGRADES = {
    1: """
ALTER TABLE generations ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET size = length(CAST(document AS BLOB));
CREATE INDEX dead_letter_sizes ON dead_letters (size);
""",
    2: "CREATE TABLE pipelines (name TEXT PRIMARY KEY, boundaries TEXT NOT NULL) WITHOUT ROWID;",
    3: "CREATE TABLE targets (sink TEXT NOT NULL, day TEXT NOT NULL, name TEXT NOT NULL,"
    " PRIMARY KEY (sink, day, name)) WITHOUT ROWID;",
    4: """
ALTER TABLE generations ADD COLUMN created_ns INTEGER;
ALTER TABLE generations ADD COLUMN intent INTEGER;
ALTER TABLE generations ADD COLUMN intent_crc INTEGER;
ALTER TABLE checkpoints ADD COLUMN crc INTEGER;
INSERT OR IGNORE INTO pipelines SELECT DISTINCT pipeline, '' FROM generations;
""",
    5: _PARKED,
    6: """
ALTER TABLE dead_letters ADD COLUMN copied INTEGER NOT NULL DEFAULT 0;
CREATE INDEX uncopied_dead_letters ON dead_letters (number) WHERE copied = 0;
""",
    7: f"ALTER TABLE generations ADD COLUMN format TEXT;{_FORMATS}",
    8: "ALTER TABLE checkpoints ADD COLUMN marks BLOB;",
    9: "ALTER TABLE checkpoints ADD COLUMN waiting REAL;",
}
"""Schema version → statements that upgrade it to the next one."""

_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"})
"""File systems on which SQLite's write-ahead log is not safe, because several hosts share them (sqlite.org/wal.html).
"""


class Database:
    """The open database. All threads share its connection; `transaction` admits one at a time."""

    def __init__(self, directory: Path, connection: sqlite3.Connection, lock_fd: int | None) -> None:
        self.directory = directory
        self._connection = connection
        self._lock_fd = lock_fd
        self._lock = threading.RLock()
        self._path = str(_database_path(directory))
        self._file = os.stat(self._path)

    def check_place(self) -> None:
        """Raise `StateError` if the database was removed or replaced, because further commits would be lost."""
        try:
            is_in_place = os.path.samestat(self._file, os.stat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            is_in_place = False
        except OSError:
            return  # the volume cannot be read now
        if not is_in_place:
            raise StateError(
                "the state was removed or replaced while the sidecar was running", location=str(self.directory),
                hint="the sidecar ends, because a restart would not find its checkpoints; start it again",
            )  # fmt: skip

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all changes of the block or none. Raise `StateError` if that fails, as on a full disk."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise _unwritable(self.directory, error) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for queries. Raise `StateError` if the database is damaged."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise _damaged(self.directory, str(error)) from error

    def close(self) -> None:
        """Close the connection and release the lock."""
        with self._lock:
            self._connection.close()
            if self._lock_fd is not None:
                os.close(self._lock_fd)
                self._lock_fd = None


def open_database(directory: Path, *, exclusive: bool = True, create: bool = True) -> Database:
    """Open the database in `directory`. `create`: create it if it does not exist.

    `exclusive`: exclude other sidecars until `close`. Otherwise the database must exist, and other processes may use
    it. Raise `StateError` if the state cannot be used; then nothing in it has changed.
    """
    if not (exclusive and create) and not (directory / "state.db").is_file():
        raise StateError(
            "no state database found",
            location=str(directory),
            hint="pass the state directory of the sidecar with --state-dir",
        )
    lock_fd = None
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_foreign_directory(directory)
        _refuse_remote(directory)
        _refuse_foreign_files(directory)
        lock_fd = _lock(directory) if exclusive else None
        database = Database(directory, _connect(directory), lock_fd)
        lock_fd = None  # closed by the database from now on
        return database
    except OSError as error:
        raise StateError(
            f"cannot use the state directory ({error.strerror})",
            location=str(directory),
            hint="choose a directory with --state-dir"
            if isinstance(error, FileExistsError | NotADirectoryError)
            else "make it writable for this user, or choose another one with --state-dir",
        ) from error
    finally:
        if lock_fd is not None:
            os.close(lock_fd)


def _database_path(directory: Path) -> Path:
    return directory / "state.db"


def _lock(directory: Path) -> int:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise StateError(
            "another sidecar is using this state directory",
            location=str(directory),
            hint="stop the other one, or choose another directory with --state-dir",
        ) from error
    return fd


def _connect(directory: Path) -> sqlite3.Connection:
    path = _database_path(directory)
    if not path.exists():
        _create(directory, path)
    if path.stat().st_size == 0:
        raise _damaged(directory, "it is empty")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        _refuse_foreign_files(directory)  # SQLite follows links, and a name may have changed since the first check
        _check(connection, directory, version)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise _unwritable(directory, error) from error
        raise _damaged(directory, str(error)) from error
    except StateError:
        connection.close()
        raise
    return connection


def _create(directory: Path, path: Path) -> None:
    """Create a database, then rename it to `state.db`, so that an empty or incomplete `state.db` means damage."""
    if path.with_name("state.db-wal").exists():
        raise _damaged(directory, "state.db is missing, but state.db-wal exists")
    new = path.with_name("state.db.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.executescript(
                f"BEGIN;{_SCHEMA}{_PARKED}{_FORMATS}PRAGMA user_version={SCHEMA_VERSION};COMMIT;"
            )
    except sqlite3.Error as error:
        raise _unwritable(directory, error) from error
    new.rename(path)


def _check(connection: sqlite3.Connection, directory: Path, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise StateError(
            f"a newer version wrote this state (schema {version}; this version supports up to {SCHEMA_VERSION})",
            location=str(directory),
            hint="run that version, or choose another directory with --state-dir",
        )
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok" or version < min(_UPGRADES):
        raise _damaged(directory, finding)
    for older in range(version, SCHEMA_VERSION):
        connection.executescript(f"BEGIN;{_UPGRADES[older]}PRAGMA user_version={older + 1};COMMIT;")


_FILES = ("lock", "state.db", "state.db-wal", "state.db-shm", "state.db-journal", "state.db.new")


def _refuse_foreign_directory(directory: Path) -> None:
    """Raise `StateError` unless the directory, and a link that leads to it, belong to this user or root."""
    for place in (directory, directory.resolve()):
        if reason := explain_distrust(place, lambda mode: stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise StateError(
                f"the state directory is not used: {reason}",
                location=str(directory),
                hint="chown it to the user of the sidecar, run as its owner, or choose another directory",
            )


def _refuse_foreign_files(directory: Path) -> None:
    """Raise `StateError` unless each file of the state is a regular file of this user or root."""
    for name in _FILES:
        with suppress(FileNotFoundError):
            if reason := explain_distrust(directory / name, stat.S_ISREG):
                raise StateError(
                    f"the state is not used: {reason}",
                    location=str(directory / name),
                    hint="find out which process created it; then remove it, or chown it to the user of the sidecar",
                )


def _refuse_remote(directory: Path) -> None:
    kind = _file_system(directory)
    if kind in _REMOTE:
        raise StateError(
            f"the state directory is on a network file system ({kind}), where the database is not safe",
            location=str(directory),
            hint="choose a directory on a local disk with --state-dir",
        )


def _file_system(directory: Path) -> str:
    """Return the type of the file system of `directory`, as in proc_pid_mountinfo(5); "" if unknown."""
    depth, kind = -1, ""
    target = directory.resolve()
    with suppress(OSError), Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            mount, _, rest = line.partition(" - ")
            point = Path(mount.split()[4])
            if target.is_relative_to(point) and len(point.parts) > depth:
                depth, kind = len(point.parts), rest.split()[0]
    return kind


def _damaged(directory: Path, finding: str) -> StateError:
    return StateError(
        f"the state database is damaged ({finding})",
        location=str(directory / "state.db"),
        hint="restore it, or move it away to ship all files again as new; nothing was overwritten",
    )


def _unwritable(directory: Path, error: sqlite3.Error) -> StateError:
    return StateError(
        f"the state cannot be written ({error})",
        location=str(directory),
        hint="free space on its volume and make it writable for this user",
    )
