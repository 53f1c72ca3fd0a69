"""Identifies a file: by device, inode, and a value that changes when the file system reuses the inode."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

from sidecar.model.file import FileId

_FS_IOC_GETVERSION = 0x80087601
"""Linux `FS_IOC_GETVERSION` (linux/fs.h): the generation number of an inode in ext4, XFS and btrfs."""


_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800
_STATX_SIZE = 256
_STATX = getattr(ctypes.CDLL(None), "statx", None)
"""statx(2), which Python 3.11 does not provide."""


def file_id(fd: int) -> FileId:
    """Return the identity of an open file. If the file system has no inode generations, use the creation time."""
    status = os.fstat(fd)
    generation = _inode_generation(fd)
    created_ns = _created_ns(fd) if generation is None else None
    return FileId(status.st_dev, status.st_ino, generation, created_ns)


def find_new_id(fd: int, before: FileId) -> FileId | None:
    """Return the identity of an open file if its device or inode differs from that of `before`; else None."""
    status = os.fstat(fd)
    return None if before.key == (status.st_dev, status.st_ino) else file_id(fd)


def _created_ns(fd: int) -> int | None:
    found = ctypes.create_string_buffer(_STATX_SIZE)
    if _STATX is None or _STATX(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, found) != 0:
        return None
    mask, seconds, nanoseconds = struct.unpack_from("=I76xqI", found.raw)
    return seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else None


def _inode_generation(fd: int) -> int | None:
    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETVERSION, bytes(8))
    except OSError:
        return None
    number: int = struct.unpack("=q", answer)[0] & 0xFFFFFFFF
    return number
