"""Opens unknown files: each begins a new generation, unless it is a copy or may become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sidecar.tail.content import MIN_PROOF_BYTES, ContentComparer
from sidecar.tail.context import ScannedFile, TailContext
from sidecar.tail.copy_candidates import CopyCandidates
from sidecar.tail.copy_decisions import CopyDecisions
from sidecar.tail.copy_search import CopySearch
from sidecar.tail.earlier_runs import EarlierRuns
from sidecar.tail.file_opener import FileOpener
from sidecar.tail.file_set import FileSet
from sidecar.tail.finished_files import FinishedFiles
from sidecar.tail.generations import GenerationLog
from sidecar.tail.growth import GrowthMonitor
from sidecar.tail.prefix_index import PrefixIndex
from sidecar.tail.recognition import New, Recognizer, Unchanged
from sidecar.tail.rotation_names import find_originals
from sidecar.tail.siblings import Key, find_by_inode
from sidecar.tail.source import OwnedSource, Postponed
from sidecar.tail.start_positions import StartPositions
from sidecar.tail.subscribers import Subscribers
from sidecar.tail.tracked_file import FileLocation, FileMoved, TrackedFile

Relocate = Callable[[TrackedFile, OwnedSource, FileLocation], None]
"""Continues a tracked file in another open file with the same content."""


class NewFiles:
    """Opens unknown files. `ignore_older`: ignore files that were last changed more than this many seconds ago."""

    # More than fifteen attributes: an unknown file may be any kind of known file, so every part that knows files is
    # asked here, in one order.

    def __init__(
        self, context: TailContext, files: FileSet, subscribers: Subscribers, opener: FileOpener,
        generations: GenerationLog, copies: CopySearch, recognizer: Recognizer, finished: FinishedFiles,
        candidates: CopyCandidates, decisions: CopyDecisions, comparer: ContentComparer, growth: GrowthMonitor,
        earlier: EarlierRuns, starts: StartPositions, relocate: Relocate,
    ) -> None:  # fmt: skip
        self._context, self._files, self._subscribers, self._opener = context, files, subscribers, opener
        self._generations, self._copies, self._recognizer = generations, copies, recognizer
        self._finished, self._candidates, self._comparer = finished, candidates, comparer
        self._decisions = decisions
        self._growth, self._earlier, self._starts, self._relocate = growth, earlier, starts, relocate
        self._compared: dict[Key, int] = {}
        """Key of a new file → offset up to which it was compared with the file that it has replaced."""

        self._started: set[TrackedFile] = set()
        """Files for which this scan has created a generation."""

        self._replaced: dict[str, TrackedFile] = {}
        """Tracked files that the scan has not found, by name. Another file may have the name now."""

        self.ignore_older: float | None = None
        self.waiting_bytes = 0
        """Bytes of the unknown files of the last scan that could not be read, or whose comparison was postponed."""

        self.old_bytes = 0
        """Bytes of the files of the last scan that were ignored because of their age."""

    def open(self, seen: Mapping[Key, ScannedFile], untracked: Iterable[Key]) -> None:
        """Open the unknown files of a scan, the largest and oldest first, so that a copy comes after its original.

        Raise `StateError`.
        """
        self._starts.note_scan(seen)
        unknown = [seen[key] for key in untracked if seen[key].size and self._is_unknown(key, seen[key])]
        wanted = [found for found in unknown if not self._is_old(found)]
        self.old_bytes = sum(found.size for found in unknown if self._is_old(found)) if self.ignore_older else 0
        wanted.sort(key=lambda found: (-found.size, found.modified, found.path))
        self._started.clear()
        self._replaced.clear()
        if wanted:
            self._compared = {key: at for key, at in self._compared.items() if key in seen}
            index = PrefixIndex(self._files.find_undelivered())
            for file in self._files:
                if file.file_id.key not in seen:
                    file.previous_size = file.scanned_size
                    if not file.may_finish:
                        self._replaced[self._context.last_place(file).name] = file
            for found in wanted:
                if self._context.unreadable.may_try(found.path) and found.path not in self._earlier.left_out:
                    self._context.beat()
                    with self._context.unreadable.guard(found.path):
                        self._open(found, index, seen)
        self._generations.flush()
        self.waiting_bytes = sum(self._count_waiting((found.device, found.inode), found) for found in wanted)

    def _count_waiting(self, key: Key, found: ScannedFile) -> int:
        """Return how many bytes of a file wait for a decision: of a finished file, only what it has more."""
        if not self._is_unknown(key, found):
            return 0
        done = self._finished.find(key)
        return max(0, found.size - done.settled_to) if done else found.size

    def _is_unknown(self, key: Key, found: ScannedFile) -> bool:
        is_known = self._files.find(key) is not None or key in self._candidates
        return not is_known and not self._finished.is_unchanged(key, found)

    def _is_old(self, found: ScannedFile) -> bool:
        return self.ignore_older is not None and found.modified < self._context.clock.now() - self.ignore_older

    def _open(self, found: ScannedFile, index: PrefixIndex, seen: Mapping[Key, ScannedFile]) -> None:
        place = FileLocation(found.root, found.path)
        with self._opener.open(place, (found.device, found.inode)) as opened:
            if opened.source is None:
                return
            key = opened.source.identity.key
            is_known = self._finished.find(key) is not None or self._earlier.has_key(key)
            if self._files.find(key) is not None or key in self._generations or key in self._candidates or is_known:
                return  # a known file was renamed to this name after the scan
            try:
                if not opened.source.has_content_after(0) or self._continue_replaced(opened, place):
                    return
                if self._match_finished(opened, place, seen):
                    return
                if self._decisions.add_candidate(opened, place, index, self._started):
                    return
                starts = self._starts.find(opened.source)
            except Postponed:
                self._opener.postpone(opened)
                return
            if self._files.find(key) is None:
                file = self._generations.start(opened, place, starts, "read_from_end")
                file.scanned_size = found.size
                index.add(file)
                self._started.add(file)

    def _match_finished(self, opened: OwnedSource, place: FileLocation, seen: Mapping[Key, ScannedFile]) -> bool:
        """Return whether the file has the content of a finished generation, as a copy, compressed, or after a move.

        If so, record this, or resume the generation if the file has more content.
        """
        decision = self._recognizer.find_finished(opened.open, place.name)
        if isinstance(decision, New):
            return False
        known = decision.known
        is_present = known.file_id.key in seen or self._files.find(known.file_id.key) is not None
        if isinstance(decision, Unchanged):
            self._decisions.record_delivered(known, opened, place, is_present=is_present)
            return True
        if is_present:
            return False
        self._context.ledger.mark_unfinished(known.generation.id)
        self._finished.remove_generation(known.generation.id)
        self._generations.resume(known, opened, place)
        return True

    def _continue_replaced(self, opened: OwnedSource, place: FileLocation) -> bool:
        """Continue the tracked file that this file has replaced, if the new file begins with all of the old content.

        Tools such as rsync write a new file and rename it over the old one. Return False if the content differs, and
        True if it is equal or a later scan continues the comparison.
        """
        # Not only the file with its own name, because it may have been rotated since.
        names = find_originals(place.name) if self._replaced else ()
        before = next((self._replaced[name] for name in names if name in self._replaced), None)
        if before is None or before not in self._files:
            return False
        key = opened.open.identity.key
        with self._context.unreadable.guard(before.name):
            self._close_if_stale(before)
            self._growth.poll(before)
            before = self._files.find(before.file_id.key)  # another generation if it was truncated meanwhile
            if before is None or before.size < MIN_PROOF_BYTES or not opened.open.has_bytes(before.size):
                return False
            has_name = not before.is_open or before.status().links > 0
            if has_name and find_by_inode(self._context.last_place(before), {before.file_id.key}):
                return False
            if not before.is_open:
                return self._replace_closed(before, opened, place)
            compared, _ = self._comparer.compare_files(before, opened.open, self._compared.get(key, 0), before.size)
            self._compared[key] = max(compared, 0)
            if compared == before.size:
                del self._compared[key]
                self._relocate(before, opened, place)
            return compared >= 0
        return False

    @staticmethod
    def _close_if_stale(file: TrackedFile) -> None:
        """Close a file that cannot be read through its descriptor, as after a restart of the NFS server (ESTALE)."""
        try:
            file.status()
        except FileMoved:
            return
        except OSError:
            file.close()

    def _replace_closed(self, before: TrackedFile, opened: OwnedSource, place: FileLocation) -> bool:
        """Continue a closed file in the new file with its name if the content agrees. Return whether it does."""
        known = before.to_known_file()
        is_same = known.read_to >= MIN_PROOF_BYTES and self._comparer.agrees(known, opened.open)
        if is_same:
            self._relocate(before, opened, place)
        return is_same
