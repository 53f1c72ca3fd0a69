"""Carries out decisions about a file: to track it, to continue it in another file, to restart it, or to end it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from msgspec.structs import replace

from sidecar.errors import StateError
from sidecar.model.checkpoint import COPY, ORIGIN, Checkpoint, KnownFile
from sidecar.tail.context import TailContext
from sidecar.tail.copy_search import Abandoned, CopySearch, FoundCopy, LostContent
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.generations import GenerationLog
from sidecar.tail.recognition import Recognizer
from sidecar.tail.source import OwnedSource, Postponed
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import FileLocation, FilePhase, TrackedFile
from sidecar.telemetry import events


class FileTransitions:
    """Carries out decisions about the files of one tracker. `poll` compares a file after it is added."""

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers, generations: GenerationLog,
        copies: CopySearch, finished: FinishedFiles, recognizer: Recognizer, poll: Callable[[TrackedFile], bool],
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers, self._recognizer = context, files, subscribers, recognizer
        self._generations, self._copies, self._finished, self._poll = generations, copies, finished, poll

    def apply(self, outcomes: Iterable[FoundCopy | Abandoned]) -> None:
        """Carry out the results of searches for lost content."""
        gone = []
        for outcome in outcomes:
            lost = outcome.lost
            if isinstance(outcome, FoundCopy):
                self._continue_in_copy(outcome)
            else:
                self._abandon(lost)
                gone += [lost.known] if lost.file is None and lost.reason == "deleted" else []
        self._context.report_gone(gone)

    def _abandon(self, lost: LostContent) -> None:
        is_earlier_run = lost.file is None and lost.reason == "deleted"
        if is_earlier_run and lost.known.is_settled(self._subscribers.sinks):
            number = lost.known.generation.id
            self._context.ledger.mark_all_finished([number], self._context.clock.now())
            self._copies.remove(number)
            self._generations.drop_link(lost.known.generation)
            self._finished.add(FinishedFile(lost.known), is_present=False)  # its content may appear elsewhere
        else:
            self.give_up(lost.known, lost.file, lost.reason)

    def _continue_in_copy(self, found: FoundCopy) -> None:
        lost, place, ledger = found.lost, found.place, self._context.ledger
        known, is_copy = lost.known, place.name != lost.known.name
        with OwnedSource(found.source) as opened:
            identity = found.source.identity
            ledger.record_move(known.generation.id, identity, place.name, known.seen, is_copy)
            self._copies.remove(known.generation.id)
            if done := self._finished.find(identity.key):
                self._finished.mark_deleted(done)
            if delivered := self._files.find(identity.key):
                self._untrack(delivered)
            if is_copy:
                self._context.emit(events.CopyTaken(self._context.pipeline, known.generation.path, place.name))
            self._generations.drop_link(known.generation)
            self._generations.keep_link(known.generation, place, found.source)
            if lost.file is None:
                known = replace(known, is_in_copy=known.is_in_copy or is_copy, name=place.name, file_id=identity)
                self._generations.resume(known, opened, place)
            else:
                self._relocate(lost.file, opened, place, is_copy=is_copy)

    def _untrack(self, file: TrackedFile) -> None:
        self._files.remove(file)
        file.close()

    def continue_in(self, file: TrackedFile, opened: OwnedSource, place: FileLocation) -> None:
        """Continue a tracked file in the file that has replaced it."""
        identity = opened.open.identity
        self._context.ledger.record_move(file.generation.id, identity, place.name, file.seen, False)
        self._files.remove(file)
        self._relocate(file, opened, place, is_copy=False)

    def _relocate(self, file: TrackedFile, opened: OwnedSource, place: FileLocation, *, is_copy: bool) -> None:
        file.relocate(opened.take(), place)
        file.is_in_copy, file.is_in_last_scan = file.is_in_copy or is_copy, True
        file.enter(FilePhase.ROTATED if file.is_in_copy else FilePhase.ACTIVE, is_last_run=self._context.is_ending)
        file.size, file.disk_size, file.modified, file.shrunk = 0, 0, 0.0, None
        self._files.add(file, self._context.clock.monotonic())
        file.previous_size = file.scanned_size
        self._poll(file)
        file.scanned_size = file.size
        self._subscribers.notify(file)

    def cut(
        self, known: KnownFile, opened: OwnedSource, place: FileLocation, starts: Mapping[str, Checkpoint],
        file: TrackedFile | None = None,
    ) -> None:  # fmt: skip
        """Continue a file that has lost the end of its content. `starts`: where each sink begins to read.

        A new generation begins, because documents of the missing lines may already have the ids of the next offsets.
        Bytes after the current size that a sink had not settled count as lost.
        """
        kept, size = max(point.offset for point in starts.values()), opened.open.status().size
        self._context.emit(events.FileCut(self._context.pipeline, place.name, kept, known.read_to))
        points = {
            sink: replace(point, offset=max(point.offset, min(size, known.seen)))
            for sink, point in known.checkpoints.items()
        }
        self.give_up(replace(known, checkpoints=points), file, "truncated")
        is_found = file is None or file.is_in_last_scan
        self._generations.start(opened, place, starts, COPY).is_in_last_scan = is_found
        self._generations.flush()

    def give_up(self, known: KnownFile, file: TrackedFile | None, reason: str) -> None:
        """End a generation. Its unread content is lost."""
        self._context.ledger.record_end(known.generation.id, reason, known.seen)
        self._copies.remove(known.generation.id)
        self._generations.drop_link(known.generation)
        if file is not None:
            if file in self._files:
                self._files.remove(file)
            file.end(reason)
            self._subscribers.notify(file)
        else:
            self._subscribers.report_lost(known, reason)

    def track(self, file: TrackedFile) -> None:
        """Track a file after its generation was recorded in the state."""
        file.settled = {sink: file.settled.get(sink, ORIGIN) for sink in self._subscribers.sinks}
        file.enter(FilePhase.ROTATED if file.is_in_copy else FilePhase.ACTIVE, is_last_run=self._context.is_ending)
        self._files.add(file, self._context.clock.monotonic())
        self._subscribers.follow(file)
        with suppress(StateError):  # the next scan compares the file again
            self._poll(file)
            file.scanned_size = min(file.scanned_size, file.size)  # without NUL bytes at the end

    def restart(self, file: TrackedFile) -> None:
        """Begin a new generation for a file that was truncated. Search its copies for the unread content."""
        if file.phase is FilePhase.DELIVERED:
            self._untrack(file)  # it is compared like any finished file: it may be a copy now
            return
        place, known = file.place, file.to_known_file()
        if file.shrunk is not None and file.unread_from >= file.seen and self._continue_cut(file, known):
            return
        with file.lock_reads(), OwnedSource(file.take_source()) as opened:
            self.search_content(file, "truncated")
            if outcome := self._copies.search_one(known.generation.id):
                self.apply([outcome])
            with self._context.unreadable.guard(place.name):
                if opened.open.status().size:
                    self._generations.start(opened, place).is_in_last_scan = file.is_in_last_scan
                    self._generations.flush()

    def _continue_cut(self, file: TrackedFile, known: KnownFile) -> bool:
        """Continue a delivered file that has lost the end of its content. Return False if it has other content.

        Return True if it is continued, or if a later scan continues the comparison.
        """
        starts = dict[str, Checkpoint]()
        try:
            file.call_with_source(lambda source: starts.update(self._recognizer.find_starts(known, source)))
        except Postponed:
            return True
        if starts:
            with file.lock_reads(), OwnedSource(file.take_source()) as opened:
                self.cut(known, opened, file.place, starts, file)
        return bool(starts)

    def search_content(self, file: TrackedFile, reason: str) -> None:
        """Start to search other files for the content of a file that was truncated or has disappeared."""
        if file in self._files:
            self._files.remove(file)
        self._copies.add(file.to_known_file(), file, reason)

    def reopen(self, file: TrackedFile) -> None:
        """Deliver the new bytes of a file that has grown after all sinks had finished it."""
        self._context.ledger.mark_unfinished(file.generation.id)
        self._finished.remove_generation(file.generation.id)
        file.enter(FilePhase.ROTATED, is_last_run=self._context.is_ending)
        file.settled = {sink: file.settled.get(sink, ORIGIN) for sink in self._subscribers.sinks}
        self._subscribers.follow(file)
