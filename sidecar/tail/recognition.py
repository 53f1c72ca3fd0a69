"""Decides whether the content of a file is known. Returns decisions, which `new_files` and `earlier_runs` apply.

In doubt, a file begins a new generation. This may cause duplicates, but a wrong continuation would lose lines.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from sidecar.model.checkpoint import MIN_MARK_BYTES, Checkpoint, KnownFile
from sidecar.model.fingerprint import OVERLAP_BYTES, OverlapDigest
from sidecar.tail.content import MIN_PROOF_BYTES, ContentComparer, has_related_name, may_be_part_of
from sidecar.tail.finished_files import FinishedFile, FinishedFiles
from sidecar.tail.source import Source


class Resume(msgspec.Struct, frozen=True):
    """The file continues the generation: it has all known content."""

    known: KnownFile


class Unchanged(msgspec.Struct, frozen=True):
    """All content of the file was delivered."""

    known: KnownFile


class Shorter(msgspec.Struct, frozen=True):
    """The file is shorter than before, and has the same content up to its end."""

    known: KnownFile


class Replaced(msgspec.Struct, frozen=True):
    """The file is another file, or has other content than the generation."""

    known: KnownFile


class New(msgspec.Struct, frozen=True):
    """The content of the file is unknown."""


Decision = Resume | Unchanged | Shorter | Replaced


class Recognizer:
    """Compares an open file with unfinished generations of earlier runs, and with finished generations.

    Every method may raise `Postponed`; the next scan then continues the comparison.
    """

    def __init__(self, finished: FinishedFiles, comparer: ContentComparer) -> None:
        self._finished, self._comparer = finished, comparer

    def compare_unfinished(self, known: KnownFile, source: Source) -> Resume | Shorter | Replaced:
        """Compare a file with the unfinished generation that has its inode."""
        if not known.file_id.matches(source.identity):
            return Replaced(known)
        if not source.has_bytes(known.read_to if known.is_in_copy else max(known.read_to, known.seen)):
            return Shorter(known) if may_be_part_of(known, source) else Replaced(known)
        is_same = self._comparer.agrees(known, source, in_full=not known.file_id.is_certain)
        return Resume(known) if is_same else Replaced(known)

    def compare_finished(self, done: FinishedFile, source: Source, path: str, sinks: Collection[str]) -> Decision:
        """Compare a file with the finished generation that has its inode.

        Return `Resume` if the file has more content, or if a new sink needs its content.
        """
        known = done.known
        if not known.file_id.matches(source.identity) or not self._is_identified(known, path):
            return Replaced(known)
        if not source.has_bytes(done.settled_to):
            return Shorter(known) if may_be_part_of(known, source) else Replaced(known)
        if not self._comparer.agrees(known, source, in_full=known.is_copy or not known.file_id.is_certain):
            return Replaced(known)
        if source.has_content_after(done.settled_to):
            return Replaced(known) if known.is_copy else Resume(known)
        needs_nothing = known.is_copy or set(sinks) <= known.checkpoints.keys()
        return Unchanged(known) if needs_nothing else Resume(known)

    def find_finished(self, source: Source, path: str) -> Resume | Unchanged | New:
        """Compare a file with all finished generations: it may be a copy of one, compressed, or on another device."""
        for done in self._finished.find_by_head(source):
            if source.has_content_after(done.settled_to):
                if self._is_continued(done, source, path):
                    return Resume(done.known)
            elif self._is_same_content(done, source, path):
                return Unchanged(done.known)
        return New()

    def find_starts(self, known: KnownFile, source: Source) -> dict[str, Checkpoint]:
        """Return where each sink continues in a file that has lost the end of its content, as after a power failure.

        A sink continues after the last line end that it has settled and up to which the content is unchanged. The
        result is empty if the file is another one, or if less than half of the settled content is left.
        """
        head = source.pread(known.fingerprint.covered, 0)
        if not known.file_id.matches(source.identity) or not known.fingerprint.matches(head):
            return {}
        marks = sorted({mark for point in known.checkpoints.values() for mark in point.marks})
        last = self._comparer.find_last_match(known, source, marks)
        if not last or 2 * last < known.read_to:
            return {}
        starts = {}
        for sink, point in known.checkpoints.items():
            if kept := [mark for mark in point.marks if mark[0] <= last]:
                offset, crc = kept[-1]
                back = min(OVERLAP_BYTES, offset)
                tail = OverlapDigest.from_bytes(source.pread(back, offset - back))
                starts[sink] = Checkpoint(offset, tail, crc=crc, marks=kept)
        return starts

    def _is_continued(self, done: FinishedFile, source: Source, path: str) -> bool:
        """Return whether a file with more content continues the finished file on another device or inode."""
        known = done.known
        is_other_device = known.file_id.device != source.identity.device
        is_no_banner = done.settled_to >= (MIN_PROOF_BYTES if is_other_device else MIN_MARK_BYTES)
        is_proved = known.name == path and is_no_banner and not known.is_copy and self._is_known_in_full(done)
        return is_proved and self._comparer.agrees(known, source)

    def _is_identified(self, known: KnownFile, path: str) -> bool:
        """Return whether inode, content and name are enough to identify the known file."""
        is_long_enough = known.fingerprint.covered >= MIN_PROOF_BYTES
        return known.file_id.is_certain or is_long_enough or has_related_name(known, path)

    def _is_same_content(self, done: FinishedFile, source: Source, path: str) -> bool:
        known, identity = done.known, source.identity
        if source.is_compressed:
            return self._comparer.is_copy(known, source, path)
        is_moved = known.file_id.inode == identity.inode and known.file_id.device != identity.device
        is_proved = known.fingerprint.covered >= MIN_PROOF_BYTES and self._is_known_in_full(done)
        if not is_proved and not (is_moved and known.name == path):
            return False
        return source.has_bytes(done.settled_to) and self._comparer.agrees(known, source)

    @staticmethod
    def _is_known_in_full(done: FinishedFile) -> bool:
        checksums = done.known.checksums()
        return bool(checksums) and checksums[-1][0] == done.settled_to
