"""Keeps unsettled content on disk by a hard link to each unfinished file, in a directory of the log volume.

Even if the application deletes the file and the sidecar crashes, the hard link keeps the content. The directory must
be writable and on the volume of the logs (link(2)). The kernel's `protected_hardlinks` also requires that the sidecar
owns the files or may write them (proc_sys_fs(5)).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sidecar.lib.roots import Roots, enter_directory
from sidecar.model.file import Generation
from sidecar.tail.plain_file import PlainFile
from sidecar.tail.source import Source, open_source
from sidecar.tail.tracked_file import FileLocation


class HardLinks:
    """The hard links of one pipeline in `directory`, named by generation."""

    def __init__(self, directory: Path, roots: Roots | None = None) -> None:
        self.directory = directory
        self._above = (roots or Roots()).find(os.path.abspath(directory.parent))

    def create(self, generation: Generation, source: Source) -> None:
        """Create the link, unless it exists. Raise `OSError` as link(2) does."""
        if not isinstance(source, PlainFile):
            return
        with self._folder(make=True) as folder, suppress(FileExistsError):
            # With a directory descriptor, `os.link` calls linkat(2), which follows the link in /proc to the file.
            os.link(f"/proc/self/fd/{source.fd}", _name(generation), dst_dir_fd=folder)

    def duplicate(self, before: Generation, after: Generation) -> None:
        """Create a second link to the same file, named by another generation."""
        with suppress(OSError), self._folder() as folder:
            os.link(_name(before), _name(after), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def find(self, generation: Generation) -> tuple[FileLocation, Source] | None:
        """Open the hard link of a generation. Return its location and the open file, or None if this fails."""
        with suppress(OSError), self._above.reach() as reached:
            if reached.error is None:
                path = os.path.join(reached.path, self.directory.name, _name(generation))
                return FileLocation(reached.path, path), open_source(reached.path, path)
        return None

    def is_link(self, path: str) -> bool:
        """Return whether the path is in the directory of the hard links."""
        return os.path.dirname(path) == os.path.join(self._above.path, self.directory.name)

    def delete(self, generation: Generation) -> None:
        """Delete the link, if it exists."""
        with suppress(OSError), self._folder() as folder:
            os.unlink(_name(generation), dir_fd=folder)

    @contextmanager
    def _folder(self, *, make: bool = False) -> Iterator[int]:
        """Yield a descriptor of the directory. Follow no symbolic link, which the application may have created."""
        with self._above.reach() as reached:
            if reached.error is not None:
                raise reached.error
            if make:
                with suppress(FileExistsError):
                    os.mkdir(self.directory.name, mode=0o700, dir_fd=reached.directory)
            folder = enter_directory(reached.directory, self.directory.name)
            try:
                yield folder
            finally:
                os.close(folder)


def _name(generation: Generation) -> str:
    return f"{generation.id_prefix}.log-sidecar"
