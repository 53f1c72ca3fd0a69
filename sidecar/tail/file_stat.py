"""Size and times of a file."""

from __future__ import annotations

from typing import NamedTuple


class FileStat(NamedTuple):
    """The values of fstat(2), and the size of the content."""

    size: int
    """Uncompressed bytes up to the last one that is not NUL. NUL bytes at the end are reserved space."""

    modified: float
    """Time of the last change."""

    links: int
    """Number of names."""

    real_size: int
    """The size without implausible holes. A sparse file may have a size of up to 2^63 - 1 bytes and no content."""

    disk_size: int
    """The size in fstat(2): that of the compressed file, including NUL bytes at the end."""
