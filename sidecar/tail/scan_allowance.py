"""Limits the bytes that one scan decompresses."""

from __future__ import annotations


class Postponed(Exception):
    """Raised when the scan has decompressed the maximum number of bytes. The next scan continues."""


class ScanAllowance:
    """The bytes that may still be decompressed in this scan."""

    def __init__(self, size: int) -> None:
        self.left = size

    def charge(self, size: int) -> None:
        """Count decompressed bytes."""
        self.left -= size

    def check(self) -> None:
        """Raise `Postponed` if no bytes are left."""
        if self.left <= 0:
            raise Postponed
