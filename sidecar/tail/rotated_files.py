"""Tracks files that were rotated or deleted, as long as they may still be written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from sidecar.tail.context import ROTATED_QUIET_S, ScannedFile, TailContext
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.growth import GrowthMonitor
from sidecar.tail.siblings import Key, explain_invisible, find_by_inode
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import FileLocation, FileMoved, FilePhase, TrackedFile

_MAX_DELIVERED = 64
"""Maximum number of delivered files that are followed, so that many short-lived files do not fill the memory."""


class RotatedFiles:
    """Changes the phase of tracked files that no longer have their original names.

    `on_missing` is called for a file that cannot be found and may have unread content.
    """

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers, growth: GrowthMonitor,
        opener: FileOpener, finished: FinishedFiles, on_missing: Callable[[TrackedFile, str], None],
        deleted_grace: float,
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers = context, files, subscribers
        self._growth, self._opener, self._finished = growth, opener, finished
        self._on_missing = on_missing
        self.deleted_grace = deleted_grace
        self._delivered: deque[TrackedFile] = deque()
        """Delivered files that are still followed, the oldest first."""

        self._unnamed: set[TrackedFile] = set()
        """Files without a matching name whose present names could not be searched, because their directories were
        invisible."""

    def check(self, seen: Mapping[Key, ScannedFile]) -> list[TrackedFile]:
        """Check each file that was rotated, or that the scan has not found under its original name.

        Return those of these files that are still tracked.
        """
        rotated = self._files.find_rotated(seen)
        for file in rotated:
            self._context.beat()
            if file in self._files:
                self._check(file, is_matched=file.file_id.key in seen)
        self._unnamed.intersection_update(rotated)
        return [file for file in rotated if file in self._files]

    def _check(self, file: TrackedFile, *, is_matched: bool) -> None:
        if not is_matched and not file.is_open and not self._can_open(file):
            self.find_again(file)
            if file not in self._files:
                return
        if not is_matched and (file.is_in_last_scan or file in self._unnamed):
            self._note_name(file)
        file.is_in_last_scan = is_matched
        has_left = not is_matched or file.is_in_copy or file.name != file.generation.path
        if file.phase is FilePhase.DELIVERED:
            self._check_delivered(file)
        elif not has_left:
            self._enter(file, FilePhase.ACTIVE)
        elif not self._growth.poll(file) and file.name not in self._context.unreadable and file.shrunk is None:
            is_quiet = self._context.clock.monotonic() - file.grown_at >= ROTATED_QUIET_S
            self._enter(file, FilePhase.QUIET if is_quiet else FilePhase.ROTATED)

    def _note_name(self, file: TrackedFile) -> None:
        """Record the name of a file that no longer matches a path, so that later runs find it."""
        self._unnamed.add(file)
        with self._context.unreadable.guard(file.name):
            place = find_by_inode(file.place, {file.file_id.key}).get(file.file_id.key)
            if place is not None or not explain_invisible(file.to_known_file()):
                self._unnamed.discard(file)
            if place is not None and place.name != file.name:
                self._context.ledger.record_rename(file.generation.id, place.name, file.seen)
                file.place = place

    def _enter(self, file: TrackedFile, phase: FilePhase) -> None:
        if file.phase is not phase and not (file.may_finish and phase is FilePhase.ROTATED):
            file.enter(phase, is_last_run=self._context.is_ending)
            if file.may_finish:
                self._subscribers.notify(file)

    def _can_open(self, file: TrackedFile) -> bool:
        try:
            file.status()
        except FileMoved:
            return False
        except OSError as error:
            self._context.unreadable.record(file.name, error)
        return True

    def _check_delivered(self, file: TrackedFile) -> None:
        if self._growth.poll(file) or file not in self._files:
            return
        if self._context.clock.monotonic() - file.grown_at >= self.deleted_grace:
            self._stop_tracking(file)

    def _stop_tracking(self, file: TrackedFile) -> None:
        if file in self._files and file.phase is FilePhase.DELIVERED:
            self._files.remove(file)
            file.close()

    def forget_matched(self) -> None:
        """Stop to follow the delivered files that match a path. The next scan finds them again as finished files."""
        for file in [file for file in self._delivered if file.is_in_last_scan]:
            self._delivered.remove(file)
            self._stop_tracking(file)

    def find_again(self, file: TrackedFile) -> None:
        """Find a file that was closed and has lost its name, by its inode."""
        with self._context.unreadable.guard(file.name):
            key = file.file_id.key
            for place in find_by_inode(file.place, {key}).values():
                if self._open_at(file, place):
                    return
            if file.phase is FilePhase.DELIVERED:
                self._stop_tracking(file)
            elif not explain_invisible(file.to_known_file()):
                self._on_missing(file, "deleted")

    def _open_at(self, file: TrackedFile, place: FileLocation) -> bool:
        with self._opener.open(place) as opened:
            if opened.source is None or not opened.source.identity.matches(file.file_id):
                return False
            self._context.ledger.record_rename(file.generation.id, place.name, file.seen)
            file.relocate(opened.take(), place)
        self._subscribers.notify(file)
        return True

    @staticmethod
    def is_present(file: TrackedFile) -> bool:
        """Return whether the file has a name."""
        try:
            return file.status().links > 0
        except FileMoved:
            return False
        except OSError:
            return True  # the file cannot be read now, but may still exist

    def finish(self, file: TrackedFile, *, is_present: bool) -> None:
        """Record that every sink has settled a file. Keep it open for a while, because it may still be written."""
        if file not in self._files:
            file.close()
            return
        self._finished.add(FinishedFile(file.to_known_file(), file.disk_size, file.modified), is_present=is_present)
        file.enter(FilePhase.DELIVERED, is_last_run=self._context.is_ending)
        self._delivered.append(file)
        if len(self._delivered) > _MAX_DELIVERED:
            self._stop_tracking(self._delivered.popleft())
