"""Recognizes formats of compressed files by their first bytes, independent of their names."""

from __future__ import annotations

import bz2
import errno
import lzma
import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

MAX_WINDOW_BYTES = 10 << 20
"""Maximum memory to decode one stream: enough for `xz -6` (the default), `bzip2 -9` and `zstd -19`."""

_WINDOW_LOG = 23
"""Maximum window size of zstd, as a power of two: 2^23 bytes = 8 MiB."""


class Decoder(Protocol):
    """Decompresses one stream, as `bz2.BZ2Decompressor` does."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecoder:
    """Gives zlib's decompressor the interface of `Decoder`."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(31)
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        return not self._rest

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        output = self._inflater.decompress(self._rest + data, max_length)
        self._rest = self._inflater.unconsumed_tail
        return output


class CompressionFormat(NamedTuple):
    """A compression format, and the decoder for it."""

    name: str
    magic: bytes
    make_decoder: Callable[[], Decoder] | None = None
    """Returns a decoder; None if this version of Python has no decoder for the format."""

    errors: tuple[type[Exception], ...] = ()
    """Exceptions that a decoder raises for invalid bytes."""

    has_large_window: bool = True
    """Whether a decoder needs megabytes of memory."""

    max_expansion: int | None = None
    """Maximum number of bytes that one compressed byte expands to; None if there is no useful limit."""

    def new_decoder(self) -> Decoder:
        """Return a decoder. Raise `OSError` if this version of Python has no decoder for the format."""
        if self.make_decoder is None:
            raise OSError(
                errno.ENOTSUP,
                f"it is compressed with {self.name}, which is not supported; decompress it, or list it in `exclude`",
            )
        return self.make_decoder()

    def check(self, head: bytes) -> None:
        """Raise `OSError` if a file with these first bytes needs too much memory, or has no decoder."""
        try:
            self.new_decoder().decompress(head, 1)
        except self.errors as error:
            if "emory" in str(error):  # lzma has no separate exception for this
                reason = f"its {self.name} decompression needs more than {MAX_WINDOW_BYTES >> 20} MiB of memory"
                raise OSError(errno.ENOMEM, f"{reason}; decompress it, or list it in `exclude`") from None


def _make_zstd_decoder() -> Decoder:
    zstd = import_module("compression.zstd")
    decoder: Decoder = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    return decoder


def _find_zstd() -> tuple[Callable[[], Decoder] | None, tuple[type[Exception], ...]]:
    """Return a function that creates a zstd decoder, and the exceptions of the decoder.

    Before Python 3.14, whose standard library added zstd, return None and no exceptions.
    """
    if find_spec("compression") is None:
        return None, ()
    return _make_zstd_decoder, (import_module("compression.zstd").ZstdError, EOFError)


GZIP = CompressionFormat(
    "gzip", b"\x1f\x8b\x08", _GzipDecoder, (zlib.error,), has_large_window=False,
    max_expansion=1032,  # of deflate (RFC 1951)
)  # fmt: skip
FORMATS = (
    GZIP,
    CompressionFormat(
        "xz", b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_WINDOW_BYTES),
        (lzma.LZMAError, EOFError),
    ),
    *(
        CompressionFormat("bzip2", b"BZh%d1AY&SY" % level, bz2.BZ2Decompressor, (OSError, ValueError, EOFError))
        for level in range(1, 10)
    ),
    CompressionFormat("zstd", b"\x28\xb5\x2f\xfd", *_find_zstd()),
    CompressionFormat("lz4", b"\x04\x22\x4d\x18"),
    CompressionFormat("zip", b"PK\x03\x04"),
    CompressionFormat("7z", b"7z\xbc\xaf\x27\x1c"),
    CompressionFormat("compress (.Z)", b"\x1f\x9d"),
)  # fmt: skip


def find_format(head: bytes) -> CompressionFormat | None:
    """Return the format of a file that begins with these bytes, or None if the file is not compressed."""
    return next((each for each in FORMATS if head.startswith(each.magic)), None)


def begins_format(head: bytes) -> bool:
    """Return whether these bytes are the beginning of the first bytes of a compressed file."""
    return bool(head) and any(each.magic.startswith(head) for each in FORMATS)
