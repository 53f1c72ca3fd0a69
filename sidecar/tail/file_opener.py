"""Opens files to compare them, and keeps those open whose comparison continues in the next scan."""

from __future__ import annotations

from sidecar.tail.siblings import Key
from sidecar.tail.source import OwnedSource, ScanAllowance, Source, open_source
from sidecar.tail.tracked_file import FileLocation

_MAX_POSTPONED = 16


class FileOpener:
    """Opens files within what one scan may decompress."""

    def __init__(self, allowance: ScanAllowance) -> None:
        self._allowance = allowance
        self._postponed: dict[Key, Source] = {}
        self._used: set[Key] = set()

    def begin_scan(self) -> None:
        """Expect the postponed files to be asked for again."""
        self._used.clear()

    def end_scan(self) -> None:
        """Close what no comparison asked for in this scan."""
        for key in self._postponed.keys() - self._used:
            self._postponed.pop(key).close()

    def open(self, place: FileLocation, key: Key | None = None) -> OwnedSource:
        """Open the file; none if it is gone. By `key` a postponed one is found. Raise `OSError`."""
        source = self._postponed.pop(key, None) if key else None
        if source is None:
            try:
                source = open_source(place.root, place.name)
            except FileNotFoundError:
                return OwnedSource(None)
            source.limit(self._allowance)
        return OwnedSource(source)

    def postpone(self, opened: OwnedSource) -> None:
        """Keep the file open with what was decompressed of it, for the next scan to continue."""
        if len(self._postponed) < _MAX_POSTPONED:
            key = opened.open.identity.key
            self._used.add(key)
            self._postponed[key] = opened.take()

    def close(self) -> None:
        """Close everything."""
        while self._postponed:
            self._postponed.popitem()[1].close()
