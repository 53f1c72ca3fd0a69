"""Defines the objects and settings that the modules of a tracker share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.lib.clock import Clock
from sidecar.model.checkpoint import Intent, KnownFile, NewGeneration
from sidecar.model.file import FileId
from sidecar.model.fingerprint import Fingerprint
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.siblings import SearchScope
from sidecar.tail.tracked_file import FileLocation, TrackedFile
from sidecar.tail.unreadable_files import UnreadableFiles
from sidecar.telemetry import events

ROTATED_QUIET_S = 5.0
"""Seconds without growth after which the last line of a rotated file counts as complete."""

COPY_QUIET_S = 5.0
"""Seconds without growth after which a file that may be an unfinished copy counts as complete."""

COPY_SEARCH_S = 5.0
"""Seconds for which the content of a truncated or missing file is searched in other files."""

SHRUNK_WAIT_S = 5.0
"""Seconds for which a file that has shrunk may regain its size. After that it counts as truncated."""

DELETED_GRACE_S = 300.0
"""Default time in seconds for which a delivered file without a matching name stays open, in case it grows."""


class GenerationStore(Protocol):
    """The part of the state that the tracker uses."""

    def add_generations(self, generations: Sequence[NewGeneration]) -> None: ...
    def extend(self, number: int, fingerprint: Fingerprint, intent: Intent | None = None) -> None: ...
    def add_boundary(self, number: int, start: int, end: int) -> None: ...
    def prune_boundaries(self, number: int, before: int) -> None: ...
    def record_rename(self, number: int, name: str, seen: int) -> None: ...
    def record_move(self, number: int, file_id: FileId, name: str, seen: int, is_copy: bool) -> None: ...
    def record_end(self, number: int, reason: str, seen: int) -> None: ...
    def record_sizes(self, sizes: Iterable[tuple[int, int]]) -> None: ...
    def mark_finished(self, number: int, at: float, is_present: bool) -> None: ...
    def mark_all_finished(self, numbers: Iterable[int], at: float) -> None: ...
    def mark_unfinished(self, number: int) -> None: ...
    def touch_finished(self, numbers: Iterable[int], at: float) -> None: ...
    def forget(self, pipeline: str, now: float) -> None: ...
    def is_known_pipeline(self, pipeline: str) -> bool: ...
    def add_pipeline(self, pipeline: str) -> None: ...
    def boundary_rules(self, pipeline: str) -> str: ...
    def renumber(self, pipeline: str, numbers: Mapping[int, int], boundaries: str) -> None: ...
    def unfinished(self, pipeline: str) -> list[KnownFile]: ...
    def recently_finished(self, pipeline: str) -> list[KnownFile]: ...


class ScannedFile(Protocol):
    """A file that a scan has found."""

    @property
    def path(self) -> str: ...
    @property
    def root(self) -> str: ...
    @property
    def device(self) -> int: ...
    @property
    def inode(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> float: ...


class TailContext(msgspec.Struct):
    """The objects that all modules of the tracker of a pipeline share. A reload changes `scope` and `links`."""

    pipeline: str
    ledger: GenerationStore
    clock: Clock
    emit: events.Emit
    descriptors: OpenFileLimiter
    scope: SearchScope
    links: HardLinks | None
    unreadable: UnreadableFiles
    beat: Callable[[], None]
    """Called for each file that is compared, to show that the thread is alive."""

    is_ending: bool = False
    """Whether the sidecar ends, so that an unterminated last line counts as complete."""

    def last_place(self, file: TrackedFile) -> FileLocation:
        """Return where the application had the file last. It may be resumed from a hard link of the sidecar."""
        path = file.generation.path
        is_link = self.links is not None and self.links.is_link(file.name)
        return FileLocation(os.path.dirname(path), path) if is_link else file.place

    def report_gone(self, gone: Sequence[KnownFile]) -> None:
        """Report files that disappeared while the sidecar was down."""
        if gone:
            self.emit(events.FilesGone(self.pipeline, gone[0].name, gone[0].read_to, len(gone)))
