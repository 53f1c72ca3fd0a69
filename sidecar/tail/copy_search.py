"""Searches other files for the unread content of a truncated or missing file.

Rotation by copy (logrotate's `copytruncate`) copies the file and then truncates it, so the unread content is in the
copy. Rotation with compression leaves only the compressed copy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

import msgspec

from sidecar.model.checkpoint import KnownFile
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.content import ContentComparer, may_be_partial_copy_of
from sidecar.tail.context import COPY_SEARCH_S, ScannedFile, TailContext
from sidecar.tail.copy_candidates import CopyCandidates
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.finished_files import FinishedFiles
from sidecar.tail.rotation_names import find_originals
from sidecar.tail.siblings import Key, SiblingFile, find_candidates, is_within
from sidecar.tail.source import Postponed, Source
from sidecar.tail.tracked_file import FileLocation, TrackedFile

_MAX_SEARCH_PER_SCAN_S = 0.5
"""Maximum time of the search in one scan, so that tracked files do not wait too long."""


class LostContent(msgspec.Struct):
    """A generation whose file was truncated or is missing. Other files are searched for its content."""

    known: KnownFile
    file: TrackedFile | None
    reason: str
    since: float
    is_postponed: bool = False
    """Whether the comparison of a candidate was postponed to the next scan."""

    rejected: set[tuple[tuple[Key, int, float], bool]] = msgspec.field(default_factory=set)
    """Files that are not the copy: key, size and time of each, and whether a complete copy was required."""


class FoundCopy(msgspec.Struct, frozen=True):
    """Result of a search that has found the content in an open file."""

    lost: LostContent
    place: FileLocation
    source: Source


class Abandoned(msgspec.Struct, frozen=True):
    """Result of a search that has ended without finding the content."""

    lost: LostContent


class CopySearch:
    """Searches other files for lost content, except undelivered ones, which `undelivered` returns."""

    def __init__(
        self, context: TailContext, opener: FileOpener, comparer: ContentComparer, finished: FinishedFiles,
        candidates: CopyCandidates, undelivered: Callable[[], Collection[TrackedFile]],
    ) -> None:  # fmt: skip
        self._context, self._opener, self._comparer = context, opener, comparer
        self._candidates, self._undelivered = candidates, undelivered
        self.finished = finished
        self._lost: dict[int, LostContent] = {}
        self._moved: dict[str, list[SiblingFile]] = {}
        """Unknown files of the scan by file name, and by the names before a rotation."""

    def __bool__(self) -> bool:
        return bool(self._lost)

    def files(self) -> list[TrackedFile]:
        """Return the files that this run has tracked and whose content is being searched in other files."""
        return [lost.file for lost in self._lost.values() if lost.file]

    def waiting_bytes(self, sinks: Collection[str]) -> int:
        """Return the undelivered bytes of lost content from earlier runs, which no shipper counts."""
        earlier = [lost.known for lost in self._lost.values() if lost.file is None]
        return sum(known.seen - known.settled_by(sinks) for known in earlier)

    def add(self, known: KnownFile, file: TrackedFile | None, reason: str) -> None:
        """Start the search for the content of this generation."""
        self._lost[known.generation.id] = LostContent(known, file, reason, self._context.clock.monotonic())

    def find(self, number: int) -> LostContent | None:
        """Return the search for this generation, or None."""
        return self._lost.get(number)

    def is_comparing(self, number: int) -> bool:
        """Return whether a comparison for this generation was postponed to the next scan."""
        lost = self._lost.get(number)
        return lost is not None and lost.is_postponed

    def remove(self, number: int) -> None:
        """End the search for this generation."""
        self._lost.pop(number, None)

    def find_original(self, place: FileLocation, source: Source, rejected: Collection[int]) -> KnownFile | None:
        """Return the lost generation of which this file may be an unfinished copy, or None."""
        for lost in self._lost.values():
            is_excluded = lost.known.file_id.matches(source.identity) or lost.known.generation.id in rejected
            if not is_excluded and may_be_partial_copy_of(lost.known, source, place.name):
                return lost.known
        return None

    def search(self, unknown: Iterable[ScannedFile] = ()) -> Iterator[FoundCopy | Abandoned]:
        """Continue all searches. Yield the result of each search that has ended. `unknown`: files of the scan."""
        self._moved = _by_name(unknown) if self._lost else {}
        clock = self._context.clock
        stop = clock.monotonic() + _MAX_SEARCH_PER_SCAN_S
        for number in list(self._lost):
            if number not in self._lost:
                continue  # the caller removed it after an earlier result
            self._context.beat()
            with self._context.unreadable.guard(self._lost[number].known.name):
                if outcome := self.search_one(number):
                    yield outcome
            if clock.monotonic() > stop:
                return

    def search_one(self, number: int) -> FoundCopy | Abandoned | None:
        """Continue the search for one generation. Return its result, or None if the next scan continues it."""
        lost = self._lost[number]
        has_waited = self._context.clock.monotonic() - lost.since >= COPY_SEARCH_S
        found = self._find_copy(lost, complete=not has_waited)
        if found is not None:
            return FoundCopy(lost, *found)
        if lost.is_postponed or not (has_waited or not self._is_being_made(lost)):
            return None
        return Abandoned(lost)

    def abandon_all(self) -> list[Abandoned]:
        """Return `Abandoned` for each search without a postponed comparison. The next run continues the others."""
        return [Abandoned(lost) for lost in self._lost.values() if not lost.is_postponed]

    def _find_copy(self, lost: LostContent, *, complete: bool) -> tuple[FileLocation, Source] | None:
        known, lost.is_postponed = lost.known, False
        for candidate in self._candidates.find_copies(known.generation):
            if self._is_candidate_copy(lost, candidate.place, candidate.source, complete=complete):
                return candidate.place, self._candidates.take(candidate)
        for each in [*self._siblings(lost), *(self._find_moved(lost) if complete else ())]:
            if (each.stamp, complete) in lost.rejected:
                continue
            with self._context.unreadable.guard(each.place.name), self._opener.open(each.place, each.key) as opened:
                try:
                    if opened.source is not None and self._is_copy(
                        lost, opened.source, each.place, complete=complete
                    ):
                        return each.place, opened.take()
                    lost.rejected.add((each.stamp, complete))
                except Postponed:
                    lost.is_postponed = True
                    self._opener.postpone(opened)
        return None

    def _is_candidate_copy(self, lost: LostContent, place: FileLocation, source: Source, *, complete: bool) -> bool:
        with self._context.unreadable.guard(place.name):
            try:
                return self._is_copy(lost, source, place, complete=complete)
            except Postponed:
                lost.is_postponed = True
        return False

    def _is_copy(self, lost: LostContent, source: Source, place: FileLocation, *, complete: bool) -> bool:
        not_before = lost.file.modified if lost.file else None
        return self._is_other_file(lost.known, source) and self._comparer.is_copy(
            lost.known, source, place.name, complete=complete, not_before=not_before
        )

    def _siblings(self, lost: LostContent) -> list[SiblingFile]:
        """Return the files in the same directory that may be the copy, according to their names."""
        place = lost.file.place if lost.file else self.find_place(lost.known)
        if place is None:
            return []
        excluded = {*(file.file_id.key for file in self._undelivered()), *self._candidates.keys()}
        return find_candidates(lost.known, place, self._context.scope, excluded)

    def _find_moved(self, lost: LostContent) -> list[SiblingFile]:
        """Return unknown files in other directories that may be the missing file, moved to another file system."""
        known = lost.known
        if lost.reason != "deleted" or known.fingerprint.covered < FINGERPRINT_BYTES:
            return []
        folder, name = os.path.split(known.name)
        return [each for each in self._moved.get(name, ()) if os.path.dirname(each.place.name) != folder]

    def find_place(self, known: KnownFile) -> FileLocation | None:
        """Return the last location of the file, or None if the current configuration does not include it."""
        scope, links = self._context.scope, self._context.links
        is_link = links is not None and links.is_link(known.name)
        is_reached = is_link or scope.leads_to(known.name)
        is_wanted = is_reached and is_within(known, scope)
        return FileLocation(os.path.dirname(known.name), known.name) if is_wanted else None

    def _is_other_file(self, known: KnownFile, source: Source) -> bool:
        """Return False for the known file itself, and for a file that has the content of a finished generation."""
        if known.file_id.matches(source.identity):
            return False
        done = self.finished.find(source.identity.key)
        if done is None or done.known.is_copy or not done.known.file_id.matches(source.identity):
            return True
        return not self._comparer.agrees(done.known, source, in_full=False)

    def _is_being_made(self, lost: LostContent) -> bool:
        """Return whether any file may be an unfinished copy."""
        known = lost.known
        if self._candidates.find_copies(known.generation):
            return True
        for each in self._siblings(lost):
            with self._context.unreadable.guard(each.place.name), self._opener.open(each.place, each.key) as opened:
                if opened.source is not None and self._may_be_copy(known, opened.source, each.place):
                    return True
                continue
            return True  # the file cannot be read now
        return False

    def _may_be_copy(self, known: KnownFile, source: Source, place: FileLocation) -> bool:
        try:
            is_other = self._is_other_file(known, source)
        except Postponed:
            return True
        return is_other and may_be_partial_copy_of(known, source, place.name)


def _by_name(files: Iterable[ScannedFile]) -> dict[str, list[SiblingFile]]:
    by_name: dict[str, list[SiblingFile]] = {}
    for found in files:
        place, key = FileLocation(found.root, found.path), (found.device, found.inode)
        for name in {os.path.basename(each) for each in find_originals(found.path)}:
            by_name.setdefault(name, []).append(SiblingFile(place, key, found.size, found.modified))
    return by_name
