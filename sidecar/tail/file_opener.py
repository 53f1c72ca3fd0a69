"""Opens files for comparisons, and keeps a file open if the next scan continues its comparison."""

from __future__ import annotations

from sidecar.tail.siblings import Key
from sidecar.tail.source import OwnedSource, ScanAllowance, Source, open_source
from sidecar.tail.tracked_file import FileLocation

_MAX_POSTPONED = 16


class FileOpener:
    """Opens files for comparisons, with a limit of bytes that one scan may decompress."""

    def __init__(self, allowance: ScanAllowance) -> None:
        self._allowance = allowance
        self._postponed: dict[Key, Source] = {}
        self._used: set[Key] = set()
        self.has_postponed = False
        """Whether the last scan has left a comparison to the next one."""

    def begin_scan(self) -> None:
        """Begin to record which files this scan postpones."""
        self._used.clear()
        self.has_postponed = False

    def end_scan(self) -> None:
        """Close the postponed files that this scan has not postponed again."""
        for key in self._postponed.keys() - self._used:
            self._postponed.pop(key).close()

    def open(self, place: FileLocation, key: Key | None = None) -> OwnedSource:
        """Open a file, or return the postponed file with this `key`. The result is empty if the file does not exist.

        Raise `OSError`.
        """
        source = self._postponed.pop(key, None) if key else None
        if source is None:
            try:
                source = open_source(place.root, place.name)
            except FileNotFoundError:
                return OwnedSource(None)
            source.limit(self._allowance)
        return OwnedSource(source)

    def postpone(self, opened: OwnedSource) -> None:
        """Keep the file and its decompressor open, so that the next scan continues the comparison."""
        self.has_postponed = True
        if len(self._postponed) < _MAX_POSTPONED:
            key = opened.open.identity.key
            self._used.add(key)
            self._postponed[key] = opened.take()

    def close(self) -> None:
        """Close all postponed files."""
        while self._postponed:
            self._postponed.popitem()[1].close()
