"""The bytes of one open file, plain or compressed, by position."""

from __future__ import annotations

import codecs
import errno
import os
from typing import Protocol

from sidecar.model.file import FileId
from sidecar.model.fingerprint import FINGERPRINT_BYTES
from sidecar.tail.compressed_file import CompressedFile
from sidecar.tail.compression import find_format
from sidecar.tail.file_stat import FileStat as FileStat
from sidecar.tail.plain_file import PlainFile
from sidecar.tail.safe_open import open_regular
from sidecar.tail.scan_allowance import Postponed as Postponed
from sidecar.tail.scan_allowance import ScanAllowance as ScanAllowance

_HEAD_BYTES = 4096
_UTF_32_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class Source(Protocol):
    """An open file. `identity` says which one it is; `packed`: it is compressed, and not written in place."""

    packed: bool

    @property
    def identity(self) -> FileId: ...

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most `length` bytes from `offset`, fewer only at the end. Raise `OSError` as pread(2) does.

        Bytes that changed between two calls of pread(2) are left out, which makes the result shorter.
        """
        ...

    def status(self) -> FileStat:
        """Return size and time of change. NUL bytes at the end do not count as content."""
        ...

    def modified_at(self) -> float:
        """Return the time of the last change, as fstat(2) says it."""
        ...

    def holds(self, size: int) -> bool:
        """Return whether there are so many bytes at least, NUL bytes at the end included."""
        ...

    def has_content_after(self, offset: int) -> bool:
        """Return whether a byte that is not NUL follows."""
        ...

    def data_after(self, offset: int) -> int:
        """Return where the next byte may be that is not in a hole, `offset` or later; the size if there is none."""
        ...

    def limit(self, allowance: ScanAllowance | None) -> None:
        """Limit what is decompressed from now on: then all methods that read raise `Postponed`. None: no limit."""
        ...

    def close(self) -> None: ...


def open_source(root: str, path: str) -> Source:
    """Return the regular file `path` below the resolved directory `root`; compressed files are recognised by content.

    Raise `NotRegular`, or `OSError` as open(2) does and for a file that no setting can read.
    """
    fd = open_regular(root, path)
    try:
        head = os.pread(fd, _HEAD_BYTES, 0)
        if head.startswith(_UTF_32_BOMS):
            raise OSError(errno.EILSEQ, "it is in UTF-32, which cannot be read; convert it to UTF-8")
        form = find_format(head)
        if form is None:
            return PlainFile(fd)
        form.check(head)
        return CompressedFile(fd, form)
    except OSError:
        os.close(fd)
        raise


def read_head(source: Source) -> bytes:
    """Return how the file begins, at most as much as a fingerprint covers."""
    return find_beginning(source.pread(FINGERPRINT_BYTES, 0))


def find_beginning(data: bytes) -> bytes:
    """Return the bytes before the first hole: it may be a place that is yet to be written."""
    return data.partition(b"\0\0")[0].rstrip(b"\0")


class OwnedSource:
    """An open file that is closed at the end of the block unless it was taken."""

    def __init__(self, source: Source | None) -> None:
        self.source = source
        self._mine = source is not None

    @property
    def open(self) -> Source:
        """The file, where it is known to be open."""
        if self.source is None:
            raise ValueError("nothing was opened")
        return self.source

    def take(self) -> Source:
        """The file is the caller's now."""
        self._mine = False
        return self.open

    def __enter__(self) -> OwnedSource:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine and self.source is not None:
            self.source.close()
