"""Decides which new files are unfinished copies of files that are tracked, lost or finished."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from sidecar.model.checkpoint import KnownFile
from sidecar.model.file import Generation
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.content import may_be_partial_copy_of, may_become_copy_of
from sidecar.tail.context import TailContext
from sidecar.tail.copy_candidates import CopyCandidate, CopyCandidates
from sidecar.tail.copy_search import CopySearch
from sidecar.tail.earlier_runs import EarlierRuns
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.generations import GenerationLog
from sidecar.tail.growth import GrowthMonitor
from sidecar.tail.prefix_index import INDEXED_BYTES, PrefixIndex
from sidecar.tail.recognition import Recognizer, Unchanged
from sidecar.tail.rotation_names import is_rotation_of
from sidecar.tail.siblings import find_by_inode
from sidecar.tail.source import OwnedSource, Postponed, Source
from sidecar.tail.start_positions import StartPositions
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import FileLocation, TrackedFile


class CopyDecisions:
    """Decides for new files whether they are copies: complete, unfinished, or none.

    An unfinished copy becomes a candidate, and later scans decide. It is not delivered until then.
    """

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers, opener: FileOpener,
        generations: GenerationLog, copies: CopySearch, recognizer: Recognizer, finished: FinishedFiles,
        candidates: CopyCandidates, growth: GrowthMonitor, earlier: EarlierRuns, starts: StartPositions,
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers, self._opener = context, files, subscribers, opener
        self._generations, self._copies, self._recognizer = generations, copies, recognizer
        self._finished, self._candidates, self._growth = finished, candidates, growth
        self._earlier, self._starts = earlier, starts
        self._index: PrefixIndex | None = None
        """The undelivered files while candidates are decided, from the first candidate that differs."""

    # ── the scan that finds the file ────────────────────────────────────────────────────────────────────────

    def add_candidate(
        self, opened: OwnedSource, place: FileLocation, index: PrefixIndex, started: Collection[TrackedFile]
    ) -> bool:
        """Add the file to the candidates if it may be an unfinished copy. Return whether it was added.

        `index`: the tracked files. `started`: those of them that this scan has found.
        """
        if self._candidates.is_full:
            return False
        found = self._find_original(opened.open, place, index, started)
        if found is not None:
            self._candidates.add(opened.take(), place, *found)
        return found is not None

    def _find_original(
        self, source: Source, place: FileLocation, index: PrefixIndex, started: Collection[TrackedFile],
        rejected: Collection[int] = (),
    ) -> tuple[Generation, int] | None:  # fmt: skip
        """Return the generation of which this file may be an unfinished copy, and the minimum size of a whole copy.

        `rejected`: numbers of generations that have other content.
        """
        if known := self._find_missing(source, place, rejected):
            return known.generation, known.seen
        original = self._find_tracked(source, place, index, started, rejected)
        if self._files.find(source.identity.key) is not None:
            return None
        if original is not None:
            # A plain copy was made since the last scan, which has not found it, and the original has grown since.
            size = 0 if source.is_compressed else min(original.previous_size, original.size)
            return original.generation, size or original.size
        if known := self._find_missing(source, place, rejected):  # a tracked file that was truncated a moment ago
            return known.generation, known.seen
        if done := self._find_finished(source, rejected):
            return done.known.generation, done.settled_to
        return None

    def _find_missing(self, source: Source, place: FileLocation, rejected: Collection[int]) -> KnownFile | None:
        """Return the truncated or missing generation of which this file may be an unfinished copy, or None."""
        return self._copies.find_original(place, source, rejected) or self._earlier.find_original(
            place, source, rejected
        )

    def _find_tracked(
        self, source: Source, place: FileLocation, index: PrefixIndex, started: Collection[TrackedFile],
        rejected: Collection[int],
    ) -> TrackedFile | None:  # fmt: skip
        """Return the tracked file of which this file may be an unfinished copy, or None."""
        beginning = b""
        with suppress(Postponed):
            beginning = source.pread(INDEXED_BYTES, 0)
        is_short = not source.has_bytes(FINGERPRINT_BYTES)
        for file in index.find_matches(place.name, beginning):
            name = self._context.last_place(file).name
            is_near = os.path.dirname(name) == os.path.dirname(place.name)
            is_unlikely = file in started and not is_rotation_of(name, place.name)
            is_refilled = file.is_in_copy and place.name == file.generation.path
            is_rejected = file.generation.id in rejected
            if is_rejected or is_refilled or is_unlikely or (is_short and not is_near):
                continue
            if file.file_id.key in self._generations:
                self._generations.flush()
            if file not in self._files:
                continue
            self._growth.poll(file)  # the copy may be complete and the file truncated by now
            if self._files.find(source.identity.key) is not None:
                return None
            if file in self._files and self._may_become_copy(file, source):
                return file
        return None

    def _may_become_copy(self, file: TrackedFile, source: Source) -> bool:
        """Return whether `source` may become a copy of the file. Return True while the file cannot be read."""
        if file.name in self._context.unreadable:
            return True
        with self._context.unreadable.guard(file.name):
            return may_become_copy_of(file, file.size, source)
        return True

    def _find_finished(self, source: Source, rejected: Collection[int]) -> FinishedFile | None:
        """Return the finished file of which this file may be an unfinished copy, if it still exists; or None.

        logrotate deletes the original after it has compressed it, which takes long if the file is large.
        """
        for done in self._finished.find_by_head(source):
            if done.known.generation.id in rejected:
                continue
            with self._open_finished(done.known) as original:
                if original.source is not None and may_become_copy_of(original.source, done.settled_to, source):
                    return done
        return None

    def _open_finished(self, known: KnownFile) -> OwnedSource:
        """Open the file of a finished generation. The result is empty if it does not exist any more."""
        place = FileLocation(os.path.dirname(known.name), known.name)
        for each in (place, *find_by_inode(place, {known.file_id.key}).values()):
            with suppress(OSError), self._opener.open(each) as opened:
                if opened.source is not None and known.file_id.matches(opened.source.identity):
                    return OwnedSource(opened.take())
        return OwnedSource(None)

    # ── later scans ─────────────────────────────────────────────────────────────────────────────────────────

    def decide_candidates(self) -> None:
        """Decide for each candidate whether it is a copy, if this is possible now. Raise `StateError`."""
        try:
            for candidate in self._candidates.all():
                self._context.beat()
                with self._context.unreadable.guard(candidate.place.name):
                    self._decide(candidate)
                    continue
                if self._candidates.is_pending(candidate):  # a later scan opens the file again, when it can be read
                    self._candidates.take(candidate).close()
        finally:
            self._index = None
        self._generations.flush()

    def _decide(self, candidate: CopyCandidate) -> None:
        links = self._candidates.note_size(candidate)
        original, agrees = self._compare(candidate)
        while not agrees and self._change_original(candidate):
            original, agrees = self._compare(candidate)
        if not self._candidates.is_pending(candidate):
            return
        if agrees and (self._is_undecided(candidate) or self._candidates.is_waiting(candidate, original, links)):
            return
        try:
            decision = self._recognizer.find_finished(candidate.source, candidate.place.name)
            starts = self._starts.find(candidate.source)
        except Postponed:
            return
        is_present = original is not None and original.is_in_last_scan
        is_copy = original is not None and agrees and self._candidates.is_complete(candidate)
        with OwnedSource(self._candidates.take(candidate)) as opened:
            if isinstance(decision, Unchanged):
                self.record_delivered(decision.known, opened, candidate.place, is_present=is_present)
            elif is_copy:
                self._add_copy(opened.open, candidate.place, (candidate.size, candidate.crc))
            else:
                file = self._generations.start(opened, candidate.place, starts, "read_from_end")
                if self._index is not None:
                    self._index.add(file)

    def _compare(self, candidate: CopyCandidate) -> tuple[TrackedFile | None, bool]:
        original = self._files.find_generation(candidate.original.id)
        return original, self._agrees(candidate, original)

    def _change_original(self, candidate: CopyCandidate) -> bool:
        """Compare a candidate with another original that begins alike from now on. Return False if there is none."""
        candidate.rejected.add(candidate.original.id)
        if self._index is None:
            self._index = PrefixIndex(self._files.find_undelivered())
        found = self._find_original(candidate.source, candidate.place, self._index, (), candidate.rejected)
        if found is None or not self._candidates.is_pending(candidate):
            return False
        candidate.original, candidate.complete_size = found
        candidate.compared = candidate.crc = 0
        return True

    def _is_undecided(self, candidate: CopyCandidate) -> bool:
        """Return whether a later scan decides where the content of the original is."""
        number = candidate.original.id
        is_pending = self._earlier.find_pending(number) is not None and not self._context.is_ending
        return is_pending or self._copies.is_comparing(number)

    def _agrees(self, candidate: CopyCandidate, original: TrackedFile | None) -> bool:
        """Return whether a candidate may still be a copy. All bytes that were compared so far must be equal."""
        if original is not None:
            self._growth.poll(original)  # if the original is truncated now, this may continue it in the candidate
            if not self._candidates.is_pending(candidate):
                return True
            if original in self._files:
                if original.name in self._context.unreadable:
                    return True
                with self._context.unreadable.guard(original.name):
                    return self._candidates.agrees(candidate, original, original.size)
                return True
        if done := self._finished.find_generation(candidate.original.id):
            with self._open_finished(done.known) as opened:
                if opened.source is not None:
                    return self._candidates.agrees(candidate, opened.source, done.settled_to)
        lost = self._copies.find(candidate.original.id)
        known = lost.known if lost else self._earlier.find_pending(candidate.original.id)
        return known is not None and may_be_partial_copy_of(known, candidate.source, candidate.place.name)

    # ── complete copies ─────────────────────────────────────────────────────────────────────────────────────

    def record_delivered(
        self, known: KnownFile, opened: OwnedSource, place: FileLocation, *, is_present: bool
    ) -> None:
        """Record that the content of the file was delivered. `is_present`: the original file still exists."""
        source = opened.open
        if is_present and known.checksums():
            self._add_copy(source, place, known.checksums()[-1])
        else:
            number = known.generation.id
            self._context.ledger.record_move(number, source.identity, place.name, known.seen, True)
            self._finished.move(known, source.identity, place.name)

    def _add_copy(self, source: Source, place: FileLocation, content: tuple[int, int]) -> None:
        size, crc = content
        known = self._generations.add_copy(source, place, size, crc, list(self._subscribers.sinks))
        self._finished.add(FinishedFile(known), is_present=True)
