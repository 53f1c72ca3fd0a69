"""Replaces the polls of a file by a notification of its next write, where notifications have proven to work.

The kernel does not report a write by another machine, as on NFS, nor one through a memory mapping (inotify(7)). So a
file is polled as if there were no notifications until one has arrived for it, and again as soon as it grows without
one. A file that is written many times a second is polled, because a notification costs more than a poll.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

import msgspec

from sidecar.lib.clock import Clock
from sidecar.tail.source import Source
from sidecar.tail.tracked_file import UNKNOWN_SIZE, TrackedFile

MIN_QUIET_S = 0.25
"""Seconds without growth after which the next write of a file is awaited."""

RECHECK_S = 1.0
"""Seconds after which a file whose write is awaited is polled all the same."""

LATE_S = 5.0
"""Seconds after which a notification has failed to arrive. Until then, this process may only be short of CPU."""

MAX_ACTIVE_FILES = 16
"""Maximum number of active files whose writes are awaited. One poll of more files costs less than notifications."""

_MAX_VERDICTS = 256
"""Maximum number of files of which it is known whether their writes are reported."""


class WriteNotifier(Protocol):
    """Reports writes to open files."""

    def watch_write(self, fd: int, on_write: Callable[[], None]) -> Callable[[], None]:
        """Call `on_write` once, in any thread, after the next write. Return a function that ends the watch.

        Raise `OSError` if the file cannot be watched.
        """
        ...


class _Watch(msgspec.Struct):
    since: float
    checked_at: float
    move_count: int
    end: Callable[[], None] = lambda: None
    is_armed: bool = False
    """Whether the file was compared after the watch began, so that a later write is reported."""

    is_written: bool = False
    missed_at: float | None = None
    """When the file was first seen to have grown without a notification."""


class WriteWatches:
    """The files of one pipeline whose next write is awaited. `compare`: compares one file with its last state.

    The watcher calls all methods. `on_write` is called in the thread of the notifier.
    """

    def __init__(self, clock: Clock, compare: Callable[[TrackedFile], object]) -> None:
        self._clock, self._compare = clock, compare
        self._notifier: WriteNotifier | None = None
        self._on_write: Callable[[], None] = lambda: None
        self._watches: dict[TrackedFile, _Watch] = {}
        self._are_few = True
        """Whether few files are active."""

        self._is_reported: dict[TrackedFile, bool] = {}
        """File → whether its writes are reported. It is missing as long as this is unknown."""

    @property
    def are_any(self) -> bool:
        """Whether writes are awaited."""
        return bool(self._watches)

    def use(self, notifier: WriteNotifier, on_write: Callable[[], None]) -> None:
        """Await writes with this notifier from now on. Call `on_write` when an awaited file is written."""
        self.close()
        self._notifier, self._on_write = notifier, on_write

    def written(self) -> list[TrackedFile]:
        """Return the awaited files that have been written."""
        return [file for file, watch in self._watches.items() if watch.is_written]

    def is_awaiting(self, file: TrackedFile) -> bool:
        """Return whether the file need not be polled now, because its next write will be reported."""
        watch = self._watches.get(file)
        if watch is None or not watch.is_armed or watch.is_written or watch.missed_at is not None:
            return False
        is_current = file.move_count == watch.move_count and self._clock.monotonic() - watch.checked_at < RECHECK_S
        return is_current and self._is_reported.get(file, False)

    def note_growth(self, file: TrackedFile) -> None:
        """Record that a file has grown. If its write was awaited, a notification must arrive soon."""
        watch = self._watches.get(file)
        if watch is not None and watch.is_armed and not watch.is_written and watch.missed_at is None:
            watch.missed_at = self._clock.monotonic()

    def renew(self, file: TrackedFile) -> None:
        """Judge the notifications of a file that was just compared. Await its next write if it is written rarely."""
        now, may_begin = self._clock.monotonic(), self._clock.monotonic() - file.grown_at >= MIN_QUIET_S
        if watch := self._watches.get(file):
            if watch.is_written:
                self._judge(file, is_reported=True)
                may_begin = may_begin or now - watch.since >= MIN_QUIET_S
            elif watch.missed_at is not None:
                if now - watch.missed_at >= LATE_S:
                    self._judge(file, is_reported=False)
                return
            elif file.move_count == watch.move_count:
                watch.checked_at = now
                return
            self._end(file)
        # A compressed file is measured while it is decompressed, and an unknown size again and again.
        is_measured = not file.is_compressed and file.disk_size != UNKNOWN_SIZE
        if may_begin and is_measured and self._are_few and self._is_reported.get(file, True):
            self._begin(file, now)

    def update(self, active: Collection[TrackedFile]) -> None:
        """End the watches of files that are not active any more, and all watches if many files are active."""
        self._are_few = len(active) <= MAX_ACTIVE_FILES
        kept = active if self._are_few else ()
        for file in [file for file in self._watches if file not in kept]:
            self._end(file)

    def close(self) -> None:
        """End all watches."""
        self.update(())

    def _begin(self, file: TrackedFile, now: float) -> None:
        if self._notifier is None:
            return
        watch, watch_write = _Watch(now, now, file.move_count), self._notifier.watch_write

        def begin(source: Source) -> None:
            watch.end = watch_write(source.fd, partial(self._on_event, watch))

        try:
            file.call_with_source(begin)
        except OSError:  # for example, the limit of inotify watches is reached
            self._judge(file, is_reported=False)
            return
        self._watches[file] = watch
        self._compare(file)  # the file may have been written before the watch began
        watch.is_armed = True

    def _on_event(self, watch: _Watch) -> None:
        if not watch.is_written:
            watch.is_written = True
            self._on_write()

    def _judge(self, file: TrackedFile, *, is_reported: bool) -> None:
        self._is_reported.pop(file, None)
        self._is_reported[file] = is_reported
        while len(self._is_reported) > _MAX_VERDICTS:
            del self._is_reported[next(iter(self._is_reported))]
        if not is_reported and file in self._watches:
            self._end(file)

    def _end(self, file: TrackedFile) -> None:
        self._watches.pop(file).end()
