"""Keeps copy candidates open: new files that may be unfinished copies of tracked files.

A candidate is not delivered until it is decided whether it is a copy. This is decided when the candidate differs from
the original, or has not grown for `COPY_QUIET_S`. Candidate and original are compared byte by byte, a slice in each
scan.
"""

from __future__ import annotations

import msgspec

from sidecar.model.file import Generation
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.content import MIN_PROOF_BYTES, ContentComparer, Readable
from sidecar.tail.context import COPY_QUIET_S, TailContext
from sidecar.tail.rotation_names import is_rotation_of
from sidecar.tail.siblings import Key
from sidecar.tail.source import Source
from sidecar.tail.tracked_file import FileLocation, FilePhase, TrackedFile

_MAX_CANDIDATES = 64


class CopyCandidate(msgspec.Struct):
    """An open file that may be a copy of a tracked or lost file."""

    source: Source
    place: FileLocation
    original: Generation
    size: int
    grown_at: float
    complete_size: int
    """Minimum size of a complete copy: the size of the original that was seen when the candidate appeared."""

    compared: int = 0
    """Bytes that were compared with the original and are equal."""

    crc: int = 0
    """Checksum of the compared bytes."""

    rejected: set[int] = msgspec.field(default_factory=set)
    """Numbers of generations that have other content."""


class CopyCandidates:
    """The copy candidates of one pipeline, by device and inode."""

    def __init__(self, context: TailContext, comparer: ContentComparer) -> None:
        self._context, self._comparer = context, comparer
        self._by_key: dict[Key, CopyCandidate] = {}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def __contains__(self, key: Key) -> bool:
        return key in self._by_key

    @property
    def is_full(self) -> bool:
        """Whether the maximum number of candidates is reached."""
        return len(self._by_key) >= _MAX_CANDIDATES

    def keys(self) -> set[Key]:
        """Return the device and inode of each candidate."""
        return set(self._by_key)

    def all(self) -> list[CopyCandidate]:
        """Return all candidates."""
        return list(self._by_key.values())

    def find_copies(self, original: Generation) -> list[CopyCandidate]:
        """Return the candidates that may be copies of this generation."""
        return [each for each in self._by_key.values() if each.original == original]

    def total_size(self) -> int:
        """Return the total size of all candidates in bytes."""
        return sum(each.size for each in self.all())

    def add(self, source: Source, place: FileLocation, original: Generation, complete_size: int) -> None:
        """Add an open file as a candidate."""
        now, size = self._context.clock.monotonic(), source.status().size
        self._by_key[source.identity.key] = CopyCandidate(source, place, original, size, now, complete_size)

    def rename(self, key: Key, place: FileLocation) -> None:
        """Record the new name of a candidate."""
        self._by_key[key].place = place

    def take(self, candidate: CopyCandidate) -> Source:
        """Remove a candidate. Return its open file, which the caller must close."""
        del self._by_key[candidate.source.identity.key]
        return candidate.source

    def is_pending(self, candidate: CopyCandidate) -> bool:
        """Return whether a candidate has not been decided yet."""
        return self._by_key.get(candidate.source.identity.key) is candidate

    def is_waiting(self, candidate: CopyCandidate, original: TrackedFile | None, links: int) -> bool:
        """Return whether a candidate that agrees with its original may still grow to a complete copy.

        `original`: the original if it is tracked. `links`: number of hard links of the candidate.
        """
        if not links:
            return False
        is_compressed = candidate.source.is_compressed
        is_related = is_rotation_of(candidate.original.path, candidate.place.name)
        if is_compressed and is_related and not self.is_complete(candidate):
            return True  # it is being compressed, however long this takes; if the sidecar ends, the next run decides
        if self._context.is_ending:
            return False
        is_being_replaced = (
            original is not None and not original.is_in_last_scan and original.phase is not FilePhase.DELIVERED
        )
        if is_compressed and is_being_replaced:
            return True
        return self._context.clock.monotonic() - candidate.grown_at < COPY_QUIET_S

    def note_size(self, candidate: CopyCandidate) -> int:
        """Record the current size of a candidate. Return its number of hard links."""
        status = candidate.source.status()
        if status.size != candidate.size:
            candidate.size, candidate.grown_at = status.size, self._context.clock.monotonic()
        return status.links

    def agrees(self, candidate: CopyCandidate, original: Readable, original_size: int) -> bool:
        """Compare a candidate further. Return whether all compared bytes are equal to those of the original."""
        if candidate.size > original_size:
            return False
        compared, candidate.crc = self._comparer.compare_files(
            original, candidate.source, candidate.compared, candidate.size, candidate.crc
        )
        candidate.compared = max(compared, 0)
        if 0 <= compared < candidate.size:
            candidate.grown_at = self._context.clock.monotonic()  # the next scan compares more
        return compared >= 0

    @staticmethod
    def is_complete(candidate: CopyCandidate) -> bool:
        """Return whether a candidate has all content of its original, and enough to rule out a coincidence."""
        is_related = is_rotation_of(candidate.original.path, candidate.place.name)
        min_bytes = MIN_PROOF_BYTES if is_related else FINGERPRINT_BYTES
        is_all = candidate.compared == candidate.size >= candidate.complete_size
        return is_all and candidate.size >= min_bytes

    def close(self) -> None:
        """Close all candidates."""
        while self._by_key:
            self._by_key.popitem()[1].source.close()
