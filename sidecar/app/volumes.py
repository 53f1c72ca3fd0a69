"""Measures the used space of the volumes of the logs and of the state, after each scan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sidecar.lib.clock import Clock
from sidecar.telemetry.snapshot import VolumeStatus
from sidecar.watch.scanner import FileScanner

_READ_EVERY_S = 10.0
_STATE = ""
"""The key of the volume of the state; the other keys are names of pipelines."""


class VolumeReadings:
    """The last measurement of each volume.

    On a network volume, statvfs(2) hangs while its server is unreachable. So the thread that scans a pipeline also
    measures its volume, because that thread hangs then anyway. The status uses the last measurements and never hangs.
    """

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.scanners: Mapping[str, FileScanner] = {}
        """The scanners of the pipelines whose volumes are measured."""

        self._state_dir, self._clock = str(state_dir), clock
        self._latest: dict[str, VolumeStatus | None] = {}
        self._read_at: dict[str, float] = {}

    def latest(self) -> tuple[VolumeStatus, ...]:
        """Return the volumes of the pipelines, then that of the state. Leave out volumes that cannot be measured."""
        volumes = [self._latest.get(name) for name in (*self.scanners, _STATE)]
        return tuple(volume for volume in volumes if volume)

    def refresh(self, pipeline: str) -> None:
        """Measure the volumes of this pipeline and of the state, at most every ten seconds, after a scan."""
        now = self._clock.monotonic()
        if now - self._read_at.get(pipeline, float("-inf")) >= _READ_EVERY_S:
            self._read_at[pipeline] = now
            if scanner := self.scanners.get(pipeline):
                self._latest[pipeline] = _read_logs(pipeline, scanner)
            self._latest[_STATE] = _read_volume(_STATE, self._state_dir)


def _read_logs(pipeline: str, scanner: FileScanner) -> VolumeStatus | None:
    if scanner.globs:
        with suppress(OSError), scanner.globs[0].root.reach() as reached:  # for example, too many open files
            return _read_volume(pipeline, reached.directory)
    return None


def _read_volume(pipeline: str, directory: str | int) -> VolumeStatus | None:
    try:
        space = os.statvfs(directory)
    except OSError:
        return None
    used = (space.f_blocks - space.f_bfree) * space.f_frsize
    return VolumeStatus(pipeline, used, used + space.f_bavail * space.f_frsize)
