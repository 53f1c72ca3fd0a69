"""Detects whether a tracked file has grown, or has other content."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sidecar.tail.content import ALWAYS_COMPARED_BYTES, MIN_PROOF_BYTES
from sidecar.tail.context import SHRUNK_WAIT_S, ScannedFile, TailContext
from sidecar.tail.file_set import FileSet
from sidecar.tail.source import FileStat
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import UNKNOWN_SIZE, FileLocation, FileMoved, FilePhase, TrackedFile
from sidecar.tail.write_watches import WriteWatches

_HOT_FOR_S, _WARM_FOR_S = 2.0, 60.0
_RESERVED_EVERY_S = 10.0
"""Seconds between two comparisons of a file with reserved space that has not grown for `_WARM_FOR_S`."""


class GrowthMonitor:
    """Compares tracked files with their last size, time and content.

    `on_truncated` is called for a file whose known bytes have changed, `on_regrown` for a delivered file that grows.
    """

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers,
        on_truncated: Callable[[TrackedFile], None], on_regrown: Callable[[TrackedFile], None],
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers = context, files, subscribers
        self._on_truncated, self._on_regrown = on_truncated, on_regrown
        self.writes = WriteWatches(context.clock, self._compare_if_changed)
        self.grown_at: float | None = None
        """When a file of the pipeline last grew, by the monotonic clock. For a new file: when it was last changed."""

    def update(self, file: TrackedFile, found: ScannedFile) -> bool:
        """Compare a file with the result of a scan. Return False if its name is gone or belongs to another file."""
        file.is_in_last_scan = True
        is_here = self._compare_with_scan(file, found)
        file.previous_size = file.scanned_size
        # Without NUL bytes at the end and what was written after the scan. Quiet files keep no second number.
        file.scanned_size = file.size if file.size <= found.size else found.size
        return is_here

    def _compare_with_scan(self, file: TrackedFile, found: ScannedFile) -> bool:
        if file.name != found.path:
            self._context.ledger.record_rename(file.generation.id, found.path, file.seen)
            file.place = FileLocation(found.root, found.path)
            if not file.is_open:
                self._subscribers.notify(file)
        if (file.disk_size, file.modified) == (found.size, found.modified) or self._may_wait(file, found):
            return True
        if self._context.unreadable.may_try(file.name):
            try:
                self._compare(file, file.status())
                self._context.unreadable.clear(file.name)
            except FileMoved:
                return False
            except OSError as error:
                self._context.unreadable.record(file.name, error)
        return True

    def _may_wait(self, file: TrackedFile, found: ScannedFile) -> bool:
        now = self._context.clock.monotonic()
        is_idle = now - file.grown_at > _WARM_FOR_S and file.modified == found.modified and file.shrunk is None
        return is_idle and file.disk_size == UNKNOWN_SIZE and now - file.compared_at < _RESERVED_EVERY_S

    def poll(self, file: TrackedFile) -> bool:
        """Compare one file with its last state. Return whether it has grown or has other content."""
        if file not in self._files or not self._context.unreadable.may_try(file.name):
            return False
        with self._context.unreadable.guard(file.name):
            return self._compare(file, file.status())
        return False

    def poll_hot(self) -> bool:
        """Compare open files that grew in the last two seconds, and files whose awaited write was reported.

        Return whether there are any of which no notification of the next write is expected.
        """
        hot = self._files.find_hot(self._context.clock.monotonic(), _HOT_FOR_S)
        return self._poll_all(dict.fromkeys([*hot, *self.writes.written()]))

    def poll_warm(self) -> bool:
        """Compare open files that grew in the last minute, but not in the last two seconds.

        Return whether there are any of which no notification of the next write is expected.
        """
        now = self._context.clock.monotonic()
        warm = self._files.find_active(now, 0.0, _WARM_FOR_S)
        self.writes.update(warm)
        return self._poll_all([file for file in warm if now - file.grown_at > _HOT_FOR_S])

    def _poll_all(self, files: Iterable[TrackedFile]) -> bool:
        has_unawaited = False
        for file in files:
            self._context.beat()
            if self.writes.is_awaiting(file):
                continue
            if file.is_open and file in self._files and self._context.unreadable.may_try(file.name):
                self._compare_if_changed(file)
                self.writes.renew(file)
                has_unawaited = has_unawaited or not self.writes.is_awaiting(file)
        return has_unawaited

    def _compare_if_changed(self, file: TrackedFile) -> None:
        if self._may_have_changed(file):
            self.poll(file)

    @staticmethod
    def _may_have_changed(file: TrackedFile) -> bool:
        try:
            return file.may_have_changed()
        except OSError:
            return True  # `poll` will get the same error and record it

    def _compare(self, file: TrackedFile, status: FileStat) -> bool:
        """Return whether the file has grown or was truncated."""
        self._context.unreadable.note_damage(file.name, status.damage)
        return self._compare_content(file, status)

    def _compare_content(self, file: TrackedFile, status: FileStat) -> bool:
        is_same = (status.disk_size, status.modified) == (file.disk_size, file.modified)
        if is_same and not (file.is_compressed and status.size > file.size):
            return False
        is_measured_on = is_same and file.is_compressed  # a compressed file seems to grow while it is decompressed
        if status.size < file.size and not is_measured_on:
            if self._may_regain_size(file, status):
                return False
            self._on_truncated(file)
            return True
        if not is_measured_on and not file.is_unchanged():
            self._on_truncated(file)
            return True
        if not self._may_be_rewritten(file, status):
            return self._store(file, status)
        if file.unread_from < file.size:
            return False  # compared again after delivery: a new generation would count the unread bytes as lost
        self._on_truncated(file)
        return True

    def _may_regain_size(self, file: TrackedFile, status: FileStat) -> bool:
        """Return whether to wait for a file that has shrunk. Its size may be stale, or it is being written again."""
        now = self._context.clock.monotonic()
        has_regrown = file.shrunk is not None and status.size > file.shrunk[0]
        if not status.size or has_regrown or not file.is_prefix_unchanged(status.size):
            return False
        if file.shrunk is None or status.size < file.shrunk[0]:
            file.shrunk, file.disk_size = (status.size, now), UNKNOWN_SIZE
        return now - file.shrunk[1] < SHRUNK_WAIT_S

    @staticmethod
    def _may_be_rewritten(file: TrackedFile, status: FileStat) -> bool:
        """Return whether a file of the same size was written again: its time has changed, and its content may have.

        A small file was probably written again with the same content, as by `echo ok > file`. That is never assumed
        for a network file system, which may change the time of a file some time after a write.
        """
        is_same_size = file.size > 0 and (status.size, status.disk_size) == (file.size, file.disk_size)
        if not is_same_size or file.is_compressed or not file.modified:
            return False
        if file.size < MIN_PROOF_BYTES:
            return file.modified < status.modified and file.file_id.inode_generation is not None
        return file.size <= ALWAYS_COMPARED_BYTES and not file.has_checksummed_content()

    def _store(self, file: TrackedFile, status: FileStat) -> bool:
        """Store this size and time of the file. Return whether it has grown."""
        is_new, has_grown, now = not file.modified, status.size > file.size, self._context.clock.monotonic()
        if has_grown and file.phase is FilePhase.DELIVERED:
            self._on_regrown(file)  # may raise `StateError`; the next comparison must then find the growth again
        written_at = now - max(self._context.clock.now() - status.modified, 0.0) if is_new else now
        # A program that writes reserved space through mmap(2) need not change size or time of the file. A single NUL
        # byte at the end is a half of a line end in UTF-16.
        has_reserved_space = not file.is_compressed and status.size + 1 < status.disk_size
        file.disk_size = status.disk_size if status.is_final and not has_reserved_space else UNKNOWN_SIZE
        file.modified, file.shrunk, file.compared_at = status.modified, None, now
        if is_new or has_grown:
            self._note_growth(written_at)
        if not has_grown:
            return False
        file.size = status.size
        file.seen = max(file.seen, status.real_size)
        self.writes.note_growth(file)
        self._files.mark_active(file, now)
        file.record_growth(now, written_at)
        if file.may_finish:
            file.enter(FilePhase.ROTATED, is_last_run=self._context.is_ending)
        self._subscribers.follow_again(file)
        self._subscribers.notify(file)
        return True

    def _note_growth(self, moment: float) -> None:
        self.grown_at = moment if self.grown_at is None else max(self.grown_at, moment)
