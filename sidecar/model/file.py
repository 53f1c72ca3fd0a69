"""The identity of a file, and of one generation of its content."""

from __future__ import annotations

import os
from functools import lru_cache

import msgspec

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class FileId(msgspec.Struct, frozen=True):
    """Which file this is, whatever it is called: device, inode, and the inode's generation where it has one."""

    device: int
    inode: int
    inode_generation: int | None


class Generation(msgspec.Struct, frozen=True):
    """One life of one file in one pipeline, from creation or truncation to the next.

    `number` is drawn at random (63 bits) and never derived from content or inode; `born` is in seconds since
    the epoch; `path` is the name under which the life began and stays the same when the file is renamed.
    """

    id: int
    pipeline: str
    path: str
    created_at: float

    @property
    def id_prefix(self) -> str:
        """The number in base 36: the first half of every document's `_id`."""
        return _base36(self.id)

    @property
    def display_path(self) -> str:
        """The path as text that any database takes: bytes that are not UTF-8 are written `\\xff`."""
        return os.fsencode(self.path).decode(errors="backslashreplace")


@lru_cache(maxsize=64)
def _base36(number: int) -> str:
    rest, digits = number, ""
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
