"""Holds the tracked files of a pipeline, and which of them have grown recently."""

from __future__ import annotations

from collections.abc import Collection, Iterator, KeysView, Mapping

from sidecar.tail.context import ScannedFile
from sidecar.tail.siblings import Key
from sidecar.tail.tracked_file import FilePhase, TrackedFile


class FileSet:
    """The tracked files of one pipeline, by device and inode."""

    def __init__(self) -> None:
        self._by_key: dict[Key, TrackedFile] = {}
        self._active: dict[TrackedFile, None] = {}

    def __iter__(self) -> Iterator[TrackedFile]:
        return iter(list(self._by_key.values()))

    def __contains__(self, file: TrackedFile) -> bool:
        return self._by_key.get(file.file_id.key) is file

    def keys(self) -> KeysView[Key]:
        """Return a view of the device and inode of each file."""
        return self._by_key.keys()

    def find_undelivered(self) -> list[TrackedFile]:
        """Return the files that at least one sink has not finished."""
        return [file for file in self if file.phase is not FilePhase.DELIVERED]

    def find(self, key: Key) -> TrackedFile | None:
        """Return the file with this device and inode."""
        return self._by_key.get(key)

    def find_generation(self, number: int) -> TrackedFile | None:
        """Return the file of a generation."""
        return next((file for file in self._by_key.values() if file.generation.id == number), None)

    def add(self, file: TrackedFile, now: float) -> None:
        """Track a file, and record that it has grown now."""
        self._by_key[file.file_id.key] = file
        self.mark_active(file, now)

    def remove(self, file: TrackedFile) -> None:
        """Stop tracking a file."""
        del self._by_key[file.file_id.key]
        self._active.pop(file, None)

    def renumber(self, seen: Collection[Key]) -> list[TrackedFile]:
        """Track open files by their new inodes if a network file system has changed these. Return these files.

        `seen`: the keys that a scan has found. Only files with other keys are checked.
        """
        missing = [file for key, file in self._by_key.items() if key not in seen]
        renumbered = [(file, identity) for file in missing if (identity := file.find_new_identity())]
        for file, identity in renumbered:
            if identity.key not in self._by_key:
                del self._by_key[file.file_id.key]
                file.file_id = identity
                self._by_key[identity.key] = file
        return [file for file, identity in renumbered if file.file_id == identity]

    def clear(self) -> None:
        """Close all files and stop tracking them."""
        for file in self:
            file.close()
        self._by_key.clear()
        self._active.clear()

    def mark_active(self, file: TrackedFile, now: float) -> None:
        """Record that a file has grown."""
        file.grown_at = now
        self._active[file] = None

    def find_active(self, now: float, min_age_s: float, max_age_s: float) -> list[TrackedFile]:
        """Return the files that grew `min_age_s` to `max_age_s` seconds ago. Forget those that grew earlier."""
        for file in [file for file in self._active if now - file.grown_at >= max_age_s]:
            del self._active[file]
        return [file for file in self._active if now - file.grown_at >= min_age_s]

    def find_hot(self, now: float, max_age_s: float) -> list[TrackedFile]:
        """Return the files that have grown in the last `max_age_s` seconds."""
        return [file for file in self._active if now - file.grown_at <= max_age_s]

    # The next methods must be fast, because each scan compares thousands of files.

    def index(self, found: Collection[ScannedFile], names: Collection[str]) -> dict[Key, ScannedFile]:
        """Return the found files by device and inode. If a file has several names, prefer its tracked name.

        For a file that is not tracked, prefer one of `names`.
        """
        by_key = {(each.device, each.inode): each for each in found}
        if len(by_key) == len(found):
            return by_key
        by_key.clear()
        for each in found:
            key = each.device, each.inode
            if by_key.setdefault(key, each) is not each:
                file = self._by_key.get(key)
                if each.path == file.name if file else each.path in names:
                    by_key[key] = each
        return by_key

    def compare(self, seen: Mapping[Key, ScannedFile]) -> tuple[list[Key], list[Key]]:
        """Return the keys of files whose size, time or name has changed, and those of files that are not tracked."""
        changed, untracked, find = list[Key](), list[Key](), self._by_key.get
        for key, found in seen.items():
            file = find(key)
            if file is None:
                untracked.append(key)
            elif not (
                file.disk_size == found.size
                and file.modified == found.modified
                and file.is_in_last_scan
                and file.place.name == found.path
            ):
                changed.append(key)
        return changed, untracked

    def find_rotated(self, seen: Mapping[Key, ScannedFile]) -> list[TrackedFile]:
        """Return the files whose phase is not `ACTIVE`, or that the scan has not found under their original names."""
        active = FilePhase.ACTIVE  # looking up a member of an enumeration takes as long as the rest
        return [
            file
            for key, file in self._by_key.items()
            if key not in seen or file.phase is not active or file.place.name != file.generation.path
        ]
