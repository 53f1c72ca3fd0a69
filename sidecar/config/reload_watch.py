"""Notices that the configuration file has changed."""

from __future__ import annotations

from pathlib import Path

from sidecar.lib.clock import Clock

_CHECK_INTERVAL_S = 1.0


class ConfigFileWatch:
    """Compares inode, time and size of a file, with links followed.

    Kubernetes replaces a ConfigMap by changing the link `..data` in the directory, an editor by writing or renaming.
    """

    def __init__(self, file: Path | None, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self._known = self._last = self._stamp()
        self._looked_at = clock.monotonic()

    def has_changed(self) -> bool:
        """Return whether the file differs from the last one that was reported, and has been stable for a second."""
        now = self._clock.monotonic()
        if self._file is None or now - self._looked_at < _CHECK_INTERVAL_S:
            return False
        self._looked_at = now
        stamp = self._stamp()
        is_still, self._last = stamp == self._last, stamp
        if stamp is None or stamp == self._known or not is_still:
            return False
        self._known = stamp
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None
