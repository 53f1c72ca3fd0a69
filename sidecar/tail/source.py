"""Opens a file, plain or compressed, and reads its bytes by offset."""

from __future__ import annotations

import codecs
import errno
import os
from typing import Protocol

from sidecar.model.file import FileId
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.compressed_file import CompressedFile
from sidecar.tail.compression import begins_format, find_format
from sidecar.tail.file_stat import FileStat as FileStat
from sidecar.tail.plain_file import PlainFile
from sidecar.tail.rotation_names import COMPRESSED
from sidecar.tail.safe_open import open_regular
from sidecar.tail.scan_allowance import Postponed as Postponed
from sidecar.tail.scan_allowance import ScanAllowance as ScanAllowance

_HEAD_BYTES = 4096
_UTF_32_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class Source(Protocol):
    """An open file, plain or compressed."""

    is_compressed: bool

    @property
    def fd(self) -> int: ...

    @property
    def identity(self) -> FileId: ...

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most `length` bytes from `offset`. Raise `OSError` as pread(2) does.

        There are fewer bytes only at the end of the file, or if it has changed between two calls of pread(2).
        """
        ...

    def status(self) -> FileStat:
        """Return size and time of the file. NUL bytes at the end do not count as content."""
        ...

    def modified_at(self) -> float:
        """Return the time of the last change in fstat(2)."""
        ...

    def has_bytes(self, size: int) -> bool:
        """Return whether there are at least `size` bytes, including NUL bytes at the end."""
        ...

    def has_content_after(self, offset: int) -> bool:
        """Return whether a byte other than NUL follows after `offset`."""
        ...

    def find_data(self, offset: int) -> int:
        """Return the next offset from `offset` on that is not in a hole; the size if only a hole follows."""
        ...

    def find_new_identity(self) -> FileId | None:
        """Return the new identity of the file and keep it, if the file system has changed it; else return None."""
        ...

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Limit decompression by this allowance; None: no limit. Methods raise `Postponed` when it is used up."""
        ...

    def close(self) -> None: ...


def open_source(root: str, path: str) -> Source:
    """Open the regular file `path` below `root`, a directory without links. Recognize compression by the first bytes.

    Raise `NotRegular`, or `OSError` as open(2) does or for a format that is not supported.
    """
    fd = open_regular(root, path)
    try:
        head = os.pread(fd, _HEAD_BYTES, 0)
        if head.startswith(_UTF_32_BOMS):
            raise OSError(errno.EILSEQ, "it is encoded in UTF-32, which is not supported; convert it to UTF-8")
        form = find_format(head)
        if form is None and path.endswith(COMPRESSED) and begins_format(head):
            raise OSError(errno.EAGAIN, "it is too short to be decompressed")
        if form is None:
            return PlainFile(fd)
        form.check(head)
        return CompressedFile(fd, form)
    except OSError:
        os.close(fd)
        raise


def read_head(source: Source) -> bytes:
    """Return the first bytes of the file before a hole, at most as many as a fingerprint covers."""
    return find_beginning(source.pread(FINGERPRINT_BYTES, 0))


def find_beginning(data: bytes) -> bytes:
    """Return the bytes before the first hole, because the hole may be written later."""
    return data.partition(b"\0\0")[0].rstrip(b"\0")


class OwnedSource:
    """An open file that is closed at the end of the `with` block, unless `take` was called."""

    def __init__(self, source: Source | None) -> None:
        self.source = source
        self._is_owner = source is not None

    @property
    def open(self) -> Source:
        """The open file. Raises `ValueError` if none was opened."""
        if self.source is None:
            raise ValueError("no file was opened")
        return self.source

    def take(self) -> Source:
        """Return the open file, which the caller must close."""
        self._is_owner = False
        return self.open

    def __enter__(self) -> OwnedSource:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_owner and self.source is not None:
            self.source.close()
