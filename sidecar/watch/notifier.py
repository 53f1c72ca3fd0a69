"""Hints from the operating system that names were created, moved or deleted, so that the sweep comes sooner.

Modified events are not asked for: one costs more than shipping the line (docs/architecture.md). No inotify
left, or none at all: the sweep alone finds everything within its interval, and a warning says so once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from contextlib import suppress

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

_WANTED: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class _Hint(FileSystemEventHandler):
    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._hint()


class Notifier:
    """Calls `hint` (which must not block) when a name below one of the folders changes."""

    def __init__(self, hint: Callable[[], None]) -> None:
        self._handler = _Hint(hint)
        self._observer: BaseObserver | None = None
        self._watched: set[tuple[str, bool]] = set()

    def start(self) -> None:
        """Raises `OSError` when the system has no inotify instance to give (EMFILE)."""
        self._observer = Observer()
        self._observer.start()

    def watch(self, folders: Mapping[str, bool]) -> None:
        """Watch these folders from now on, with all below them where told.

        Raises `OSError` when no watch is left, or when the directories are nested too deeply for them.
        """
        for folder, deep in folders.items():
            if self._observer and (folder, deep) not in self._watched:
                try:
                    self._observer.schedule(self._handler, folder, recursive=deep, event_filter=_WANTED)
                except RecursionError:
                    raise OSError(errno.ENAMETOOLONG, "directories are nested too deeply") from None
                self._watched.add((folder, deep))

    def stop(self) -> None:
        """Stop watching. Never raises."""
        if self._observer:
            with suppress(RuntimeError):
                self._observer.stop()
                self._observer.join(timeout=2)
