"""Opens what the application offers without being led anywhere else.

The application owns the volume and is not trusted: a name may be a symbolic link to one of our secrets, a
FIFO that nobody writes, or become either between look and open. So every component below the fixed root is
opened with `O_NOFOLLOW`, and only a regular file is taken (open(2), openat(2)).
"""

from __future__ import annotations

import os
import stat

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotRegular(OSError):
    """The name is a link, a FIFO, a device, a socket or a directory."""


def open_regular(root: str, path: str) -> int:
    """A descriptor for the regular file `path`, which lies below the directory `root` (already resolved).

    Raises `NotRegular`, or `OSError` as open(2) does.
    """
    *folders, name = _below(root, path)
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        return _regular(os.open(name, _FLAGS, dir_fd=here))
    finally:
        os.close(here)


def _below(root: str, path: str) -> list[str]:
    """The components of `path` below `root`, both absolute. By text: with pathlib it takes longer than to open."""
    above = root.rstrip("/") + "/"
    parts = [part for part in path[len(above) :].split("/") if part not in ("", ".")]
    if not path.startswith(above) or not parts:
        raise ValueError(f"{path!a} is not below {root!a}")
    return parts


def _regular(fd: int) -> int:
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise NotRegular("not a regular file")
