"""Resumes unfinished generations of earlier runs, and finished generations whose files have changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from sidecar.model.checkpoint import Checkpoint, KnownFile
from sidecar.tail.content import may_be_partial_copy_of
from sidecar.tail.context import SHRUNK_WAIT_S, ScannedFile, TailContext
from sidecar.tail.copy_search import CopySearch
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.generations import GenerationLog
from sidecar.tail.recognition import Recognizer, Replaced, Resume, Shorter
from sidecar.tail.rotation_names import find_originals
from sidecar.tail.siblings import Key, explain_invisible, find_below, find_by_inode, find_by_name, find_related_names
from sidecar.tail.source import OwnedSource, Postponed, Source
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import FileLocation

_FINISHED_EVERY_S, _MAX_FINISHED = 10.0, 1000
_SHORTER = f"it has become shorter; the sidecar waits {SHRUNK_WAIT_S:.0f} s"
"""Finished files that match no path may still be written, so they are checked regularly. Seconds between two checks,
and maximum number of files in one check."""


Cut = Callable[[KnownFile, OwnedSource, FileLocation, Mapping[str, Checkpoint]], object]
"""Continues a file that has lost the end of its content, each sink from its checkpoint."""


class EarlierRuns:
    """Finds the files of the unfinished generations of earlier runs.

    `left_out`: path of each file that cannot be delivered now → the reason.
    """

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers, opener: FileOpener,
        generations: GenerationLog, copies: CopySearch, recognizer: Recognizer, finished: FinishedFiles, cut: Cut,
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers, self._opener = context, files, subscribers, opener
        self._generations, self._copies, self._cut = generations, copies, cut
        self._recognizer, self._finished = recognizer, finished
        self._pending = {known.generation.id: known for known in context.ledger.unfinished(context.pipeline)}
        self._shorter_since: dict[int, float] = {}
        self._cut_numbers: set[int] = set()
        """Generations whose files have lost their ends, while scans compare how much of the content is left."""

        self._finished_checked_at = float("-inf")
        self.left_out: dict[str, str] = {}

    def waiting_bytes(self, seen: Collection[Key]) -> int:
        """Return the undelivered bytes of the files that have not been found yet. `seen`: the files of the scan."""
        sinks = self._subscribers.sinks
        waiting = [known for known in self._pending.values() if known.file_id.key not in seen and not known.ended]
        return sum(known.seen - known.settled_by(sinks) for known in waiting if self._copies.find_place(known))

    def names(self) -> set[str]:
        """Return the last name of each file that has not been found yet."""
        return {known.name for known in self._pending.values()}

    def has_key(self, key: Key) -> bool:
        """Return whether an earlier run has not finished the file that had this device and inode."""
        return any(known.file_id.key == key and not known.ended for known in self._pending.values())

    def find_pending(self, number: int) -> KnownFile | None:
        """Return the generation with this number if its file has not been found yet, or None."""
        return self._pending.get(number)

    def find_original(self, place: FileLocation, source: Source, rejected: Collection[int]) -> KnownFile | None:
        """Return the generation of which this file may be an unfinished copy, if its own file is not found yet."""
        for number, known in self._pending.items():
            is_possible = number not in rejected and may_be_partial_copy_of(known, source, place.name)
            if is_possible and self._copies.find_place(known):
                return known
        return None

    def resume(self, seen: Mapping[Key, ScannedFile], untracked: Iterable[Key]) -> None:
        """Resume the generations whose files a scan has found. `untracked`: the keys of files that are not tracked.

        Raise `StateError`.
        """
        self.left_out.clear()
        pending: dict[Key, list[KnownFile]] = {}
        for known in self._pending.values():
            if not known.ended:
                pending.setdefault(known.file_id.key, []).append(known)
        tracked = self._files.keys()
        unknown = [(key, seen[key]) for key in untracked]
        for key, found in unknown + self._find_finished(seen):
            if not found.size or key in tracked:
                continue
            done = None if self._finished.is_unchanged(key, found) else self._finished.find(key)
            if (key in pending or done is not None) and self._context.unreadable.may_try(found.path):
                self._context.beat()
                with self._context.unreadable.guard(found.path):
                    self._resume_file(key, found, pending.get(key, []), done)

    def _find_finished(self, seen: Mapping[Key, ScannedFile]) -> list[tuple[Key, ScannedFile]]:
        """Return the finished files that match no path but still exist; none if the next check is not due yet."""
        now = self._context.clock.monotonic()
        if now - self._finished_checked_at < _FINISHED_EVERY_S:
            return []
        self._finished_checked_at = now
        unmatched = [done.known for done in self._finished if done.known.file_id.key not in seen]
        named = [find_by_name(known.name) for known in unmatched[-_MAX_FINISHED:] if self._copies.find_place(known)]
        return [((each.device, each.inode), each) for each in named if each is not None]

    def _resume_file(
        self, key: Key, found: ScannedFile, pending: Sequence[KnownFile], done: FinishedFile | None
    ) -> None:
        place = FileLocation(found.root, found.path)
        with self._opener.open(place, key) as opened:
            if opened.source is None or opened.source.identity.key != key:
                return
            try:
                for known in pending:
                    self._decide_unfinished(known, opened, place)
                if done is not None and self._files.find(key) is None:
                    self._decide_finished(done, opened, place, found)
            except Postponed:
                self._opener.postpone(opened)

    def _decide_unfinished(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> None:
        if known.generation.id not in self._pending:
            return  # an earlier comparison has decided it
        is_taken = self._files.find(known.file_id.key) is not None
        is_other = is_taken or known.generation.id in self._cut_numbers
        decision = Replaced(known) if is_other else self._recognizer.compare_unfinished(known, opened.open)
        if isinstance(decision, Resume):
            self._generations.resume(known, opened, place)
        elif isinstance(decision, Shorter) and self._may_regain_size(known):
            self.left_out[place.name] = f"{_SHORTER} for its size of {known.seen} bytes"
            return
        elif is_taken or not self._continue_cut(known, opened, place):
            self._search_content(known, opened.open, place)
            return
        del self._pending[known.generation.id]

    def _continue_cut(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> bool:
        """Continue a file that has lost the end of its content. Return False if it has other content.

        Raise `Postponed`; the next scan continues the comparison.
        """
        self._cut_numbers.add(known.generation.id)
        starts = self._recognizer.find_starts(known, opened.open)
        self._cut_numbers.discard(known.generation.id)
        if starts:
            self._cut(known, opened, place, starts)
        return bool(starts)

    def _may_regain_size(self, known: KnownFile) -> bool:
        now = self._context.clock.monotonic()
        since = self._shorter_since.setdefault(known.generation.id, now)
        return now - since < SHRUNK_WAIT_S and not self._context.is_ending

    def _decide_finished(
        self, done: FinishedFile, opened: OwnedSource, place: FileLocation, found: ScannedFile
    ) -> None:  # fmt: skip
        is_other = done.known.generation.id in self._cut_numbers
        decision = (
            Replaced(done.known) if is_other
            else self._recognizer.compare_finished(done, opened.open, place.name, self._subscribers.sinks)
        )  # fmt: skip
        if isinstance(decision, Resume):
            self._context.ledger.mark_unfinished(done.known.generation.id)
            self._finished.remove(done)
            self._generations.resume(done.known, opened, place)
        elif isinstance(decision, Shorter) and self._is_shrinking(done, found):
            self.left_out[place.name] = f"{_SHORTER}, because all of it was delivered"
        elif isinstance(decision, Replaced | Shorter):
            if self._continue_cut(done.known, opened, place):
                self._finished.remove(done)
            else:
                self._finished.mark_deleted(done)
        else:
            done.size, done.modified, done.shrunk_at = found.size, found.modified, None

    def _is_shrinking(self, done: FinishedFile, found: ScannedFile) -> bool:
        """Return whether a file has become shorter recently and has not grown since."""
        now = self._context.clock.monotonic()
        if done.shrunk_at is None or found.size < done.size:
            done.size, done.shrunk_at = found.size, now
        return found.size == done.size and now - done.shrunk_at < SHRUNK_WAIT_S

    # ── files that match no path of the pipeline ─────────────────────────────────────────────────────────

    def find_moved(self, seen: Mapping[Key, ScannedFile]) -> None:
        """Find the files that `resume` has not found, by inode or hard link. Decide which of them are gone."""
        waiting = []
        for known in list(self._pending.values()):
            self._context.beat()
            if known.ended:
                del self._pending[known.generation.id]
                self._subscribers.report_lost(known, known.ended)
            elif self._copies.find_place(known) is None:
                reason = "an earlier run has not delivered all of it, and `paths` or `exclude` leave it out now"
                self.left_out[known.name] = reason
            elif (found := seen.get(known.file_id.key)) is not None:
                if not found.size:
                    place = FileLocation(found.root, found.path)
                    with self._context.unreadable.guard(place.name), self._opener.open(place) as opened:
                        self._search_content(known, opened.source, place)
            else:
                waiting.append(known)
        if waiting:
            self._search(waiting, seen)

    def _search_content(self, known: KnownFile, source: Source | None, place: FileLocation) -> None:
        """Start to search other files for the content of a generation whose inode has other content now."""
        if source is not None and not known.file_id.matches(source.identity):
            self._copies.add(known, None, "deleted")  # the file system has reused the inode
        else:  # under its present name, because its directory may have been renamed
            self._copies.add(replace(known, name=place.name), None, "truncated")
        del self._pending[known.generation.id]

    def _resume_by_link(self, known: KnownFile) -> bool:
        linked = self._context.links.find(known.generation) if self._context.links else None
        if linked is None:
            return False
        with OwnedSource(linked[1]) as opened:
            return self._resume_moved(known, opened, linked[0])

    def _search(self, waiting: Sequence[KnownFile], seen: Mapping[Key, ScannedFile]) -> None:
        places, missing = self._find_places(waiting)
        for known in waiting:
            if place := places.get(known.generation.id):
                with self._context.unreadable.guard(place.name), self._opener.open(place) as opened:
                    if opened.source is None or not self._resume_moved(known, opened, place):
                        missing.append(known)
        missing = [known for known in missing if not self._resume_by_link(known)]
        self._decide_missing(missing, {found.path for found in seen.values()})

    def _find_places(self, waiting: Iterable[KnownFile]) -> tuple[dict[int, FileLocation], list[KnownFile]]:
        """Return the location of each file by generation, and the generations whose files were not found.

        Search the directories of their last names first, then all directories below the fixed part of the patterns.
        """
        places, missing = dict[Key, FileLocation](), list[KnownFile]()
        folders: dict[str, list[KnownFile]] = {}
        for known in waiting:
            folders.setdefault(os.path.dirname(known.name), []).append(known)
        for folder, group in folders.items():
            with self._context.unreadable.guard(folder):
                keys = {known.file_id.key for known in group} - self._files.keys()
                places |= find_by_inode(FileLocation(folder, group[0].name), keys)
                missing += [known for known in group if known.file_id.key not in places]
        if missing:
            for root in self._context.scope.roots():
                places |= find_below(root, {known.file_id.key for known in missing} - self._files.keys())
        found = {known.generation.id: places[known.file_id.key] for known in waiting if known.file_id.key in places}
        return found, [known for known in missing if known.generation.id not in found]

    def _resume_moved(self, known: KnownFile, opened: OwnedSource, place: FileLocation) -> bool:
        """Resume a generation in this file. Return False if it is another file; True if a later scan decides."""
        try:
            decision = self._recognizer.compare_unfinished(known, opened.open)
        except Postponed:
            self._opener.postpone(opened)
            return True
        if isinstance(decision, Shorter) and self._may_regain_size(known):
            return True
        if not isinstance(decision, Resume):
            return False
        self._generations.resume(known, opened, place).is_in_last_scan = False
        del self._pending[known.generation.id]
        return True

    def _decide_missing(self, missing: Sequence[KnownFile], names: set[str]) -> None:
        """Start to search other files for the content of missing files, unless these may still exist.

        There is no search for a delivered file if no file in its directory has a name that a rotation makes from its
        name. Its generation is kept for a week, in case the file is found again.
        """
        delivered = list[KnownFile]()
        originals = {
            folder: find_related_names(folder) for folder in {os.path.dirname(each.name) for each in missing}
        }
        for known in missing:
            has_related = any(
                each in originals[os.path.dirname(known.name)]
                for name in (known.name, known.generation.path)
                for each in find_originals(name)
            )
            if not has_related and known.is_settled(self._subscribers.sinks):
                delivered.append(known)
            elif known.name not in names and (reason := explain_invisible(known)):
                self.left_out[known.name] = f"not all of it is delivered, and {reason}"
                continue
            else:
                self._copies.add(known, None, "deleted")
            del self._pending[known.generation.id]
        if delivered:
            numbers = [known.generation.id for known in delivered]
            self._context.ledger.mark_all_finished(numbers, self._context.clock.now())
            for known in delivered:
                self._finished.add(FinishedFile(known), is_present=True)
        self._context.report_gone([known for known in delivered if not explain_invisible(known)])
