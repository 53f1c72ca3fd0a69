"""Hints from the operating system that names were created, moved or deleted, so that a scan comes sooner.

Each directory has a separate watch, since the scan knows them all. The observers of `watchdog` keep the paths of
whole trees instead, and end silently when the application moves directories in an order that they do not expect.

A modified event costs more than shipping the line (docs/design/architecture.md). So it is asked for once, and only
for a file that is empty. Without inotify a scan finds everything within its interval.
"""

from __future__ import annotations

import errno
import os
import threading
from bisect import bisect_left
from collections.abc import Set
from contextlib import suppress
from typing import Protocol

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

_MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVE
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_FILE_MASK = Mask(InotifyConstants.IN_MODIFY | InotifyConstants.IN_ONESHOT | InotifyConstants.IN_DONT_FOLLOW)
"""One event for a file: it is not empty any more."""

_MAX_STALE = 64
"""Directories that have moved between two scans, one by one; beyond it all are watched again."""


class Hinted(Protocol):
    """A scanner of directories that accepts hints. It is hashed by identity."""

    def hint(self) -> None:
        """Scan sooner: a name has changed. Must not block."""
        ...


class Notifier:
    """Hints to those who scan a directory when a name in it changes. One thread at a time may call `watch`."""

    def __init__(self) -> None:
        self._reader: InotifyFD | None = None
        self._wanted: dict[Hinted, Set[str]] = {}
        self._watches: dict[str, tuple[WatchDescriptor, CallbackId]] = {}
        self._stale: set[str] = set()
        self._stale_lock = threading.Lock()  # the reader's thread adds, those that scan take
        self._last_id = 0

    @property
    def is_started(self) -> bool:
        """Return whether there is a thread that reads notifications, or was one that has ended."""
        return self._reader is not None

    @property
    def is_alive(self) -> bool:
        """Return whether hints can still come."""
        return self._reader is not None and self._reader.is_alive()

    def start(self) -> None:
        """Raise `OSError` when the system has no inotify instance to give (EMFILE)."""
        self._reader = InotifyFD()
        self._reader.name = "notifier"
        self._reader.start()

    def watch(self, scanner: Hinted, directories: Set[str]) -> None:
        """Hint to this scanner for these directories and empty files from now on, and for no others.

        Raise `OSError` when no watch is left (ENOSPC).
        """
        self._wanted = {**self._wanted, scanner: directories}
        self._forget_moved()
        wanted = frozenset[str]().union(*self._wanted.values())
        for path in self._watches.keys() - wanted:
            self._remove(path)
        for path in wanted - self._watches.keys():
            try:
                self._add(path)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise

    def stop(self) -> None:
        """Stop watching. Never raises."""
        if self._reader:
            with suppress(Exception):  # whatever a library raises when it ends
                self._reader.stop()
                self._reader.join(timeout=2)
            self._reader = None
            self._watches.clear()

    def mark_moved(self, path: str) -> None:
        """Watch the directory at `path`, and those below it, again at the next scan: it may be another one now."""
        with self._stale_lock:
            self._stale.add(path if len(self._stale) < _MAX_STALE else "")

    def hint(self, path: str) -> None:
        """Tell those who scan the directory at `path` that a name in it has changed."""
        for scanner, directories in self._wanted.items():
            if path in directories:
                scanner.hint()

    def _add(self, path: str) -> None:
        if self._reader:
            try:
                self._add_callback(self._reader, path, _MASK)
            except NotADirectoryError:
                self._add_callback(self._reader, path, _FILE_MASK)
                if os.stat(path, follow_symlinks=False).st_size:
                    self.hint(path)  # it was written after the scan and before the watch

    def _add_callback(self, reader: InotifyFD, path: str, mask: Mask) -> None:
        self._last_id += 1
        number = CallbackId(self._last_id)
        self._watches[path] = reader.add_callback(os.fsencode(path), mask, _Watched(self, path), number), number

    def _remove(self, path: str) -> None:
        watch = self._watches.pop(path)
        with suppress(OSError):
            if self._reader:
                self._reader.remove_callbacks([watch])

    def _forget_moved(self) -> None:
        """Remove the watches of directories that have moved; those that are still wanted are added again."""
        with self._stale_lock:
            moved, self._stale = self._stale, set()
        paths = sorted(self._watches) if moved else []
        for path in moved:
            below = f"{path}/" if path else ""
            first = bisect_left(paths, below)
            last = bisect_left(paths, below + "\U0010ffff") if path else len(paths)
            for each in (path, *paths[first:last]):
                if each in self._watches:
                    self._remove(each)


class _Watched:
    """What happens to one directory or empty file. The thread of the reader calls it."""

    def __init__(self, notifier: Notifier, path: str) -> None:
        self._notifier, self._path = notifier, path

    def on_event(self, event: InotifyEvent) -> None:
        """Mark what has moved away, and hint."""
        if event.is_move_self:
            self._notifier.mark_moved(self._path)
        elif event.is_moved_from and event.is_directory:
            self._notifier.mark_moved(os.path.join(self._path, os.fsdecode(event.name)))
        self._notifier.hint(self._path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """The directory is gone, or another one has its name, or the file was written."""
        self._notifier.mark_moved(self._path)
        self._notifier.hint(self._path)

    def on_queue_overflow(self) -> None:
        """Events were lost."""
        self._notifier.hint(self._path)
