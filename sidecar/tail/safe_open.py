"""Opens files of the application without following its symbolic links.

The application owns the volume and is not trusted: a name may be a symbolic link to a secret of the sidecar, or a
FIFO without a writer, or become one between scan and open. So no link in a path is followed, and only regular files
are opened (open(2), openat(2)).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from sidecar.lib.roots import open_directory

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotRegular(OSError):
    """The name is a link, a FIFO, a device, a socket or a directory."""


def open_regular(root: str, path: str) -> int:
    """Return a descriptor for the regular file `path` below the directory `root`, both absolute and without links.

    Raise `NotRegular`, or `OSError` as open(2) does.
    """
    *folders, name = _below(root, path)
    with open_directory("/".join((root, *folders))) as directory:
        return _open_if_regular(os.open(name, _FLAGS, dir_fd=directory))


def close_quietly(fd: int) -> None:
    """Close a descriptor. An error does not matter: the descriptor is closed in any case (close(2))."""
    with suppress(OSError):  # a FUSE file system whose daemon has ended, for example
        os.close(fd)


def _below(root: str, path: str) -> list[str]:
    """Return the components of `path` below `root`, both absolute."""
    # Without pathlib, which would take longer than opening the file.
    above = root.rstrip("/") + "/"
    parts = [part for part in path[len(above) :].split("/") if part not in ("", ".")]
    if not path.startswith(above) or not parts:
        raise ValueError(f"{path!a} is not below {root!a}")
    return parts


def _open_if_regular(fd: int) -> int:
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        raise NotRegular("not a regular file")
    except OSError:
        os.close(fd)
        raise
