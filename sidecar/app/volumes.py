"""The space on the volumes of the logs and of the state, as it was at the last scan."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sidecar.lib.clock import Clock
from sidecar.telemetry.snapshot import VolumeStatus
from sidecar.watch.scanner import FileScanner

_READ_EVERY_S = 1.0


class VolumeReadings:
    """The last reading of each volume.

    statvfs(2) on a network volume hangs while its server is gone. The thread that scans the volume reads it, since it
    hangs there in any case; a report takes the last values and never hangs.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.scanners: Mapping[str, FileScanner] = {}
        """The pipelines whose volumes are read. The thread that scans takes new ones at its next reading."""

        self.latest: tuple[VolumeStatus, ...] = ()
        """The volumes of the pipelines, then the one of the state; without those that cannot be read."""

        self._state_dir, self._clock = str(state_dir), clock
        self._read_at = float("-inf")

    def refresh(self) -> None:
        """Read all volumes, at most once a second. Called after each scan, in its thread."""
        now = self._clock.monotonic()
        if now - self._read_at >= _READ_EVERY_S:
            self._read_at = now
            self.latest = tuple(self._read())

    def _read(self) -> Iterator[VolumeStatus]:
        for name, scanner in self.scanners.items():
            if scanner.globs:
                with (
                    suppress(OSError),
                    scanner.globs[0].root.reach() as reached,
                ):  # no descriptor is left, for instance
                    yield from _read_volume(name, reached.directory)
        yield from _read_volume("", self._state_dir)


def _read_volume(pipeline: str, directory: str | int) -> Iterator[VolumeStatus]:
    with suppress(OSError):
        space = os.statvfs(directory)
        used = (space.f_blocks - space.f_bfree) * space.f_frsize
        yield VolumeStatus(pipeline, used, used + space.f_bavail * space.f_frsize)
