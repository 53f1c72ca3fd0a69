"""Computes digests that identify a file: of its beginning, and of the bytes before an offset."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from isal import isal_zlib

FINGERPRINT_BYTES = 1024
"""Maximum number of bytes at the beginning of a file that its fingerprint covers; fewer if the file is shorter."""


OVERLAP_BYTES = 64
"""Number of bytes before an offset that must be unchanged when reading continues there."""


def digest(data: bytes) -> bytes:
    """Return a digest of 16 bytes. The state stores digests, because it must not contain text of the application."""
    return blake2b(data, digest_size=16).digest()


def checksum(data: bytes, before: int = 0, start: int = 0, end: int | None = None) -> int:
    """Return the CRC-32 of the data without its NUL bytes. `before`: checksum of the data that precedes it.

    NUL bytes are ignored, because a hole may have any size and need not be read. `start` and `end`: the part of the
    data that counts.
    """
    if data.find(b"\0", start, end) >= 0:
        return isal_zlib.crc32(data[start:end].translate(None, b"\0"), before)
    return isal_zlib.crc32(memoryview(data)[start:end], before)


class Fingerprint(msgspec.Struct, frozen=True):
    """The digest of the first `covered` bytes of a file, at most `FINGERPRINT_BYTES`."""

    covered: int
    digest: bytes

    @classmethod
    def from_head(cls, head: bytes) -> Fingerprint:
        """Return the fingerprint of a file that begins with these bytes."""
        head = head[:FINGERPRINT_BYTES]
        return cls(len(head), digest(head))

    def matches(self, head: bytes) -> bool:
        """Return whether `head` begins with the bytes that the fingerprint covers; False if `head` is shorter."""
        return len(head) >= self.covered and digest(head[: self.covered]) == self.digest


class OverlapDigest(msgspec.Struct, frozen=True):
    """The digest of the `length` bytes before an offset, at most `OVERLAP_BYTES`."""

    length: int
    digest: bytes

    @classmethod
    def from_bytes(cls, before: bytes) -> OverlapDigest:
        """Return the digest of the last `OVERLAP_BYTES` of `before`, which are the bytes before an offset."""
        before = before[-OVERLAP_BYTES:]
        return cls(len(before), digest(before))

    def matches(self, before: bytes) -> bool:
        """Return whether `before` ends with the bytes of this digest."""
        return len(before) >= self.length and digest(before[len(before) - self.length :]) == self.digest


NO_TAIL = OverlapDigest.from_bytes(b"")
