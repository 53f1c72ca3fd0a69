"""Defines the identity of a file, and of one generation of its content."""

from __future__ import annotations

import os
from functools import lru_cache

import msgspec

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class FileId(msgspec.Struct, frozen=True):
    """Identifies a file independently of its name."""

    device: int
    inode: int
    inode_generation: int | None
    """Generation of the inode, if the file system has one."""

    created_ns: int | None = None
    """When the inode was created; None if this is unknown, or if the file system has inode generations."""

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode, which are all that stat(2) returns of the identity."""
        return self.device, self.inode

    @property
    def is_certain(self) -> bool:
        """Whether no other file can get the same identity after this one is deleted."""
        return self.inode_generation is not None or self.created_ns is not None

    def matches(self, other: FileId) -> bool:
        """Return whether both may be the same file: all values that both have are equal."""
        if (self.device, self.inode) != (other.device, other.inode):
            return False
        pairs = ((self.inode_generation, other.inode_generation), (self.created_ns, other.created_ns))
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


class Generation(msgspec.Struct, frozen=True):
    """The content of one file in one pipeline, from creation or truncation to the next truncation."""

    id: int
    """Random 63-bit number, never derived from content or inode."""

    pipeline: str
    path: str
    """Path of the file when the sidecar began to track this content; a rename does not change it."""

    created_at: float
    """When the sidecar began to track this content, in seconds since the epoch."""

    @property
    def id_prefix(self) -> str:
        """The id in base 36: the first half of the `_id` of every document."""
        return _base36(self.id)

    @property
    def display_path(self) -> str:
        """The path as text that every database accepts: bytes that are not UTF-8 are written as `\\xff`."""
        return os.fsencode(self.path).decode(errors="backslashreplace")


@lru_cache(maxsize=64)
def _base36(number: int) -> str:
    rest, digits = number, ""
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
