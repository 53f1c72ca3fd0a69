"""Which file is this? Device, inode, and the inode's generation where the file system keeps one."""

from __future__ import annotations

import fcntl
import os
import struct

from sidecar.model.file import FileId

_FS_IOC_GETVERSION = 0x80087601
"""Linux `FS_IOC_GETVERSION` (linux/fs.h): the generation number of an inode, as ext4, XFS and btrfs keep it."""


def file_id(fd: int) -> FileId:
    """The identity of an open file. A file system without inode generations gives None for it."""
    status = os.fstat(fd)
    return FileId(status.st_dev, status.st_ino, _inode_generation(fd))


def _inode_generation(fd: int) -> int | None:
    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETVERSION, bytes(8))
    except OSError:
        return None
    number: int = struct.unpack("=q", answer)[0] & 0xFFFFFFFF
    return number
