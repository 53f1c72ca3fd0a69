"""Compresses texts one by one, so that they can be sent as one gzip file without compressing them again.

Most servers read only the first of several gzip files in a request, so the compressed blocks of all texts get one
header and one trailer (RFC 1951, RFC 1952).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from isal import isal_zlib

_LEVEL = 1  # a higher level takes more time and saves only a little more
_RAW = -15  # blocks without header and trailer
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\4\xff"  # no name, no time, fastest algorithm, unknown system
_LAST_BLOCK = b"\3\0"  # it is empty


class Deflated(msgspec.Struct, frozen=True):
    """A compressed text."""

    blocks: bytes
    """Blocks of deflate that end at a whole byte. The last one is not marked as the last."""

    crc: int
    """CRC-32 of the text."""

    size: int
    """Bytes of the text."""


def deflate(text: bytes) -> Deflated:
    """Return the compressed text."""
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW)
    blocks = compressor.compress(text) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    return Deflated(blocks, isal_zlib.crc32(text), len(text))


def inflate(deflated: Deflated) -> bytes:
    """Return the text."""
    return isal_zlib.decompressobj(_RAW).decompress(deflated.blocks, deflated.size)


def join_as_gzip(texts: Iterable[Deflated]) -> list[bytes]:
    """Return the pieces of one gzip file that contains these texts."""
    crc = size = 0
    pieces = [_GZIP_HEADER]
    for text in texts:
        crc, size = isal_zlib.crc32_combine(crc, text.crc, text.size), size + text.size
        pieces.append(text.blocks)
    trailer = crc.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")
    return [*pieces, _LAST_BLOCK + trailer]
