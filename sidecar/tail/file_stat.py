"""What a file says of itself."""

from __future__ import annotations

from typing import NamedTuple


class FileStat(NamedTuple):
    """What fstat(2) and the bytes at the end of a file say."""

    size: int
    """Bytes up to the last one that is not NUL, uncompressed. NUL bytes after it are space that is still reserved."""

    modified: float
    """Time of the last change."""

    links: int
    """Number of names."""

    real_size: int
    """The size without an implausible hole. A sparse file may claim up to 2^63 - 1 bytes and hold none."""

    disk_size: int
    """The size that stat(2) returns: of the compressed file, and with NUL bytes at the end."""
