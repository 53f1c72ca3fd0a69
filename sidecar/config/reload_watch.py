"""Notices that the configuration file, or the directory of a mounted Secret, has changed."""

from __future__ import annotations

from pathlib import Path

from sidecar.lib.clock import Clock

_CHECK_INTERVAL_S = 1.0


class ConfigFileWatch:
    """Notices that a file or directory changed, by its inode, time and size. Links are followed.

    Kubernetes replaces a ConfigMap or Secret by changing the link `..data` in its directory; an editor writes or
    renames a file.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self._reported = self._last = self._stamp()
        self._checked_at = clock.monotonic()

    def has_changed(self) -> bool:
        """Return whether the file has changed since the last call that returned True, and was stable for a second."""
        now = self._clock.monotonic()
        if now - self._checked_at < _CHECK_INTERVAL_S:
            return False
        self._checked_at = now
        stamp = self._stamp()
        is_stable, self._last = stamp == self._last, stamp
        if stamp is None or stamp == self._reported or not is_stable:
            return False
        self._reported = stamp
        return True

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
