"""Triggers a scan early when inotify reports that a name was created, moved or deleted.

Each directory has a separate watch. The observers of the library `watchdog` track whole trees instead, and they end
silently when the application moves directories in an order that they do not expect.

An event for each write would cost more than shipping the line (docs/design/architecture.md). So only empty files are
watched for writes, and only for the first write. Without inotify, a scan still finds everything within its interval.
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
"""Events of a watched file: only the first write, because files are watched while they are empty."""

_MAX_STALE = 64
"""Maximum number of moved directories to remember between two scans. If more move, all watches are renewed."""


class Hinted(Protocol):
    """A scanner that can be asked to scan early. Must be hashable by identity."""

    def hint(self) -> None:
        """Schedule the next scan early, because a name has changed. Must not block."""
        ...


class Notifier:
    """Calls `hint` of the scanners of a directory when a name in it changes.

    Only one thread at a time may call `watch`.
    """

    def __init__(self) -> None:
        self._reader: InotifyFD | None = None
        self._wanted: dict[Hinted, Set[str]] = {}
        self._watches: dict[str, tuple[WatchDescriptor, CallbackId]] = {}
        self._stale: set[str] = set()
        self._stale_lock = threading.Lock()  # the thread of the reader adds paths, the scanning thread removes them
        self._last_id = 0

    @property
    def is_started(self) -> bool:
        """Whether `start` has created the thread that reads notifications, even if the thread has ended since."""
        return self._reader is not None

    @property
    def is_alive(self) -> bool:
        """Whether the thread that reads notifications is running."""
        return self._reader is not None and self._reader.is_alive()

    def start(self) -> None:
        """Start the thread that reads notifications.

        Raise `OSError` if the limit of inotify instances is reached (EMFILE).
        """
        self._reader = InotifyFD()
        self._reader.name = "notifier"
        self._reader.start()

    def watch(self, scanner: Hinted, directories: Set[str]) -> None:
        """Watch these directories and empty files for this scanner; they replace those of its previous call.

        Raise `OSError` if the limit of inotify watches is reached (ENOSPC).
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
            with suppress(Exception):  # the library may raise anything here
                self._reader.stop()
                self._reader.join(timeout=2)
            self._reader = None
            self._watches.clear()

    def mark_moved(self, path: str) -> None:
        """Renew the watches of `path` and of all directories below it at the next scan.

        The path may now belong to another directory.
        """
        with self._stale_lock:
            self._stale.add(path if len(self._stale) < _MAX_STALE else "")

    def hint(self, path: str) -> None:
        """Call `hint` of each scanner of `path`, because a name in this directory has changed."""
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
                    self.hint(path)  # the file was written between the scan and the start of the watch

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
        """Remove the watches of directories that have moved. The caller adds those that are still needed."""
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
    """Handles the events of one directory or empty file, in the thread of the reader."""

    def __init__(self, notifier: Notifier, path: str) -> None:
        self._notifier, self._path = notifier, path

    def on_event(self, event: InotifyEvent) -> None:
        """If a directory has moved, mark it. Then call the scanners."""
        if event.is_move_self:
            self._notifier.mark_moved(self._path)
        elif event.is_moved_from and event.is_directory:
            self._notifier.mark_moved(os.path.join(self._path, os.fsdecode(event.name)))
        self._notifier.hint(self._path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Renew the watch: the directory was deleted or replaced, or the empty file was written."""
        self._notifier.mark_moved(self._path)
        self._notifier.hint(self._path)

    def on_queue_overflow(self) -> None:
        """Call the scanners, because inotify has lost events."""
        self._notifier.hint(self._path)
