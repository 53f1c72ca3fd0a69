"""Limits the unread bytes of deleted files that are kept open."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sidecar.tail.tracked_file import TrackedFile


class DeletedFilesBudget:
    """Decides which deleted files to give up, so that they keep at most `limit` unread bytes on disk.

    Each file counts as at least `limit / max_files` bytes, so at most `max_files` deleted files are open.
    """

    def __init__(self, limit: int, max_files: int) -> None:
        self.limit = limit
        self._max_files = max_files

    def select_over_budget(self, files: Iterable[TrackedFile]) -> list[TrackedFile]:
        """Return the files to give up, the oldest first."""
        deleted: list[tuple[float, int, TrackedFile]] = []
        min_size = self.limit // self._max_files
        for file in [file for file in files if not file.is_in_last_scan]:
            unread = file.count_unsettled(file.unread_from)
            with suppress(OSError):
                if unread > 0 and file.status().links == 0:
                    deleted.append((file.generation.created_at, max(unread, min_size), file))
        total, given_up = sum(unread for _, unread, _ in deleted), []
        for _, unread, file in sorted(deleted, key=lambda item: item[0]):
            if total <= self.limit:
                break
            total -= unread
            given_up.append(file)
        return given_up
