"""Keeps what is not settled yet reachable: a hard link to each such file, in a directory of the log volume.

A deletion takes the application's name away, a crash takes our descriptor; with a link of our own the bytes outlive
both. The directory has to be on the volume of the logs and writable (link(2)); the kernel's `protected_hardlinks`
asks in addition that the files are ours or that we may write them (proc_sys_fs(5)).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sidecar.flow import Generation
from sidecar.read.life import Place
from sidecar.read.source import Plain, Source, open_source


class Links:
    """The links of one pipeline in `directory`, named by generation."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def keep(self, generation: Generation, source: Source) -> None:
        """Make the link. Raises `OSError` as link(2) does; a link that is there is fine."""
        if not isinstance(source, Plain):
            return
        self.directory.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            # Only with a directory descriptor does it call linkat(2), which follows the link in /proc to the file.
            os.link(f"/proc/self/fd/{source.fd}", self._path(generation).name, dst_dir_fd=folder)
        except FileExistsError:
            return
        finally:
            os.close(folder)

    def find(self, generation: Generation) -> tuple[Place, Source] | None:
        """The file that the link leads to, opened."""
        path = self._path(generation)
        root = os.path.realpath(self.directory)
        with suppress(OSError):
            return Place(root, os.path.join(root, path.name)), open_source(root, os.path.join(root, path.name))
        return None

    def drop(self, generation: Generation) -> None:
        """The link is not needed any more."""
        with suppress(OSError):
            self._path(generation).unlink()

    def _path(self, generation: Generation) -> Path:
        return self.directory / f"{generation.text}.log-sidecar"
