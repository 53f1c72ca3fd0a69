"""Digests by which a file is recognized: of its beginning, and of the bytes before an offset."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

HEAD = 1024
"""Bytes of the beginning of a file that its fingerprint covers, once it has that many."""


OVERLAP = 64
"""Bytes before a position that must still be what they were when the position was reached."""


def digest(data: bytes) -> bytes:
    """16 bytes that stand for these bytes: the state never holds the application's text."""
    return blake2b(data, digest_size=16).digest()


class Fingerprint(msgspec.Struct, frozen=True):
    """How a file begins: the digest of its first `covered` bytes, at most `HEAD`."""

    covered: int
    digest: bytes

    @classmethod
    def of(cls, head: bytes) -> Fingerprint:
        """The fingerprint of a file that begins with these bytes."""
        head = head[:HEAD]
        return cls(len(head), digest(head))

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins with `head` can be this one. A head shorter than `covered` does not fit."""
        return len(head) >= self.covered and digest(head[: self.covered]) == self.digest


class OverlapDigest(msgspec.Struct, frozen=True):
    """The digest of the `length` bytes (at most `OVERLAP`) before a position."""

    length: int
    digest: bytes

    @classmethod
    def of(cls, before: bytes) -> OverlapDigest:
        """The tail of a position that these bytes stand before."""
        before = before[-OVERLAP:]
        return cls(len(before), digest(before))

    def fits(self, before: bytes) -> bool:
        """Whether `before`, the bytes in front of the position, is what stood there."""
        return len(before) >= self.length and digest(before[len(before) - self.length :]) == self.digest


NO_TAIL = OverlapDigest.of(b"")
