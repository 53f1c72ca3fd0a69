"""Decides where to begin in a new file: at its first byte, or with `read_from: end` after the content that exists."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.lib.charset import Charset
from sidecar.model.checkpoint import ORIGIN, Checkpoint
from sidecar.model.fingerprint import OVERLAP_BYTES, OverlapDigest
from sidecar.tail.context import ScannedFile
from sidecar.tail.siblings import Key
from sidecar.tail.source import Source
from sidecar.tail.subscribers import Subscribers

NO_STARTS: Mapping[str, Checkpoint] = MappingProxyType({})

_PIECE_BYTES = 128 * 1024
_SEARCHED_BACK_BYTES = 64 << 20
_MAX_SIZE = 1 << 63


class StartPositions:
    """Returns where each sink begins in a new file. `from_end`: the files of the first scan are read from their ends.

    A file of the first scan that cannot be opened, or may be a copy, begins later, but where it ended in that scan.
    """

    def __init__(self, subscribers: Subscribers, charset: Charset, *, from_end: bool) -> None:
        self._subscribers, self._charset = subscribers, charset
        self._is_first_scan = from_end
        self._sizes: dict[Key, int] = {}
        """Sizes of the files of the first scan that have not begun yet."""

    def note_scan(self, seen: Mapping[Key, ScannedFile]) -> None:
        """Record the sizes of all files if this is the first scan. Forget those that have disappeared since."""
        if self._is_first_scan:
            self._sizes, self._is_first_scan = {key: found.size for key, found in seen.items() if found.size}, False
        elif self._sizes:  # the file system may give the inode of a deleted file to a new one
            self._sizes = {key: size for key, size in self._sizes.items() if key in seen and seen[key].size >= size}

    def find(self, source: Source) -> Mapping[str, Checkpoint]:
        """Return the checkpoint of each sink that does not begin at the first byte of this new file.

        Raise `Postponed` if the file must be decompressed further.
        """
        key = source.identity.key
        if key not in self._sizes:
            return NO_STARTS
        start = self._find_end(source, self._sizes[key])
        del self._sizes[key]
        return dict.fromkeys(self._subscribers.sinks, start) if start.offset else NO_STARTS

    def _find_end(self, source: Source, size: int) -> Checkpoint:
        """Return the checkpoint after the last line end before `size`; `ORIGIN` if the last line is very long."""
        if source.is_compressed:
            source.has_content_after(_MAX_SIZE)  # decompresses all of it, since `status` knows only what was measured
            size = _MAX_SIZE
        charset, at = self._charset.resolve(source.pread(2, 0)), min(size, source.status().size)
        at += at % charset.width  # the second byte of a line end may be NUL, which the size does not include
        stop = max(0, at - _SEARCHED_BACK_BYTES)
        while at > stop:
            start = max(0, at - _PIECE_BYTES)
            piece = source.pread(at - start, start)
            if end := charset.find_last_line_end(piece, 0, start):
                return _checkpoint_at(source, start + end)
            at = start + charset.width - 1 if start else 0  # a line end may begin in one piece and end in the next
        return ORIGIN


def _checkpoint_at(source: Source, offset: int) -> Checkpoint:
    before = min(OVERLAP_BYTES, offset)
    return Checkpoint(offset, OverlapDigest.from_bytes(source.pread(before, offset - before)))
