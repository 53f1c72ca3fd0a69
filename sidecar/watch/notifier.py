"""Triggers a scan early when inotify reports that a name was created, moved or deleted.

Each directory has a separate watch. The observers of the library `watchdog` track whole trees instead, and they end
silently when the application moves directories in an order that they do not expect.

An event for each write would cost more than shipping the line (docs/design/architecture.md). So writes are reported
one at a time: the first write of an empty file, and the next write of a file that the tracker awaits. Without
inotify, scans and polls still find everything within their intervals.
"""

from __future__ import annotations

import errno
import os
import threading
from bisect import bisect_left
from collections.abc import Callable, Set
from contextlib import suppress
from functools import partial
from itertools import count
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

_WRITE_MASK = Mask(InotifyConstants.IN_MODIFY | InotifyConstants.IN_ONESHOT)

_MAX_STALE = 64
"""Maximum number of moved directories to remember between two scans. If more move, all watches are renewed."""


class Hinted(Protocol):
    """A scanner that can be asked to scan early. Must be hashable by identity."""

    def hint(self) -> None:
        """Schedule the next scan early, because a name has changed. Must not block."""
        ...


class Notifier:
    """Calls `hint` of the scanners of a directory when a name in it changes.

    Only one thread at a time may call `watch`. Any thread may call `watch_write`.
    """

    def __init__(self) -> None:
        self._reader: InotifyFD | None = None
        self._wanted: dict[Hinted, Set[str]] = {}
        self._watches: dict[str, tuple[WatchDescriptor, CallbackId]] = {}
        self._stale: set[str] = set()
        self._stale_lock = threading.Lock()  # the thread of the reader adds paths, the scanning thread removes them
        self._ids = count(1)

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

    def watch_write(self, fd: int, on_write: Callable[[], None]) -> Callable[[], None]:
        """Call `on_write` once after the next write into an open file. Return a function that ends the watch.

        It is also called if notifications are lost. Raise `OSError` if the file cannot be watched.
        """
        reader = self._reader
        if reader is None or not reader.is_alive():
            raise OSError(errno.ENOSYS, "there are no notifications")
        number = CallbackId(next(self._ids))
        path = f"/proc/self/fd/{fd}"  # leads to the open file, whatever its name is now
        watch = reader.add_callback(path.encode(), _WRITE_MASK, _AwaitedWrite(on_write), number)
        return partial(_end_watch, reader, watch, number)

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
        number = CallbackId(next(self._ids))
        self._watches[path] = reader.add_callback(os.fsencode(path), mask, _Watched(self, path), number), number

    def _remove(self, path: str) -> None:
        watch, number = self._watches.pop(path)
        if self._reader:
            _end_watch(self._reader, watch, number)

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


class _AwaitedWrite:
    """Handles the events of one open file, in the thread of the reader. The kernel ends the watch after a write."""

    def __init__(self, on_write: Callable[[], None]) -> None:
        self._on_write = on_write

    def on_event(self, event: InotifyEvent) -> None:
        self._on_write()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self._on_write()  # unless this follows a write, nothing will be reported any more

    def on_queue_overflow(self) -> None:
        self._on_write()


def _end_watch(reader: InotifyFD, watch: WatchDescriptor, number: CallbackId) -> None:
    with suppress(OSError):
        reader.remove_callbacks([(watch, number)])
