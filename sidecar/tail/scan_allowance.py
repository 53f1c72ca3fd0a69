"""How much of compressed files one scan may decompress."""

from __future__ import annotations


class Postponed(Exception):
    """Raised when the answer needs more decompressed bytes than one scan may make. The next scan continues."""


class ScanAllowance:
    """The bytes that may still be decompressed in this scan."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Count decompressed bytes."""
        self.left -= size

    def check(self) -> None:
        """Raise `Postponed` if nothing is left."""
        if self.left <= 0:
            raise Postponed
