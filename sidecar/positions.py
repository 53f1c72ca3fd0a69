"""The nouns of durable positions: what makes a file itself, what is remembered of it, what a commit holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from sidecar.flow import FileId, Generation

HEAD = 1024
"""Bytes of the beginning of a file that its fingerprint covers, once it has that many."""

OVERLAP = 64
"""Bytes before a position that must still be what they were when the position was reached."""


MAX_COUNT = (1 << 63) - 1
"""The largest number that the state holds. Sums of bytes stop there: sparse files may claim as much each."""


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


class Tail(msgspec.Struct, frozen=True):
    """The digest of the `length` bytes (at most `OVERLAP`) before a position."""

    length: int
    digest: bytes

    @classmethod
    def of(cls, before: bytes) -> Tail:
        """The tail of a position that these bytes stand before."""
        before = before[-OVERLAP:]
        return cls(len(before), digest(before))

    def fits(self, before: bytes) -> bool:
        """Whether `before`, the bytes in front of the position, is what stood there."""
        return len(before) >= self.length and digest(before[len(before) - self.length :]) == self.digest


NO_TAIL = Tail.of(b"")


class Checkpoint(msgspec.Struct, frozen=True):
    """The gap-free settled prefix of a generation for a sink: everything before byte `offset` is settled."""

    offset: int
    tail: Tail
    done: bool = False


ORIGIN = Checkpoint(0, NO_TAIL)


class Remembered(msgspec.Struct, frozen=True):
    """What the state knows of a generation that is not finished.

    `name` is the last path the file was seen under, `seen` its size when we last wrote it down. `ended` is why
    nothing more can be read of it ("truncated", "deleted"), "" while it can. `moved`: its bytes are in a copy, the
    file itself was truncated. `cuts` are the offsets at which an unterminated line was shipped.
    """

    generation: Generation
    file_id: FileId
    fingerprint: Fingerprint
    name: str
    seen: int
    ended: str
    moved: bool
    checkpoints: Mapping[str, Checkpoint]
    cuts: Sequence[int]


class DeadLetter(msgspec.Struct, frozen=True):
    """A document that its destination will never take as it is, with all that is needed to send it again.

    `start` and `end` are byte offsets of its line in the file `path`; `at` is in seconds since the epoch;
    `document` is JSON text; `status`, `kind` and `reason` are the destination's words.
    """

    pipeline: str
    sink: str
    generation: int
    path: str
    start: int
    end: int
    document_id: str
    target: str
    document: str
    event_time: str
    status: int | None
    kind: str
    reason: str
    at: float
    attempts: int = 1


class Amounts(msgspec.Struct):
    """Bytes and lines by what became of them: `stored`, `dead_letter`, `skipped:empty`, `lost:truncated` …"""

    bytes_: dict[str, int] = {}
    lines: dict[str, int] = {}

    def add(self, what: str, size: int, lines: int) -> None:
        """Count `size` bytes, up to `MAX_COUNT` in all, and `lines` lines more under `what`."""
        self.bytes_[what] = min(MAX_COUNT, self.bytes_.get(what, 0) + size)
        self.lines[what] = self.lines.get(what, 0) + lines

    def merge(self, other: Amounts) -> None:
        """Count all of `other` too."""
        for what, size in other.bytes_.items():
            self.add(what, size, other.lines[what])


class Advance(msgspec.Struct, frozen=True):
    """One step of one checkpoint, with all that has to become durable together with it."""

    generation: int
    checkpoint: Checkpoint
    seen: int
    amounts: Amounts
    dead_letters: Sequence[DeadLetter] = ()
