"""Tracks the files of one pipeline that cannot be read, why, and when to try again.

A file with errors (such as EIO, ESTALE or EACCES) must not delay other files, so each file has a separate pause.
"""

from __future__ import annotations

import threading
from collections.abc import Collection

import msgspec

from sidecar.lib.clock import Clock
from sidecar.lib.roots import LinkInPath
from sidecar.tail.tracked_file import FileMoved

MIN_PAUSE_S, MAX_PAUSE_S = 1.0, 10.0


class _UnreadableFile(msgspec.Struct):
    reason: str
    failures: int
    retry_at: float


class ReadGuard:
    """Context manager that records and suppresses an `OSError` of its block, or clears the record if none occurs."""

    def __init__(self, files: UnreadableFiles, path: str) -> None:
        self._files = files
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None:
            self._files.clear(self._path)
        elif isinstance(error, OSError) and not isinstance(error, FileMoved):  # the next scan finds a moved file
            # A link in the path is recorded once, for any number of files below it.
            self._files.record(error.filename if isinstance(error, LinkInPath) else self._path, error)
        return isinstance(error, OSError)


class UnreadableFiles:
    """The errors by path and reader, which is the tracker ("") or a sink. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], _UnreadableFile] = {}
        self._damaged: dict[str, str] = {}
        self._lock = threading.Lock()

    def record(self, path: str, error: OSError, reader: str = "") -> float:
        """Record why a file cannot be read. Return when to try again, by the monotonic clock.

        The pause doubles with each consecutive error.
        """
        with self._lock:
            before = self._entries.get((path, reader))
            failures = before.failures + 1 if before else 1
            pause_s = min(MAX_PAUSE_S, MIN_PAUSE_S * 2.0 ** min(failures - 1, 16))
            retry_at = self._clock.monotonic() + pause_s
            self._entries[path, reader] = _UnreadableFile(error.strerror or str(error), failures, retry_at)
        return retry_at

    def note_damage(self, path: str, reason: str) -> None:
        """Record why the rest of a file cannot be decompressed; "" if it can. What precedes the damage is read."""
        if reason:
            self._damaged[path] = reason
        elif self._damaged:
            self._damaged.pop(path, None)

    def clear(self, path: str, reader: str = "") -> None:
        """Remove the error of a file that can be read again."""
        if self._entries:
            with self._lock:
                self._entries.pop((path, reader), None)

    def may_try(self, path: str, reader: str = "") -> bool:
        """Return whether the file has no error, or its pause has ended."""
        if not self._entries:
            return True
        entry = self._entries.get((path, reader))
        return entry is None or self._clock.monotonic() >= entry.retry_at

    def guard(self, path: str) -> ReadGuard:
        """Return a context manager that records and suppresses an `OSError` for this file."""
        return ReadGuard(self, path)

    def keep_only(self, paths: Collection[str]) -> None:
        """Remove the errors of all other files."""
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if key[0] in paths}
        self._damaged = {path: reason for path, reason in self._damaged.items() if path in paths}

    def keep_readers(self, sinks: Collection[str]) -> None:
        """Remove the errors of sinks that are not among these."""
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if key[1] == "" or key[1] in sinks}

    def __contains__(self, path: str) -> bool:
        return any(path == failed for failed, _ in list(self._entries))

    def __bool__(self) -> bool:
        return bool(self._entries or self._damaged)

    def reasons(self) -> dict[str, str]:
        """Return the path of each file that cannot be read, and why."""
        with self._lock:
            return self._damaged | {path: entry.reason for (path, _), entry in self._entries.items()}
