"""Is the content of a file that of a known generation? Compared in full where there is doubt, in slices.

Names, inodes and times only say where to look first. A wrong yes would lose lines or ship a file that is not
configured, a wrong no costs duplicates. So everything that is known has to agree: the beginning, the bytes before
each checkpoint, and the checksum of everything before it.
"""

from __future__ import annotations

from sidecar.model.checkpoint import KnownFile
from sidecar.model.fingerprint import FINGERPRINT_BYTES, OVERLAP_BYTES, checksum
from sidecar.tail.rotation_names import is_rotation_of
from sidecar.tail.source import Postponed, ScanAllowance, Source, read_head
from sidecar.tail.tracked_file import TrackedFile

TELLING_BYTES = 256
"""So many equal bytes, at least, show that one file was made from another. Fewer may be equal by chance."""

_MAX_DECOMPRESSED_PER_SCAN = 32 << 20
"""Bytes of compressed files that a scan unpacks to compare them; more would keep the other files waiting."""

_PLAIN_SHARE = 4
"""To compare a byte of a plain file takes a fraction of the time of a compressed one."""

_SLICE_BYTES = 1 << 20
_ALWAYS_COMPARED_BYTES = 256 << 10
"""So much of a file is compared in full even if its identity leaves no doubt."""

_TIME_SLACK_S = 2.0
"""Some file systems and tools keep times in steps of two seconds."""


class _Progress:
    """How far a file was compared with a generation."""

    def __init__(self) -> None:
        self.offset = 0
        self.crc = 0


class ContentComparer:
    """Compares files with what is known of generations.

    A method raises `Postponed` when one scan may not compare more. The next scan continues from there.
    """

    def __init__(self) -> None:
        self.allowance = ScanAllowance(_MAX_DECOMPRESSED_PER_SCAN)
        self._progress: dict[tuple[tuple[int, int], int], _Progress] = {}
        self._used: set[tuple[tuple[int, int], int]] = set()

    def begin_scan(self) -> None:
        """Forget what the last scan did not ask for, and allow as much again."""
        self._progress = {key: value for key, value in self._progress.items() if key in self._used}
        self._used.clear()
        self.allowance.left = _MAX_DECOMPRESSED_PER_SCAN

    def agrees(self, known: KnownFile, source: Source, *, in_full: bool = True) -> bool:
        """Return whether the file holds everything that is known of the generation.

        Unless `in_full`, a long content is compared at its beginning and before each checkpoint only.
        """
        if not matches_samples(known, source):
            return False
        checksums = [each for each in known.checksums() if in_full or each[0] <= _ALWAYS_COMPARED_BYTES]
        return self._matches_checksums(known, source, checksums)

    def is_copy(
        self, known: KnownFile, source: Source, path: str, *, complete: bool = True, not_before: float | None = None
    ) -> bool:
        """Return whether the file holds what the known one held: all that was seen of it, if it is to be `complete`.

        A file that is shorter than a checkpoint cannot be compared there, so it is none. Where little is known of the
        content, it must have a name of a rotation, and a copy is not older than the last byte of the known file,
        which was changed at `not_before`.
        """
        if known.fingerprint.covered < TELLING_BYTES:
            if known.read_to < OVERLAP_BYTES and not has_related_name(known, path):
                return False
            if not_before is not None and source.modified_at() < not_before - _TIME_SLACK_S:
                return False
        if not source.holds(max(known.read_to, known.seen) if complete else known.read_to):
            return False
        return self.agrees(known, source)

    def compare_files(self, file: TrackedFile, source: Source, start: int, end: int, crc: int = 0) -> tuple[int, int]:
        """Compare two files from `start` on. Return up to where they agree, -1 if they differ, and the checksum.

        A result below `end` means that one scan may not compare more. `crc` is the checksum of what was compared.
        """
        try:
            while start < end:
                self._charge(0)
                piece = source.pread(min(_SLICE_BYTES, end - start), start)
                if not piece or file.pread(len(piece), start) != piece:
                    return -1, crc
                start, crc = start + len(piece), checksum(piece, crc)
                self._charge(len(piece))
        except Postponed:
            pass
        return start, crc

    def _charge(self, size: int) -> None:
        self.allowance.take(size // _PLAIN_SHARE)
        self.allowance.check()

    def _matches_checksums(self, known: KnownFile, source: Source, checksums: list[tuple[int, int]]) -> bool:
        key = source.identity.key, known.generation.id
        for offset, crc in checksums:
            progress = self._progress.setdefault(key, _Progress())
            self._used.add(key)
            if progress.offset < offset and not self._advance(progress, source, offset):
                break
            if progress.offset == offset and progress.crc != crc:
                break
        else:
            self._progress.pop(key, None)
            return True
        del self._progress[key]
        return False

    def _advance(self, progress: _Progress, source: Source, end: int) -> bool:
        """Read on up to `end`. Return whether the file goes so far."""
        while progress.offset < end:
            self._charge(0)
            start = source.data_after(progress.offset)
            if start > progress.offset and source.holds(end):
                progress.offset = min(start, end)  # NUL bytes do not count
                continue
            piece = source.pread(min(_SLICE_BYTES, end - progress.offset), progress.offset)
            if not piece:
                return False
            progress.crc = checksum(piece, progress.crc)
            progress.offset += len(piece)
            self._charge(len(piece))
        return True


def matches_samples(known: KnownFile, source: Source) -> bool:
    """Return whether the file begins as the known one did, and is the same before each checkpoint that it reaches."""
    head = source.pread(FINGERPRINT_BYTES, 0)
    if not known.fingerprint.covered or not known.fingerprint.matches(head):
        return False
    for point in sorted(known.checkpoints.values(), key=lambda point: point.offset):
        if point.done or (source.packed and point.crc is not None):
            continue  # not read, or compared in full, which decompresses the file once
        back = min(OVERLAP_BYTES, point.offset)
        before = source.pread(back, point.offset - back)
        if len(before) == back and not point.tail.matches(before):
            return False
    return True


def may_be_part_of(known: KnownFile, source: Source) -> bool:
    """Return whether a file that is shorter than the known one may have the same content as far as it goes."""
    head = read_head(source)
    return bool(head) and (len(head) < known.fingerprint.covered or matches_samples(known, source))


def may_be_partial_copy_of(known: KnownFile, source: Source, path: str) -> bool:
    """Return whether the file may be an unfinished copy, of a file that is truncated or gone already."""
    if not has_related_name(known, path):
        return False
    try:
        is_short = len(read_head(source)) < known.fingerprint.covered
        return source.packed or is_short or matches_samples(known, source)
    except Postponed:
        return True


def may_become_copy_of(file: TrackedFile, source: Source) -> bool:
    """Return whether the file is, so far, the beginning of one that is being read: perhaps an unfinished copy."""
    try:
        size, head = source.status().size, read_head(source)
        if not head or size > file.size:
            return False
        back = min(OVERLAP_BYTES, size)
        return file.pread(len(head), 0) == head and file.pread(back, size - back) == source.pread(back, size - back)
    except Postponed:
        return True


def has_related_name(known: KnownFile, name: str) -> bool:
    """Return whether the known file has or had this name, or a rotation makes it from one of these."""
    names = {known.generation.path, known.name}
    return name in names or any(is_rotation_of(each, name) for each in names)
