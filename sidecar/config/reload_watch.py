"""Has the configuration file changed?"""

from __future__ import annotations

from pathlib import Path

from sidecar.lib.clock import Clock

_EVERY_S = 1.0


class ConfigFileWatch:
    """Looks at the status of a file, links followed: Kubernetes puts a new ConfigMap in its place by turning the link
    `..data` in the directory, an editor by writing or renaming."""

    def __init__(self, file: Path | None, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self._known = self._last = self._stamp()
        self._looked_at = clock.monotonic()

    def has_changed(self) -> bool:
        """Whether the file is another one than at the last change, and has been the same for a second."""
        now = self._clock.monotonic()
        if self._file is None or now - self._looked_at < _EVERY_S:
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
