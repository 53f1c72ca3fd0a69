"""Compares a file with the known content of a generation. Several scans may share a long comparison.

Names, inodes and times are only hints. A wrong match would lose lines or ship a file that is not configured; a missed
match causes duplicates. So everything that is known must be equal: the beginning, the bytes before each checkpoint,
and, if there is doubt, the checksum of everything before the checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from sidecar.model.checkpoint import KnownFile
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES, checksum
from sidecar.tail.rotation_names import is_rotation_of
from sidecar.tail.source import Postponed, ScanAllowance, Source, read_head

MIN_PROOF_BYTES = 256
"""Minimum number of equal bytes that prove that one file is a copy of another. Fewer may be equal by chance."""

_MAX_DECOMPRESSED_PER_SCAN = 32 << 20
"""Maximum bytes that one scan decompresses for comparisons, so that other files do not wait too long."""

_PLAIN_SHARE = 4
"""Number of bytes of plain files that count as one decompressed byte, because they are faster to compare."""

_SLICE_BYTES = 1 << 20
ALWAYS_COMPARED_BYTES = 256 << 10
"""Up to this offset, content is compared in full even if the identity of the file is certain."""

_TIME_SLACK_S = 2.0
"""Tolerance for comparing times, because some file systems and tools store them in steps of two seconds."""


class Readable(Protocol):
    """A file whose bytes can be read by offset."""

    def pread(self, length: int, offset: int) -> bytes: ...


class _Progress:
    """Offset up to which a file was compared with a generation, and the checksum up to there."""

    def __init__(self) -> None:
        self.offset = 0
        self.crc = 0


class ContentComparer:
    """Compares files with the known content of generations.

    A method raises `Postponed` when the scan has used up its allowance. The next scan continues the comparison.
    """

    def __init__(self) -> None:
        self.allowance = ScanAllowance(_MAX_DECOMPRESSED_PER_SCAN)
        self._progress: dict[tuple[tuple[int, int], int], _Progress] = {}
        self._used: set[tuple[tuple[int, int], int]] = set()

    def begin_scan(self) -> None:
        """Reset the allowance, and drop comparisons that the last scan did not continue."""
        self._progress = {key: value for key, value in self._progress.items() if key in self._used}
        self._used.clear()
        self.allowance.left = _MAX_DECOMPRESSED_PER_SCAN

    def agrees(self, known: KnownFile, source: Source, *, in_full: bool = True) -> bool:
        """Return whether the file has all known content of the generation.

        Unless `in_full`, compare long content only at its beginning and before each checkpoint.
        """
        if not matches_samples(known, source):
            return False
        checksums = [each for each in known.checksums() if in_full or each[0] <= ALWAYS_COMPARED_BYTES]
        return self._matches_checksums(known, source, checksums)

    def is_copy(
        self, known: KnownFile, source: Source, path: str, *, complete: bool = True, not_before: float | None = None
    ) -> bool:
        """Return whether a file is a copy of the known file.

        `complete`: it must be as large as the known file was, not only contain the bytes that a sink has settled.
        A file that is shorter than a checkpoint cannot be compared, so it is no copy. If little of the content is
        known, the file must also have a name that a rotation makes, and must not be older than `not_before`, the last
        change of the known file.
        """
        if known.fingerprint.covered < MIN_PROOF_BYTES:
            if known.read_to < OVERLAP_BYTES and not has_related_name(known, path):
                return False
            if not_before is not None and source.modified_at() < not_before - _TIME_SLACK_S:
                return False
        if not source.has_bytes(max(known.read_to, known.seen) if complete else known.read_to):
            return False
        return self.agrees(known, source)

    def compare_files(
        self, original: Readable, source: Source, start: int, end: int, crc: int = 0
    ) -> tuple[int, int]:
        """Compare two files from `start` to `end`. `crc`: checksum of the bytes before `start`.

        Return the offset up to which they are equal, and the checksum up to there. The offset is -1 if they differ,
        and less than `end` if the allowance of the scan is used up.
        """
        try:
            while start < end:
                self._charge(0)
                piece = source.pread(min(_SLICE_BYTES, end - start), start)
                if not piece or original.pread(len(piece), start) != piece:
                    return -1, crc
                start, crc = start + len(piece), checksum(piece, crc)
                self._charge(len(piece))
        except Postponed:
            pass
        return start, crc

    def find_last_match(self, known: KnownFile, source: Source, marks: Sequence[tuple[int, int]]) -> int:
        """Return the last offset of `marks` up to which the file has the content of the generation; 0 if none.

        `marks`: offsets in ascending order, each with the checksum of everything before it.
        """
        key, last = (source.identity.key, known.generation.id), 0
        for offset, crc in marks:
            progress = self._progress.setdefault(key, _Progress())
            self._used.add(key)
            if not source.has_bytes(offset) or (
                progress.offset < offset and not self._advance(progress, source, offset)
            ):
                break
            if progress.offset == offset and progress.crc != crc:
                break
            last = offset
        self._progress.pop(key, None)
        return last

    def _charge(self, size: int) -> None:
        self.allowance.charge(size // _PLAIN_SHARE)
        self.allowance.check()

    def _matches_checksums(self, known: KnownFile, source: Source, checksums: list[tuple[int, int]]) -> bool:
        return not checksums or self.find_last_match(known, source, checksums) == checksums[-1][0]

    def _advance(self, progress: _Progress, source: Source, end: int) -> bool:
        """Continue the checksum up to `end`. Return False if the file is shorter."""
        while progress.offset < end:
            self._charge(0)
            start = source.find_data(progress.offset)
            if start > progress.offset and source.has_bytes(end):
                progress.offset = min(start, end)  # the checksum ignores NUL bytes
                continue
            piece = source.pread(min(_SLICE_BYTES, end - progress.offset), progress.offset)
            if not piece:
                return False
            progress.crc = checksum(piece, progress.crc)
            progress.offset += len(piece)
            self._charge(len(piece))
        return True


def matches_samples(known: KnownFile, source: Source) -> bool:
    """Return whether the file has the same beginning as the known one, and the same bytes before each checkpoint."""
    head = source.pread(FINGERPRINT_BYTES, 0)
    if not known.fingerprint.covered or not known.fingerprint.matches(head):
        return False
    for point in sorted(known.checkpoints.values(), key=lambda point: point.offset):
        if point.done or (source.is_compressed and point.crc is not None):
            continue  # no bytes are known, or the checksum is compared, which decompresses the file only once
        back = min(OVERLAP_BYTES, point.offset)
        before = source.pread(back, point.offset - back)
        if len(before) == back and not point.tail.matches(before):
            return False
    return True


def may_be_part_of(known: KnownFile, source: Source) -> bool:
    """Return whether a file that is shorter than the known one may be the beginning of it."""
    head = read_head(source)
    return bool(head) and (len(head) < known.fingerprint.covered or matches_samples(known, source))


def may_be_partial_copy_of(known: KnownFile, source: Source, path: str) -> bool:
    """Return whether the file may be an unfinished copy of the known file, which was truncated or deleted since."""
    if not has_related_name(known, path):
        return False
    try:
        is_short = len(read_head(source)) < known.fingerprint.covered
        return source.is_compressed or is_short or matches_samples(known, source)
    except Postponed:
        return True


def may_become_copy_of(original: Readable, original_size: int, source: Source) -> bool:
    """Return whether `source` has the same content as the beginning of `original`: it may be an unfinished copy."""
    try:
        size, head = source.status().size, read_head(source)
        if not head or size > original_size:
            return False
        back = min(OVERLAP_BYTES, size)
        return original.pread(len(head), 0) == head and original.pread(back, size - back) == source.pread(
            back, size - back
        )
    except Postponed:
        return True


def has_related_name(known: KnownFile, name: str) -> bool:
    """Return whether a name is one of the known file's names, or one that a rotation makes from these."""
    moved = os.path.join(os.path.dirname(known.name), os.path.basename(known.generation.path))
    names = {known.generation.path, known.name, moved}  # its directory may have been renamed
    return name in names or any(is_rotation_of(each, name) for each in names)
