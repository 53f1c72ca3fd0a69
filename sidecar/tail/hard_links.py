"""Keeps what is not settled yet reachable: a hard link to each such file, in a directory of the log volume.

A deletion takes the application's name away, a crash takes our descriptor; with a link of our own the bytes outlive
both. The directory has to be on the volume of the logs and writable (link(2)); the kernel's `protected_hardlinks`
asks in addition that the files are ours or that we may write them (proc_sys_fs(5)).
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
    """The links of one pipeline in `directory`, named by generation."""

    def __init__(self, directory: Path, roots: Roots | None = None) -> None:
        self.directory = directory
        self._above = (roots or Roots()).find(os.path.abspath(directory.parent))

    def keep(self, generation: Generation, source: Source) -> None:
        """Make the link. Raises `OSError` as link(2) does; a link that is there is fine."""
        if not isinstance(source, PlainFile):
            return
        with self._folder(make=True) as folder, suppress(FileExistsError):
            # Only with a directory descriptor does it call linkat(2), which follows the link in /proc to the file.
            os.link(f"/proc/self/fd/{source.fd}", _name(generation), dst_dir_fd=folder)

    def again(self, before: Generation, after: Generation) -> None:
        """What has a link under one number gets one under another, too."""
        with suppress(OSError), self._folder() as folder:
            os.link(_name(before), _name(after), src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)

    def find(self, generation: Generation) -> tuple[FileLocation, Source] | None:
        """The file that the link leads to, opened."""
        with suppress(OSError), self._above.reach() as reached:
            if reached.error is None:
                path = os.path.join(reached.path, self.directory.name, _name(generation))
                return FileLocation(reached.path, path), open_source(reached.path, path)
        return None

    def holds(self, path: str) -> bool:
        """Return whether the path is that of a link."""
        return os.path.dirname(path) == os.path.join(self._above.path, self.directory.name)

    def drop(self, generation: Generation) -> None:
        """The link is not needed any more."""
        with suppress(OSError), self._folder() as folder:
            os.unlink(_name(generation), dir_fd=folder)

    @contextmanager
    def _folder(self, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the directory, which the application may have replaced by a link."""
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
